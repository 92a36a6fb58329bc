//! Seeded runs of whole jobs on the simulator, each checked against a sequential oracle.
//!
//! ```text
//! cargo run --release -p thalweg-tests --bin sim -- --seeds 2000 [--from S] [--job NAME] [--twice N]
//! ```
//!
//! A seed decides the input, the number of workers, all sizes and the schedule. Every `N`-th seed (10 unless told otherwise) is also run a
//! second time and replayed from its journal; decisions and outputs must be the same, worker by worker and in order. The last line
//! counts seeds and violations; the exit code is 1 if there is one, and each is printed with the command that
//! reproduces it.

mod arguments;
mod crashes;
mod dice;
mod jobs;
mod seed;

use std::process::ExitCode;

use arguments::Arguments;
use thalweg_tests::harness::{end, give_up, say};

fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(message) => return give_up(&message),
    };
    let violations = run(&arguments);
    end(&format!("{} seeds, {violations} violations", arguments.seeds), violations == 0)
}

/// Runs all seeds of all chosen jobs; returns how many violations there were.
fn run(arguments: &Arguments) -> u64 {
    let mut violations = 0;
    for seed in arguments.from..arguments.from + arguments.seeds {
        let twice = seed % arguments.twice == 0;
        for job in jobs::ALL.iter().filter(|job| arguments.wants(job.name)) {
            if let Err(violation) = (job.run)(seed, twice) {
                violations += 1;
                let name = job.name;
                say(&format!(
                    "seed {seed} of job {name}: {violation}\n  reproduce: cargo run --release -p thalweg-tests --bin sim -- --seeds 1 --from {seed} --job {name} --twice 1"
                ));
            }
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_seeds_hold() {
        let arguments = Arguments { seeds: 20, twice: 4, ..Arguments::default() };
        assert_eq!(run(&arguments), 0);
    }
}
