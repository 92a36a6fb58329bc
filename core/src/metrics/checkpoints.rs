//! What became of a job's checkpoints; written by the thread that coordinates them, never by a worker.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long one operator on one worker did nothing else but freeze.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorStall {
    /// The operator.
    pub operator: String,
    /// The worker.
    pub worker: usize,
    /// Of a sink this is the last step of its freezing, not the time in which it made its output durable.
    pub stall: Duration,
}

/// A complete checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointStats {
    /// Its number.
    pub epoch: u64,
    /// From the decision to begin it until it was complete.
    pub duration: Duration,
    /// Until the last worker had frozen: barriers on their way, alignment, and sinks that made their output durable.
    pub gathered: Duration,
    /// State that was written: what had changed since the one before.
    pub bytes: u64,
    /// How long each operator stood still.
    pub stalls: Vec<OperatorStall>,
}

/// A job's checkpoints so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckpointSnapshot {
    /// The checkpoint that the job goes on from, if it does.
    pub restored: Option<u64>,
    /// How many were completed since the job was started, restarts included.
    pub completed: u64,
    /// How many were given up.
    pub aborted: u64,
    /// The last complete one.
    pub last: Option<CheckpointStats>,
    /// Why the last one was not completed, until one is: the disk is full, or refuses; or it took too long.
    pub alarm: Option<String>,
    /// How often the job was started again after a failure.
    pub restarts: u64,
}

/// The place where it is kept; clones are one.
#[derive(Debug, Clone, Default)]
pub(crate) struct CheckpointCell(Arc<Mutex<CheckpointSnapshot>>);

impl CheckpointCell {
    pub(crate) fn read(&self) -> CheckpointSnapshot {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut CheckpointSnapshot)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
