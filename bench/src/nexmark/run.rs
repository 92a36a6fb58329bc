//! A query over a file of events.

use std::path::Path;

use thalweg::metrics::JobReport;
use thalweg::prelude::*;

use super::outlet::{Kept, Outlet};
use super::queries::{DISORDER, Input, Query};
use super::reader;

/// The side input of those queries that read none.
#[must_use]
pub fn no_side_input() -> LookupTable<u64, Str> {
    LookupTable::of([])
}

/// The lines of a query's result over the events of a file, and what the job says of itself.
///
/// # Errors
///
/// If a file cannot be read, or the job fails.
pub fn over_file(
    query: Query,
    events: &Path,
    side_input: &LookupTable<u64, Str>,
    workers: usize,
) -> Result<(String, JobReport)> {
    let kept = Kept::default();
    let outlet = Outlet::Kept(kept.clone());
    let (source, side_input) = (reader::events(events), side_input.clone());
    let engine = Engine::builder().workers(workers).build();
    let report = engine.run(query.name, move |t| {
        build(query, t, source.clone(), side_input.clone(), &outlet);
        Ok(())
    })?;
    Ok((kept.sorted(), report))
}

/// Adds a query over `source` to a job.
pub fn build<S>(
    query: Query,
    t: &mut Topology,
    source: S,
    side_input: LookupTable<u64, Str>,
    outlet: &Outlet,
) where
    S: thalweg::source::Source<Out = super::model::Event>,
{
    let events = t.source("events", source).watermarks(BoundedOutOfOrderness::of(DISORDER));
    (query.build)(Input { events, side_input }, outlet);
}
