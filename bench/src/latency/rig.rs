//! What turns a job whose latency is measured: spinning workers, and checkpoints on a disk if there are to be any.

use std::error::Error;
use std::path::PathBuf;

use tempfile::TempDir;
use thalweg::metrics::{CheckpointSnapshot, JobReport};
use thalweg::prelude::*;

use super::cadence::Cadence;
use crate::load::taken::{Counters, Taken};

/// What the engine calls its workers' threads.
const WORKERS: &str = "thalweg-";

/// How a run is set up.
#[derive(Debug, Clone)]
pub struct Rig {
    /// Workers, each of which spins.
    pub workers: usize,
    /// Whether each is pinned to a core of its own.
    pub pin: bool,
    /// What turns them.
    pub driver: Driver,
    /// How often a checkpoint is taken.
    pub checkpoints: Cadence,
    /// Where the state goes, in a folder that is gone after the run.
    pub directory: PathBuf,
}

/// What a run came to, beside its latencies.
#[derive(Debug)]
pub struct Ran {
    /// The job's report.
    pub report: JobReport,
    /// Checkpoints that were completed before the job came to its end, where there is always one.
    pub checkpoints: u64,
    /// What others took from the workers.
    pub taken: Taken,
}

/// Checkpoints were to be taken, and the latencies say nothing of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointsMissing {
    /// The run was shorter than their cadence, or they take longer than the run.
    #[error("no checkpoint was completed before the job came to its end; run it for longer")]
    None,
    /// Some failed.
    #[error("{aborted} checkpoint(s) were given up: {alarm}")]
    Aborted {
        /// How many.
        aborted: u64,
        /// What the job says of the last one.
        alarm: String,
    },
}

impl Rig {
    /// Unpinned workers, without checkpoints.
    #[must_use]
    pub fn of(workers: usize) -> Self {
        let (driver, checkpoints) = (Driver::Auto, Cadence::Off);
        Self { workers, pin: false, driver, checkpoints, directory: std::env::temp_dir() }
    }

    /// Runs a job to its end, with state of its own in a folder of its own.
    ///
    /// # Errors
    ///
    /// If there can be no such folder or the job fails; [`CheckpointsMissing`].
    pub fn run(
        &self,
        name: &str,
        job: impl Fn(&mut Topology) -> Result<()> + Send + Sync + 'static,
    ) -> Result<Ran, Box<dyn Error>> {
        let folder = self.folder()?;
        let engine = Engine::builder().driver(self.driver).spin();
        let engine = match self.pin {
            true => engine.cores(0..self.workers),
            false => engine.workers(self.workers),
        };
        let engine = match (&folder, self.checkpoints) {
            (Some(folder), Cadence::Every(every)) => {
                engine.checkpoints(Checkpoints::in_directory(folder.path()).every(every))
            }
            _ => engine,
        };
        let engine = engine.build();
        let before = Counters::read(WORKERS);
        let report = engine.run(name, job)?;
        // The threads are there as long as the engine is.
        let taken = before.until(Counters::read(WORKERS));
        drop(engine);
        folder.map(TempDir::close).transpose()?;
        let checkpoints = match self.checkpoints {
            Cadence::Off => 0,
            Cadence::Every(_) => before_the_last(&report.checkpoints)?,
        };
        Ok(Ran { report, checkpoints, taken })
    }

    fn folder(&self) -> std::io::Result<Option<TempDir>> {
        let make =
            || tempfile::Builder::new().prefix("thalweg-latency-").tempdir_in(&self.directory);
        (self.checkpoints != Cadence::Off).then(make).transpose()
    }
}

/// How many checkpoints were taken while there were records: all but the one that every job takes at its end.
fn before_the_last(checkpoints: &CheckpointSnapshot) -> Result<u64, CheckpointsMissing> {
    let &CheckpointSnapshot { completed, aborted, ref alarm, .. } = checkpoints;
    if aborted > 0 {
        let alarm = alarm.clone().unwrap_or_else(|| "a later one was completed".to_owned());
        return Err(CheckpointsMissing::Aborted { aborted, alarm });
    }
    match completed {
        0 | 1 => Err(CheckpointsMissing::None),
        completed => Ok(completed - 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(completed: u64, aborted: u64) -> CheckpointSnapshot {
        CheckpointSnapshot { completed, aborted, ..CheckpointSnapshot::default() }
    }

    #[test]
    fn the_checkpoint_at_the_end_of_a_job_is_not_counted() {
        assert_eq!(before_the_last(&snapshot(3, 0)), Ok(2));
        assert_eq!(before_the_last(&snapshot(1, 0)), Err(CheckpointsMissing::None));
    }

    #[test]
    fn checkpoints_that_were_given_up_are_told() {
        let error = before_the_last(&snapshot(3, 2)).unwrap_err().to_string();
        assert_eq!(error, "2 checkpoint(s) were given up: a later one was completed");
    }

    #[test]
    fn a_job_that_is_over_before_its_first_checkpoint_is_an_error_and_leaves_nothing_behind() {
        let directory = tempfile::tempdir().unwrap();
        let every = std::time::Duration::from_secs(3_600);
        let (checkpoints, place) = (Cadence::Every(every), directory.path().to_owned());
        let rig = Rig { checkpoints, directory: place, ..Rig::of(1) };
        let error = rig.run("short", |t| {
            t.source("one", Items::of(vec![1_u64])).without_event_time().sink("none", Blackhole);
            Ok(())
        });
        let error = error.unwrap_err().to_string();
        assert_eq!(error, CheckpointsMissing::None.to_string());
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
