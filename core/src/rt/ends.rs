//! How the workers of a job end: each leaves what is left of it, and the last one ends the job.

use std::any::Any;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::reports::{Report, Reports};
use crate::exchange::host::Outcome;
use crate::runtime::worker::WorkerEnd;

/// What the workers of one job have left.
pub(crate) struct Ends {
    /// One place for each worker; nothing in it if the worker failed.
    left: Mutex<Vec<Option<WorkerEnd>>>,
    all_left: Condvar,
    /// Workers that are still there.
    present: AtomicUsize,
    outcome: Arc<Outcome>,
    reports: Reports,
}

impl Ends {
    /// `outcome` is told when the last one has ended, and so is who listens to `reports`.
    pub(crate) fn new(workers: usize, outcome: Arc<Outcome>, reports: Reports) -> Self {
        let left = Mutex::new((0..workers).map(|_| None).collect());
        Self {
            left,
            all_left: Condvar::new(),
            present: AtomicUsize::new(workers),
            outcome,
            reports,
        }
    }

    /// True if every worker has ended, well or not.
    pub(crate) fn is_over(&self) -> bool {
        self.present.load(Ordering::Acquire) == 0
    }

    /// Waits until every worker has ended.
    pub(crate) fn wait(&self) {
        let mut left = self.lock();
        while !self.is_over() {
            left = self.all_left.wait(left).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes what the workers have left.
    pub(crate) fn take(&self) -> Vec<Option<WorkerEnd>> {
        std::mem::take(&mut *self.lock())
    }

    fn leave(&self, worker: usize, end: Option<WorkerEnd>) {
        let mut left = self.lock();
        left[worker] = end;
        // Under the lock, so that who waits either sees the number or gets the notice.
        let is_last = self.present.fetch_sub(1, Ordering::AcqRel) == 1;
        if is_last {
            self.outcome.end();
            self.reports.say(Report::Over);
        }
        self.all_left.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Option<WorkerEnd>>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says that a worker has ended, when it is dropped: wherever a seat is lost, its job does not wait for it.
pub(crate) struct Leave {
    worker: usize,
    ends: Arc<Ends>,
    /// What the worker leaves.
    pub(crate) end: Option<WorkerEnd>,
    claim: Option<Arc<dyn Any + Send + Sync>>,
}

impl Leave {
    pub(crate) fn new(worker: usize, ends: Arc<Ends>, claim: Arc<dyn Any + Send + Sync>) -> Self {
        Self { worker, ends, end: None, claim: Some(claim) }
    }

    /// Which worker of its job it is.
    pub(crate) fn worker(&self) -> usize {
        self.worker
    }
}

impl Drop for Leave {
    fn drop(&mut self) {
        // First the claim: who has waited for the end finds the job's name free.
        drop(self.claim.take());
        self.ends.leave(self.worker, self.end.take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_over_when_its_last_seat_is_dropped_and_its_claim_is_free_by_then() {
        let ends = Arc::new(Ends::new(2, Arc::default(), Reports::default()));
        let claim: Arc<dyn Any + Send + Sync> = Arc::new(());
        let watched = Arc::downgrade(&claim);
        let seats: Vec<_> =
            (0..2).map(|n| Leave::new(n, Arc::clone(&ends), Arc::clone(&claim))).collect();
        drop(claim);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                ends.wait();
                assert!(watched.upgrade().is_none());
            });
            for seat in seats {
                assert!(!ends.is_over());
                drop(seat);
            }
        });
        assert!(ends.is_over());
        assert_eq!(ends.take().len(), 2);
    }
}
