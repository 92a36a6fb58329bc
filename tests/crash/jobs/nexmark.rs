//! Nexmark's queries over the golden events, one a round, into files that survive the process. q12 is left out: it depends on the clock.

use std::sync::OnceLock;

use thalweg::control::EngineBuilder;
use thalweg::prelude::*;
use thalweg_bench::nexmark::outlet::Outlet;
use thalweg_bench::nexmark::queries::{self, Query};
use thalweg_bench::nexmark::written::Written;
use thalweg_bench::nexmark::{reader, run};
use thalweg_tests::nexmark::{Digests, compare, digests, golden, side_input};

use crate::arguments::Child;

fn query(child: &Child) -> &'static Query {
    let timeless: Vec<_> = queries::ALL.iter().filter(|query| query.name != "q12").collect();
    let count = u64::try_from(timeless.len()).expect("few");
    timeless[usize::try_from(child.seed % count).expect("few")]
}

fn written(child: &Child) -> Written {
    Written::into(child.output())
}

pub(super) fn run(engine: EngineBuilder, child: &Child) -> Result<()> {
    let (query, outlet) = (*query(child), Outlet::Written(written(child)));
    let source = reader::events(&golden("events-60k.jsonl.gz"));
    let job = move |t: &mut Topology| {
        run::build(query, t, source.clone(), side_input(), &outlet);
        Ok(())
    };
    engine.build().run(query.name, job).map(drop)
}

pub(super) fn check(child: &Child) -> Result<(), String> {
    static DIGESTS: OnceLock<Digests> = OnceLock::new();
    let found = written(child).sorted().map_err(|error| error.to_string())?;
    compare(query(child), &found, DIGESTS.get_or_init(digests))
}
