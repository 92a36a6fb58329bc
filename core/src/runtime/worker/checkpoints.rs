//! A worker's part in checkpoints: barriers and commits are decisions like others, and what its tasks have frozen is taken from it.

use super::{Worker, guarded};
use crate::checkpoint::{FrozenPart, Restored};
use crate::error::JobError;
use crate::operator::task::StepContext;
use crate::runtime::epochs::EpochWish;

impl Worker {
    /// The same worker; it does not end before the last checkpoint is complete.
    pub(crate) fn with_checkpoints(mut self) -> Self {
        self.followed.wait_for_last();
        self
    }

    /// Decides what is wished of checkpoints and was not decided yet.
    ///
    /// # Errors
    ///
    /// As [`Self::step`].
    #[inline]
    pub(crate) fn follow(&mut self, wish: &EpochWish) -> Result<(), JobError> {
        if !self.followed.is_behind(wish) {
            return Ok(());
        }
        while let Some(decision) = self.followed.next(wish) {
            self.step(decision)?;
        }
        Ok(())
    }

    /// True if something is wished of checkpoints and was not decided yet.
    pub(crate) fn must_follow(&self, wish: &EpochWish) -> bool {
        self.followed.is_behind(wish)
    }

    /// True if all tasks have ended: what is left is the last checkpoint.
    pub(crate) fn is_through(&self) -> bool {
        self.live.iter().all(|live| !live)
    }

    /// This worker's part of the checkpoint, once all its tasks have frozen.
    pub(crate) fn take_frozen(&mut self) -> Option<FrozenPart> {
        self.contribution.get_mut().take()
    }

    /// Before the first step: goes on from a checkpoint.
    ///
    /// # Errors
    ///
    /// What an operator or a source says of it.
    pub(crate) fn resume(&mut self, from: &Restored) -> Result<(), JobError> {
        self.tasks.iter_mut().try_for_each(|task| guarded(&mut **task, |task| task.resume(from)))
    }

    /// Begins a checkpoint: sources say where they are, and tasks that have ended freeze; the others follow when the barrier has come to them.
    pub(super) fn barrier(&mut self, epoch: u64) -> Result<(), JobError> {
        self.contribution.borrow_mut().decide(epoch);
        let (now_ns, now, clock) = (self.now_ns, self.now(), &*self.clock);
        let context = StepContext { now_ns, now, clock, contribution: &self.contribution };
        for (task, live) in self.tasks.iter_mut().zip(&mut self.live) {
            guarded(&mut **task, |task| task.barrier(epoch, context))?;
            // A task that has ended may not be done with freezing yet.
            *live |= !task.is_finished();
        }
        Ok(())
    }

    /// The checkpoint of `epoch` is complete.
    pub(super) fn commit(&mut self, epoch: u64) -> Result<(), JobError> {
        for (task, live) in self.tasks.iter_mut().zip(&mut self.live) {
            guarded(&mut **task, |task| task.commit(epoch))?;
            // A sink may have been waiting for this to close.
            *live |= !task.is_finished();
        }
        Ok(())
    }
}
