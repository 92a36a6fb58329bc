//! The jobs that are killed. Each has an oracle that knows nothing of checkpoints.

mod bids;
mod departures;
mod nexmark;

use std::fs;
use std::path::Path;

use thalweg::control::EngineBuilder;
use thalweg::prelude::*;

use crate::arguments::Child;

/// A job, and what its output must be.
pub(crate) struct Job {
    pub(crate) name: &'static str,
    /// Runs it on this engine, to its end.
    pub(crate) run: fn(EngineBuilder, &Child) -> Result<()>,
    /// It is killed only if it is named.
    pub(crate) by_name: bool,
    /// Compares what is in its folder with what should be.
    pub(crate) check: fn(&Child) -> Result<(), String>,
}

pub(crate) const ALL: &[Job] = &[
    Job { name: "departures", by_name: false, run: departures::run, check: departures::check },
    Job { name: "bids", by_name: false, run: bids::run, check: bids::check },
    Job { name: "nexmark", by_name: true, run: nexmark::run, check: nexmark::check },
];

/// The job of that name.
pub(crate) fn named(name: &str) -> &'static Job {
    ALL.iter().find(|job| job.name == name).expect("the arguments were checked")
}

fn text(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}
