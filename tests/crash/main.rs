//! Kills a real process, over and over, and compares what its jobs have written when they are through.
//!
//! ```text
//! cargo run --release -p thalweg-tests --bin crash -- --kills 200 [--seed S] [--job NAME]
//! ```
//!
//! The program starts itself as a child that runs a job with a checkpoint every 10 to 50 ms, kills it with SIGKILL at an instant drawn from the seed (half of them
//! while it is still starting, so also inside a restore), and starts it again on the same state directory, at times with another number of workers, until the
//! input has ended. Then the files hold exactly what a sequential pass over the input gives: nothing twice, nothing missing. The last line counts kills and
//! violations; the exit code is 1 if there is a violation, and each is printed with what reproduces it, as far as an instant can be.
//!
//! `--kills 0` runs each job once, unharmed: it proves the comparison. `--canaries 1` proves the harness: in a build with the feature `canary` it must find each of
//! the bugs that are in the engine then; the last line counts them and those that were not found.
//!
//! # Not here
//!
//! The machine does not lose power: what was written to the page cache survives a kill. That is `--bin powercut`.
#![expect(clippy::disallowed_methods, reason = "a process of its own is killed at real instants")]

mod arguments;
mod child;
mod jobs;
mod rounds;

use std::process::ExitCode;

use arguments::Command;
use thalweg_tests::canaries;
use thalweg_tests::harness::{end, give_up};

/// Bugs that this harness finds.
const CANARIES: [&str; 5] =
    ["early-commit", "offset-off-by-one", "unaligned-barrier", "torn-tail", "orphans-left"];

fn main() -> ExitCode {
    match Command::parse(std::env::args().skip(1)) {
        Err(message) => give_up(&message),
        Ok(Command::Child(child)) => child::run(&child),
        Ok(Command::Canaries) => canaries::prove(&CANARIES, &["--kills", "300"]),
        Ok(Command::Crash(arguments)) => {
            let (kills, violations) = rounds::run(&arguments);
            end(&format!("{kills} kills, {violations} violations"), violations == 0)
        }
    }
}
