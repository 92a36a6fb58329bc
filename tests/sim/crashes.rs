//! A job that crashes some times and goes on each time from its checkpoints, with another number of workers: what it has given in the end is what it would have
//! given without.
//!
//! What the job wrote between the last checkpoint and a crash is taken back by its sinks; so nothing may be missing and nothing there twice.

use std::sync::Arc;

use thalweg::rt::{Sim, SimDisk};

use crate::dice;
use crate::seed::{Job, guarded};

/// How a seed's runs went.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    pub(crate) crashes: u64,
    pub(crate) checkpoints: u64,
}

/// Runs `run` over and over until it has not crashed: it is given a simulator and says what became of it.
///
/// `workers`: how many there are in every run; `None` = another number in each.
pub(crate) fn until_the_end(
    seed: u64,
    workers: Option<usize>,
    mut run: impl FnMut(Sim) -> Result<thalweg::rt::SimReport, String>,
) -> Result<Runs, String> {
    let disk = SimDisk::default();
    let mut dice = dice::of(seed ^ 0x00c4_a54e_d000_0000);
    let crashes = dice.between(1, 3);
    let mut runs = Runs::default();
    loop {
        let drawn = usize::try_from(dice.between(1, 3)).expect("few");
        let mut sim = Sim::new(dice.next(), workers.unwrap_or(drawn)).checkpoints(&disk);
        if runs.crashes < crashes {
            let most = [60, 600, 3_000][usize::try_from(dice.below(3)).expect("few")];
            sim = sim.crash_after(dice.between(1, most));
        }
        let report = run(sim)?;
        runs.checkpoints += report.checkpoints;
        if !report.crashed {
            return Ok(runs);
        }
        runs.crashes += 1;
    }
}

/// Runs one seed of a job.
///
/// # Errors
///
/// What is wrong, as a sentence.
pub(crate) fn run<J: Job>(seed: u64, job: J) -> Result<(), String> {
    check(seed, job, None)
}

/// As [`run`], always with as many workers as the job has: what it is compared with says on which worker, or in which order of a worker, something comes.
pub(crate) fn run_in_place<J: Job>(seed: u64, job: J) -> Result<(), String> {
    let workers = job.workers();
    check(seed, job, Some(workers))
}

fn check<J: Job>(seed: u64, job: J, workers: Option<usize>) -> Result<(), String> {
    guarded(|| {
        let job = Arc::new(job);
        let files = job.files();
        let runs = until_the_end(seed, workers, |sim| {
            let running = Arc::clone(&job);
            let report = sim.files(files.clone()).run(move |t| running.build(t));
            report.map_err(|error| format!("the job failed: {error:?}"))
        })?;
        job.check(&job.take()).map_err(|error| format!("{error} (after {runs:?})"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::ALL;

    #[test]
    fn checkpoints_are_completed_before_many_of_the_crashes() {
        let mut all = Runs::default();
        for seed in 0..30 {
            let job = Arc::new(crate::jobs::two_stages(seed));
            let runs = until_the_end(seed, None, |sim| {
                let running = Arc::clone(&job);
                sim.run(move |t| running.build(t)).map_err(|error| error.to_string())
            });
            let runs = runs.unwrap();
            all.crashes += runs.crashes;
            all.checkpoints += runs.checkpoints;
        }
        assert!(all.crashes > 20 && all.checkpoints > 60, "{all:?}");
        assert!(ALL.iter().any(|job| job.name == "two-stages-crashing"));
    }
}
