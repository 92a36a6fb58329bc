//! A query over a file of events.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;

use thalweg::prelude::*;
use thalweg::source::Source;

use super::model::Event;
use super::outlet::{Kept, Outlet};
use super::queries::{DISORDER, Input, Query};
use super::reader;
use super::written::Written;

/// The side input of those queries that read none.
#[must_use]
pub fn no_side_input() -> LookupTable<u64, Str> {
    LookupTable::of([])
}

/// The lines of a query's result over the events of a file, plain or compressed.
///
/// # Errors
///
/// If the file cannot be read, or the job fails.
pub fn over_file(
    query: Query,
    events: &Path,
    side_input: &LookupTable<u64, Str>,
    workers: usize,
) -> Result<String> {
    over(query, reader::events(events), side_input, workers)
}

/// Where and how often a run takes checkpoints, to be gone on with after whatever ended it.
#[derive(Debug, Clone)]
pub struct Survival {
    /// What is kept of each query: its state and what it has written so far.
    pub folder: PathBuf,
    /// From one checkpoint to the next.
    pub every: Duration,
}

/// As [`over_file`], with checkpoints: the same again goes on where a run before was, if it was killed say.
///
/// # Errors
///
/// If a file cannot be read or written, or the job fails.
pub fn over_file_in(
    survival: &Survival,
    query: Query,
    events: &Path,
    side_input: &LookupTable<u64, Str>,
    workers: usize,
) -> Result<String, Box<dyn Error>> {
    let written = Written::into(survival.folder.join("output").join(query.name));
    let (outlet, side_input) = (Outlet::Written(written.clone()), side_input.clone());
    let source = reader::events(events);
    let checkpoints =
        Checkpoints::in_directory(survival.folder.join("state")).every(survival.every);
    let engine = Engine::builder().workers(workers).checkpoints(checkpoints).build();
    engine.run(query.name, move |t| {
        build(query, t, source.clone(), side_input.clone(), &outlet);
        Ok(())
    })?;
    Ok(written.sorted()?)
}

/// The lines of a query's result over the events of a source.
///
/// # Errors
///
/// If the job fails.
pub fn over<S>(
    query: Query,
    source: S,
    side_input: &LookupTable<u64, Str>,
    workers: usize,
) -> Result<String>
where
    S: Source<Out = Event> + Clone + Send + Sync,
{
    let kept = Kept::default();
    let (outlet, side_input) = (Outlet::Kept(kept.clone()), side_input.clone());
    let engine = Engine::builder().workers(workers).build();
    engine.run(query.name, move |t| {
        build(query, t, source.clone(), side_input.clone(), &outlet);
        Ok(())
    })?;
    Ok(kept.sorted())
}

/// Adds a query over `source` to a job.
pub fn build<S>(
    query: Query,
    t: &mut Topology,
    source: S,
    side_input: LookupTable<u64, Str>,
    outlet: &Outlet,
) where
    S: Source<Out = Event>,
{
    let events = t.source("events", source).watermarks(BoundedOutOfOrderness::of(DISORDER));
    (query.build)(Input { events, side_input }, outlet);
}
