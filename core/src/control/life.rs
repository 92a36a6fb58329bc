//! The life of a job: one run after the other, until one is the last.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::checkpoint::Request;
use crate::error::JobError;
use crate::exchange::host::HostPorts;
use crate::metrics::Ending;
use crate::rt::driver::Shared;
use crate::rt::reports::{Report, Reports};
use crate::rt::threads::Running;

/// What a job's handle, its supervisor and its engine share, whichever run is under way.
pub(crate) struct Life {
    current: Mutex<Current>,
    /// A run was the last.
    changed: Condvar,
    is_cancelled: AtomicBool,
    reports: Reports,
    /// The thread that sees to the job, if there is one.
    supervisor: Mutex<Option<Running>>,
}

/// The run that is under way.
struct Current {
    shared: Shared,
    /// Handles of inputs and outputs that were not taken yet.
    ports: HostPorts,
    /// No other will follow it.
    is_last: bool,
    /// The job was asked to end, so that a run that begins later is, too.
    ending: Ending,
    /// Nobody can take handles any more.
    is_joined: bool,
}

impl Life {
    /// `is_last`: nobody will start it again.
    pub(crate) fn new(
        shared: Shared,
        ports: HostPorts,
        reports: Reports,
        is_last: bool,
    ) -> Arc<Self> {
        let (ending, is_joined) = (Ending::Finished, false);
        let current = Mutex::new(Current { shared, ports, is_last, ending, is_joined });
        let (changed, is_cancelled) = (Condvar::new(), AtomicBool::new(false));
        let supervisor = Mutex::default();
        Arc::new(Self { current, changed, is_cancelled, reports, supervisor })
    }

    fn lock(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the workers of the run share.
    pub(crate) fn shared(&self) -> Shared {
        self.lock().shared.clone()
    }

    /// Looks at the handles that were not taken yet.
    pub(crate) fn with_ports<R>(&self, look: impl FnOnce(&mut HostPorts) -> R) -> R {
        look(&mut self.lock().ports)
    }

    /// A run begins; its handles are there to be taken, unless somebody waits for the end.
    pub(super) fn begin(&self, shared: Shared, ports: HostPorts) {
        let mut current = self.lock();
        if current.ending != Ending::Finished {
            shared.ask_to_end(current.ending);
        }
        if self.is_cancelled() {
            shared.fail(JobError::Cancelled);
        }
        let unused = if current.is_joined {
            Some(ports)
        } else {
            current.ports = ports;
            None
        };
        let old = std::mem::replace(&mut current.shared, shared);
        drop(current);
        // Not under the lock: the last part of a job drops what its function owns.
        drop((old, unused));
    }

    /// The run that is under way, or over, is the last; how it ended stands in it.
    pub(super) fn end(&self) {
        self.lock().is_last = true;
        self.changed.notify_all();
    }

    /// True if every worker has ended, and nobody will start the job again.
    pub(crate) fn is_over(&self) -> bool {
        let current = self.lock();
        current.is_last && current.shared.ends.is_over()
    }

    /// Drops the handles that were not taken, and waits for the last run to end.
    pub(crate) fn wait(&self) -> Shared {
        let mut current = self.lock();
        current.is_joined = true;
        drop(std::mem::take(&mut current.ports));
        while !current.is_last {
            current = self.changed.wait(current).unwrap_or_else(PoisonError::into_inner);
        }
        let shared = current.shared.clone();
        drop(current);
        shared.ends.wait();
        let supervisor = self.supervisor.lock().unwrap_or_else(PoisonError::into_inner).take();
        // What it had of the job is dropped by then.
        drop(supervisor.map(Running::join));
        shared
    }

    /// Names the thread that sees to the job.
    pub(super) fn supervise(&self, supervisor: Running) {
        *self.supervisor.lock().unwrap_or_else(PoisonError::into_inner) = Some(supervisor);
    }

    /// Stops the workers, and nobody starts them again.
    pub(crate) fn cancel(&self) {
        self.is_cancelled.store(true, Ordering::Release);
        self.shared().fail(JobError::Cancelled);
        self.reports.say(Report::Look);
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::Acquire)
    }

    /// Asks the run that is under way, or the next one, to end in order.
    pub(crate) fn ask_to_end(&self, ending: Ending) {
        let shared = {
            let mut current = self.lock();
            if current.ending == Ending::Finished {
                current.ending = ending;
            }
            current.shared.clone()
        };
        shared.ask_to_end(ending);
    }

    /// Asks for a checkpoint now.
    pub(crate) fn wish(&self) {
        self.reports.say(Report::Wish);
    }

    /// Asks for a savepoint.
    pub(super) fn ask_for_savepoint(&self, request: Request) {
        self.reports.say(Report::Savepoint(request));
    }
}
