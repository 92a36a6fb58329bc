//! The handle to a job that runs: its counters, its plan, its end.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::{HandleError, JobError, Result};
use crate::exchange::host::{Direction, HostPorts, RecordType};
use crate::metrics::{JobReport, Snapshot};
use crate::plan::Plan;
use crate::record::Record;
use crate::rt::driver::Shared;
use crate::rt::{ThreadMark, now_ns};
use crate::runtime::Journal;
use crate::sink::OutputHandle;
use crate::source::InputHandle;

/// A job that runs.
#[must_use = "join the job to learn how it ended"]
pub struct JobHandle {
    pub(crate) name: String,
    pub(crate) shared: Shared,
    /// Handles of inputs and outputs that were not taken yet.
    pub(crate) ports: Mutex<HostPorts>,
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
    pub(crate) fn new(name: &str, shared: Shared, ports: HostPorts, driver: &'static str) -> Self {
        let name = name.to_owned();
        let ports = Mutex::new(ports);
        Self { name, shared, ports, driver, started_ns: now_ns(), turned_by: None }
    }

    /// The name under which it was deployed.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The next handle of the input of that name.
    ///
    /// # Errors
    ///
    /// [`HandleError`] if there is no such input, it takes other records, or all its handles were taken.
    pub fn input<T: Record>(&self, name: &str) -> Result<InputHandle<T>, HandleError> {
        self.ports().take(Direction::Input, name, RecordType::of::<T>())
    }

    /// The handle of the output of that name; the next one, if there is one for each worker.
    ///
    /// # Errors
    ///
    /// [`HandleError`] if there is no such output, it gives other records, or its handle was taken.
    pub fn output<T: Record>(&self, name: &str) -> Result<OutputHandle<T>, HandleError> {
        self.ports().take(Direction::Output, name, RecordType::of::<T>())
    }

    fn ports(&self) -> MutexGuard<'_, HostPorts> {
        self.ports.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The counters as they were a moment ago; takes no lock and disturbs nobody.
    pub fn snapshot(&self) -> Snapshot {
        self.shared.metrics.snapshot()
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.shared.plan
    }

    /// Time since the start.
    pub fn elapsed(&self) -> Duration {
        Duration::from_nanos(now_ns() - self.started_ns)
    }

    /// True if every worker has ended, well or not.
    pub fn is_ended(&self) -> bool {
        self.shared.ends.is_over()
    }

    /// Stops the workers at the end of their turn; [`Self::join`] then says [`JobError::Cancelled`].
    pub fn cancel(&self) {
        self.shared.fail(JobError::Cancelled);
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
        let Self { name, shared, ports, driver, started_ns, turned_by } = self;
        assert!(
            shared.ends.is_over() || turned_by != Some(ThreadMark::here()),
            "job {name:?} has not ended, and this thread turns it: turn its engine until it has"
        );
        // Nobody can take a handle any more: inputs end, and what outputs send is discarded.
        drop(ports);
        shared.ends.wait();
        let ends = shared.ends.take();
        if let Some(error) = shared.failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Err(error);
        }
        let elapsed = Duration::from_nanos(now_ns() - started_ns);
        let mut was_cut = false;
        let mut journal = Journal { page_bytes: shared.config.page_bytes, ..Journal::default() };
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
