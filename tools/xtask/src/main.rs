//! The project's own checks: `cargo xtask ci` decides, here and in CI, whether a change lands.
//!
//! # Not here
//!
//! No dependencies: whoever wants to know whether the tree is sound should not have to build
//! somebody else's tree first.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

mod ci;
mod step;
mod tidy;
mod check_time;
// The scanner is the tests'; the figures printed here must mean the same lines as their rules.
#[path = "../../../tests/tidy/source.rs"]
mod source;

const USAGE: &str = "\
cargo xtask ci           run every step; stop at the first that fails
cargo xtask ci --list    print the steps, what each proves and its command
cargo xtask <step>       run one step, for example `cargo xtask loom`
cargo xtask tidy         print the longest files and functions
cargo xtask check-time   print how long a job of a hundred operators takes to check";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let succeeded = match arguments[..] {
        ["ci"] => ci::run(),
        ["ci", "--list"] => ci::list(),
        ["tidy"] => tidy::print(),
        ["check-time"] => check_time::print(),
        [name] if ci::step(name).is_some() => ci::run_one(name),
        _ => {
            say(USAGE);
            false
        }
    };
    if succeeded { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Prints one line at once, so that it stands before what a child process prints next.
fn say(line: &str) {
    let mut out = io::stdout().lock();
    // A reader that went away (`| head`) must not turn a check that passed into one that failed.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// The root of the workspace, wherever the command was typed.
fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}
