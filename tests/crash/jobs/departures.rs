//! The departures of a month: windows, sessions and a join, into four files that grow.

#[path = "../../../core/examples/departures/job.rs"]
mod job;

use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use thalweg::control::EngineBuilder;
use thalweg::prelude::*;
use thalweg_tests::bids::same;
use thalweg_tests::departures::{
    DATA, DEPARTURES, RESULTS, Results, WEATHER, oracle, results, shipped,
};

use super::text;
use crate::arguments::Child;

pub(super) fn run(engine: EngineBuilder, child: &Child) -> Result<()> {
    let args = job::Args {
        input: Path::new(DATA).join(DEPARTURES),
        weather: Path::new(DATA).join(WEATHER),
        output: child.output(),
        out_of_orderness: Duration::from_secs(24 * 3600),
    };
    engine.build().run("departures", move |t| job::departures(t, &args)).map(drop)
}

pub(super) fn check(child: &Child) -> Result<(), String> {
    static EXPECTED: OnceLock<Results> = OnceLock::new();
    let expected = EXPECTED.get_or_init(|| oracle(&shipped(DEPARTURES), &shipped(WEATHER)));
    let found = RESULTS.iter().map(|name| Ok((*name, text(&child.output().join(name))?)));
    let found = found.collect::<Result<std::collections::BTreeMap<_, _>, String>>()?;
    if let Some((name, _)) = found.iter().find(|(_, text)| text.is_empty()) {
        return Err(format!("{name} has no header"));
    }
    let found = results(|name| found[name].clone());
    expected.iter().try_for_each(|(name, expected)| same(name, &found[name], expected))
}
