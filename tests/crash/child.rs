//! One attempt at a job, in a process of its own that may be killed at any instant.

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use thalweg::control::EngineBuilder;
use thalweg::prelude::*;

use crate::arguments::Child;
use crate::jobs;
use thalweg_tests::harness::say;

/// Runs the job to its end; what goes wrong is printed, and the exit code is 3.
pub(crate) fn run(child: &Child) -> ExitCode {
    let job = jobs::named(&child.job);
    match (job.run)(engine(child), child) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&chain(&error));
            ExitCode::from(3)
        }
    }
}

/// Batches are small, so that there is much that can be cut short.
fn engine(child: &Child) -> EngineBuilder {
    let every = Duration::from_millis(child.interval_ms);
    Engine::builder()
        .driver(Driver::Plain)
        .workers(child.workers)
        .batch_records(64)
        .checkpoints(Checkpoints::in_directory(child.state()).every(every).retain(2))
}

fn chain(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| (**error).source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
