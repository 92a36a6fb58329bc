//! Cuts the power of a simulated machine at every step of a job with checkpoints, and compares what is written when it is through.
//!
//! ```text
//! cargo run --release -p thalweg-tests --bin powercut -- --cuts 5000 [--seed S]
//! ```
//!
//! Workers, disk and files are simulated; what was not synced when the power goes is kept, dropped or torn, as the seed draws. Then the job is started
//! again on what is left, at times with another number of workers, and the power goes again, until it has come to its end. First every step of a small
//! job has its cut; then steps, and operations of the disk of checkpoints, are drawn for larger ones. The last line counts cuts and violations.
//!
//! `--canaries 1` proves the harness, as that of `--bin crash` does.

mod arguments;
mod job;

use std::process::ExitCode;

use arguments::Arguments;
use job::{Cut, Job};
use thalweg_tests::canaries;
use thalweg_tests::harness::{end, give_up, say};

/// Bugs that this harness finds.
const CANARIES: [&str; 7] = [
    "early-commit",
    "offset-off-by-one",
    "unaligned-barrier",
    "torn-tail",
    "orphans-left",
    "unsynced-file",
    "unsynced-names",
];

fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(message) => return give_up(&message),
    };
    if arguments.canaries {
        return canaries::prove(&CANARIES, &["--cuts", "5000"]);
    }
    let (cuts, violations) = run(&arguments);
    end(&format!("{cuts} cuts, {violations} violations"), violations == 0)
}

/// Cuts until it is enough; returns how often, and how many violations there were.
fn run(arguments: &Arguments) -> (u64, u64) {
    let (mut cuts, mut violations) = (0, 0);
    let wanted = |cuts: u64, violations: u64| {
        cuts < arguments.cuts && (violations == 0 || !canaries::is_one())
    };
    let try_out =
        |job: Job, cut: Option<Cut>, cuts: &mut u64, violations: &mut u64| match job.run(cut) {
            Ok(more) => *cuts += more,
            Err(violation) => {
                *violations += 1;
                *cuts += 1;
                say(&format!("seed {}, {cut:?}: {violation}", job.seed));
                say(&format!("  reproduce: --bin powercut -- --cuts 1 --seed {}", job.seed));
            }
        };
    if arguments.exhaustive {
        let small = Job::small(arguments.seed);
        match small.length() {
            Ok((steps, operations)) => {
                let at_steps = (1..steps).map(Cut::Step);
                let at_operations = (0..operations).map(Cut::Operation);
                for cut in at_steps.chain(at_operations) {
                    if !wanted(cuts, violations) {
                        break;
                    }
                    try_out(small, Some(cut), &mut cuts, &mut violations);
                }
            }
            Err(violation) => {
                say(&format!("without a cut: {violation}"));
                return (0, 1);
            }
        }
    }
    let mut seed = arguments.seed;
    while wanted(cuts, violations) {
        try_out(Job::drawn(seed), None, &mut cuts, &mut violations);
        seed += 1;
    }
    (cuts, violations)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_cuts_hold() {
        let arguments = Arguments { cuts: 60, seed: 1, exhaustive: false, canaries: false };
        let (_, violations) = run(&arguments);
        assert_eq!(violations, 0);
    }
}
