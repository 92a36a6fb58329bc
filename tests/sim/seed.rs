//! One seed of one job: run it, compare it with the oracle, run it again, replay it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use thalweg::prelude::*;
use thalweg::rt::{MemoryFiles, Sim, SimReport};

/// A job with its input and its oracle.
pub(crate) trait Job: Send + Sync + 'static {
    /// Everything that it gives, worker by worker, each worker's in order.
    type Outputs: PartialEq;

    /// How many workers it runs on.
    fn workers(&self) -> usize;

    /// The files that it reads.
    fn files(&self) -> MemoryFiles {
        MemoryFiles::default()
    }

    /// The run of a seed, with what is to happen to it.
    fn sim(&self, seed: u64) -> Sim {
        Sim::new(seed, self.workers()).files(self.files())
    }

    /// Writes the job down.
    fn build(&self, t: &mut Topology) -> Result<()>;

    /// Takes what the last run gave.
    fn take(&self) -> Self::Outputs;

    /// Compares with the oracle.
    ///
    /// # Errors
    ///
    /// The difference, as a sentence.
    fn check(&self, outputs: &Self::Outputs) -> Result<(), String>;
}

/// Runs one seed; `twice` also runs it again and replays it.
///
/// # Errors
///
/// What is wrong, as a sentence.
pub(crate) fn run<J: Job>(seed: u64, job: J, twice: bool) -> Result<(), String> {
    guarded(|| check(seed, &Arc::new(job), twice))
}

/// Calls `run`; a panic is a violation.
pub(crate) fn guarded(run: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|payload| {
        let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
        Err(format!("panicked: {}", text.unwrap_or_default()))
    })
}

fn check<J: Job>(seed: u64, job: &Arc<J>, twice: bool) -> Result<(), String> {
    let (report, outputs) = simulate(seed, job)?;
    job.check(&outputs)?;
    if !twice {
        return Ok(());
    }
    let (again, outputs_again) = simulate(seed, job)?;
    if again.journal != report.journal {
        return Err("the same seed took other decisions the second time".into());
    }
    if outputs_again != outputs {
        return Err("the same decisions gave other outputs the second time".into());
    }
    let replayed = Arc::clone(job);
    Sim::replay(&report.journal, job.files(), move |t| replayed.build(t))
        .map_err(|error| format!("the replay failed: {error}"))?;
    if job.take() != outputs {
        return Err("the replay gave other outputs".into());
    }
    Ok(())
}

fn simulate<J: Job>(seed: u64, job: &Arc<J>) -> Result<(SimReport, J::Outputs), String> {
    let running = Arc::clone(job);
    let report = job
        .sim(seed)
        .run(move |t| running.build(t))
        .map_err(|error| format!("the job failed: {error}"))?;
    Ok((report, job.take()))
}
