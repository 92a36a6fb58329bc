//! The handle to a job that runs: its counters, its plan, its end.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::life::Life;
use crate::error::{HandleError, Result};
use crate::exchange::host::{Direction, RecordType};
use crate::metrics::{JobReport, Snapshot};
use crate::plan::Plan;
use crate::record::Record;
use crate::rt::{ThreadMark, now_ns};
use crate::runtime::Journal;
use crate::sink::OutputHandle;
use crate::source::InputHandle;

/// A job that runs.
#[must_use = "join the job to learn how it ended"]
pub struct JobHandle {
    pub(crate) name: String,
    pub(crate) life: Arc<Life>,
    pub(crate) plan: Arc<Plan>,
    pub(crate) driver: &'static str,
    pub(crate) started_ns: u64,
    /// The thread that turns the job, if it is not the engine's: it cannot wait for the job without turning it.
    pub(crate) turned_by: Option<ThreadMark>,
}

impl std::fmt::Debug for JobHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JobHandle").field("name", &self.name).finish_non_exhaustive()
    }
}

impl JobHandle {
    pub(crate) fn new(name: &str, life: Arc<Life>, driver: &'static str) -> Self {
        let (name, plan) = (name.to_owned(), life.shared().plan);
        Self { name, life, plan, driver, started_ns: now_ns(), turned_by: None }
    }

    /// The name under which it was deployed.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The next handle of the input of that name. A job that was started again after a failure has new ones.
    ///
    /// # Errors
    ///
    /// [`HandleError`] if there is no such input, it takes other records, or all its handles were taken.
    pub fn input<T: Record>(&self, name: &str) -> Result<InputHandle<T>, HandleError> {
        self.life.with_ports(|ports| ports.take(Direction::Input, name, RecordType::of::<T>()))
    }

    /// The handle of the output of that name; the next one, if there is one for each worker.
    ///
    /// # Errors
    ///
    /// [`HandleError`] if there is no such output, it gives other records, or its handle was taken.
    pub fn output<T: Record>(&self, name: &str) -> Result<OutputHandle<T>, HandleError> {
        self.life.with_ports(|ports| ports.take(Direction::Output, name, RecordType::of::<T>()))
    }

    /// The counters as they were a moment ago; disturbs no worker. They are those of the run that is under way: a job that was started again counts anew.
    pub fn snapshot(&self) -> Snapshot {
        self.life.shared().metrics.snapshot()
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Time since the start.
    pub fn elapsed(&self) -> Duration {
        Duration::from_nanos(now_ns() - self.started_ns)
    }

    /// True if every worker has ended, well or not, and the job is not started again.
    pub fn is_ended(&self) -> bool {
        self.life.is_over()
    }

    /// Asks for a checkpoint now, beside those that come by themselves; does nothing for a job without checkpoints. Returns at once:
    /// [`Snapshot::checkpoints`] tells when it is complete.
    pub fn checkpoint(&self) {
        self.life.wish();
    }

    /// Stops the workers at the end of their turn; [`Self::join`] then says [`JobError::Cancelled`](crate::error::JobError::Cancelled).
    pub fn cancel(&self) {
        self.life.cancel();
    }

    /// Waits for the end. That may never come while the host has a handle of an input that is neither closed nor dropped, or does not
    /// read a handle of an output. Handles that were never taken are dropped now.
    ///
    /// # Errors
    ///
    /// The first error of any worker.
    ///
    /// # Panics
    ///
    /// If the job runs on an [`InlineEngine`](super::InlineEngine) of this thread and has not ended: nobody would turn it.
    pub fn join(self) -> Result<JobReport> {
        Ok(self.join_recorded()?.0)
    }

    /// Waits for the end; with the decisions, if they were recorded.
    ///
    /// # Errors
    ///
    /// The first error of any worker.
    ///
    /// # Panics
    ///
    /// As [`Self::join`].
    pub fn join_recorded(self) -> Result<(JobReport, Journal)> {
        let Self { name, life, driver, started_ns, turned_by, .. } = self;
        assert!(
            life.is_over() || turned_by != Some(ThreadMark::here()),
            "job {name:?} has not ended, and this thread turns it: turn its engine until it has"
        );
        // Nobody can take a handle any more: inputs end, and what outputs send is discarded.
        let shared = life.wait();
        let ends = shared.ends.take();
        if let Some(error) = shared.failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Err(error);
        }
        let elapsed = Duration::from_nanos(now_ns() - started_ns);
        let mut was_cut = false;
        let (page_bytes, began_at) = (shared.config.page_bytes, shared.checkpoints.read().restored);
        let mut journal = Journal { page_bytes, began_at, ..Journal::default() };
        for end in ends {
            let end = end.expect("invariant: a worker without an error has an end");
            was_cut |= end.was_cut;
            journal.workers.push(end.journal);
            journal.inputs.extend(end.inputs);
            journal.found.push(end.found);
        }
        let report = JobReport::new(name, driver, elapsed, &shared.metrics, now_ns());
        Ok((report.ended(shared.stop_request.ending(was_cut)), journal))
    }
}
