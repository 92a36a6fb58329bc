//! A savepoint that somebody has asked for, on its way.

use std::path::PathBuf;
use std::sync::mpsc::Sender;

use thalweg_storage::savepoint;

/// A savepoint that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Savepoint {
    /// Its folder, which may be moved.
    pub folder: PathBuf,
    /// The checkpoint that it is.
    pub epoch: u64,
    /// How long its files are together.
    pub bytes: u64,
}

/// Why there is no savepoint. The job goes on, but for a job that was to stop: that has stopped, and its last checkpoint is where its checkpoints are.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SavepointError {
    /// A savepoint is a checkpoint, and the job takes none.
    #[error(
        "job {job:?} takes no checkpoints, and a savepoint is one; say where they go with EngineBuilder::checkpoints(), with Checkpoints::on_demand() for none but those that are asked for"
    )]
    NoCheckpoints {
        /// The job.
        job: String,
    },
    /// The job has ended, or failed and is not started again.
    #[error("the job ended before savepoint \"{}\" was complete", folder.display())]
    Ended {
        /// Its folder.
        folder: PathBuf,
    },
    /// The checkpoint was given up: it took too long, or its state was not written. Ask again when what [`CheckpointSnapshot::alarm`](crate::metrics::CheckpointSnapshot::alarm) says is mended.
    #[error(
        "checkpoint {epoch}, which savepoint \"{}\" was to be made of, was given up: {reason}",
        folder.display()
    )]
    GivenUp {
        /// The checkpoint.
        epoch: u64,
        /// The savepoint's folder.
        folder: PathBuf,
        /// Why.
        reason: String,
    },
    /// The folder will not do, or the disk refuses.
    #[error(transparent)]
    Storage(#[from] savepoint::SavepointError),
    /// There is no thread to copy it.
    #[error("savepoint \"{}\" was not written", folder.display())]
    Thread {
        /// Its folder.
        folder: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Of which checkpoint a savepoint is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// Of the next one.
    Next,
    /// Of that one.
    Epoch(u64),
    /// Of the job's last one.
    Last,
}

/// Somebody's wish; dropped, it says that the job has ended.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) folder: PathBuf,
    pub(crate) when: When,
    pub(crate) answer: Sender<Result<Savepoint, SavepointError>>,
}

impl Request {
    /// Tells how it went; who does not wait any more need not know.
    pub(crate) fn answer(self, result: Result<Savepoint, SavepointError>) {
        drop(self.answer.send(result));
    }
}

/// The wishes of a job.
#[derive(Debug, Default)]
pub(crate) struct Requests(Vec<Request>);

impl Requests {
    pub(crate) fn add(&mut self, request: Request) {
        self.0.push(request);
    }

    /// A run begins: what was to be made of a checkpoint of the run before is made of the next one. True if there is such a wish.
    pub(crate) fn begin(&mut self) -> bool {
        let mut is_wished = false;
        for request in self.0.iter_mut().filter(|request| request.when != When::Last) {
            request.when = When::Next;
            is_wished = true;
        }
        is_wished
    }

    /// A checkpoint begins.
    pub(crate) fn raise(&mut self, epoch: u64) {
        for request in self.0.iter_mut().filter(|request| request.when == When::Next) {
            request.when = When::Epoch(epoch);
        }
    }

    /// What is to be made of the checkpoint `epoch`; all that is left if it is the last one, `None`.
    pub(crate) fn take(&mut self, epoch: Option<u64>) -> Vec<Request> {
        let of =
            |request: &mut Request| epoch.is_none_or(|epoch| request.when == When::Epoch(epoch));
        self.0.extract_if(.., of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(name: &str, when: When) -> Request {
        Request { folder: name.into(), when, answer: std::sync::mpsc::channel().0 }
    }

    fn names(requests: Vec<Request>) -> Vec<PathBuf> {
        requests.into_iter().map(|request| request.folder).collect()
    }

    #[test]
    fn a_savepoint_is_made_of_the_first_checkpoint_that_begins_after_the_wish() {
        let mut requests = Requests::default();
        requests.raise(1);
        requests.add(request("a", When::Next));
        assert!(requests.take(Some(1)).is_empty());
        requests.raise(2);
        requests.add(request("b", When::Next));
        requests.add(request("c", When::Last));
        assert_eq!(names(requests.take(Some(2))), [PathBuf::from("a")]);
        requests.raise(3);
        assert!(requests.begin(), "the run was over before the third was complete");
        assert!(requests.take(Some(3)).is_empty());
        assert_eq!(names(requests.take(None)), ["b", "c"].map(PathBuf::from));
        assert!(!requests.begin());
    }
}
