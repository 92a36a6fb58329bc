//! One attempt at the auction house, in a process of its own; and what its files must be in the end.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use thalweg::prelude::*;
use thalweg_tests::bids::{Auctions, Texts, bids};
use thalweg_tests::harness::say;

use crate::arguments::Child;

/// So many that a run has some ten checkpoints.
const BIDS: u64 = 150_000;

fn auctions(child: &Child) -> Auctions {
    let roll = match child.seed % 3 {
        0 => Roll::at_checkpoints(),
        1 => Roll::at_bytes(20_000),
        _ => Roll::at_bytes(100_000).or_at_checkpoints(),
    };
    Auctions { seed: child.seed, bids: BIDS, auctions: 300, roll }
}

/// Runs the job to its end; what goes wrong is printed, and the exit code is 3.
pub(crate) fn run(child: &Child) -> ExitCode {
    let every = Duration::from_millis(child.interval_ms);
    let checkpoints = Checkpoints::in_directory(child.folder.join("state")).every(every).retain(2);
    let engine = Engine::builder()
        .driver(Driver::Plain)
        .workers(child.workers)
        // There is much that can be cut short.
        .batch_records(64)
        .checkpoints(checkpoints);
    let (auctions, output) = (auctions(child), child.folder.join("output"));
    match engine.build().run("bids", move |t| bids(t, &auctions, &output)) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            say(&chain(&error));
            ExitCode::from(3)
        }
    }
}

fn chain(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| (**error).source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Compares what is in the child's folder with what should be.
pub(crate) fn check(child: &Child) -> Result<(), String> {
    let mut written = Texts::new();
    read(&child.folder.join("output"), "", &mut written)?;
    auctions(child).check(&written)
}

fn read(folder: &Path, prefix: &str, into: &mut Texts) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type().map_err(failed)?.is_dir() {
            read(&entry.path(), &format!("{name}/"), into)?;
        } else {
            into.insert(name, fs::read_to_string(entry.path()).map_err(failed)?);
        }
    }
    Ok(())
}
