//! What the workers of a job say to the thread that coordinates its checkpoints.

use std::sync::mpsc::Sender;

use crate::checkpoint::{FrozenPart, Request};

/// Something that the coordinating thread is to know.
#[derive(Debug)]
pub(crate) enum Report {
    /// All tasks of a worker have frozen.
    Frozen { worker: usize, part: Box<FrozenPart> },
    /// All tasks of a worker have ended.
    Through { worker: usize },
    /// The last worker has left.
    Over,
    /// Somebody wants a checkpoint now.
    Wish,
    /// Somebody wants a savepoint.
    Savepoint(Request),
    /// The savepoints of a checkpoint are made, or will not be.
    Copied { epoch: u64 },
    /// Somebody wants the job to end: look whether it is still wanted.
    Look,
}

/// Where to say it; nobody listens to jobs that nobody coordinates.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reports(Option<Sender<Report>>);

impl Reports {
    pub(crate) fn to(sender: Sender<Report>) -> Self {
        Self(Some(sender))
    }

    /// Says it; who does not listen any more need not know.
    pub(crate) fn say(&self, report: Report) {
        if let Some(sender) = &self.0 {
            drop(sender.send(report));
        }
    }
}
