//! Savepoints of a job that runs.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};

use thalweg_storage::savepoint::make_folder;

use super::JobHandle;
use super::life::Life;
use crate::checkpoint::{Request, Savepoint, SavepointError, When};
use crate::metrics::Ending;
use crate::rt::ThreadMark;

/// A savepoint that is being made.
#[must_use = "wait for the savepoint: it may fail"]
pub struct PendingSavepoint {
    folder: PathBuf,
    answer: Receiver<Result<Savepoint, SavepointError>>,
    /// What has come of it, once that was asked for.
    known: Option<Result<Savepoint, SavepointError>>,
    life: Arc<Life>,
    turned_by: Option<ThreadMark>,
}

impl std::fmt::Debug for PendingSavepoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PendingSavepoint").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl JobHandle {
    /// Makes a savepoint: a complete, named copy of the job's state, of timers and of how far its sources are, in a folder of its own, which is there and empty or is made now.
    ///
    /// A checkpoint begins now, or when the one that is under way is complete; it counts as any other, so sinks commit with it. What it consists of is then copied, beside the job, on a thread
    /// of its own. Nothing of the job ever changes or removes a savepoint: it is moved, copied and removed like any folder. Where it is complete there is a file `savepoint` in it;
    /// a folder that was cut short has none, and is refused.
    ///
    /// [`EngineBuilder::restore_from`](super::EngineBuilder::restore_from) starts a job from it, on as many workers as one likes. Here a job counts numbers on two workers, is stopped with a
    /// savepoint, and another one goes on from there on three:
    ///
    /// ```
    /// use thalweg::prelude::*;
    ///
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let (state, elsewhere, savepoint) = (folder.path().join("a"), folder.path().join("b"), folder.path().join("release 7"));
    /// let counts = |found: &Collected<(u64, u64)>| {
    ///     let found = found.clone();
    ///     move |t: &mut Topology| {
    ///         t.source("numbers", Generator::of(0..2_000, |i| i).records_per_s(40_000))
    ///             .without_event_time()
    ///             .key_by_value(|n| n.to_native() % 3)
    ///             .filter_map_with_state("counts", |count: &mut u64, n| {
    ///                 *count += 1;
    ///                 (n.to_native() >= 1_997).then_some((n.to_native() % 3, *count))
    ///             })
    ///             .sink("found", found.sink());
    ///         Ok(())
    ///     }
    /// };
    /// let found = Collected::new();
    /// let checkpoints = Checkpoints::in_directory(&state).on_demand();
    /// let engine = Engine::builder().workers(2).checkpoints(checkpoints).build();
    /// let job = engine.deploy("counts", counts(&found))?;
    /// let saved = job.stop_with_savepoint(&savepoint)?.wait()?;
    /// assert_eq!(job.join()?.ending, thalweg::metrics::Ending::Stopped);
    /// assert_eq!(saved.folder, savepoint);
    ///
    /// let engine = Engine::builder()
    ///     .workers(3)
    ///     .checkpoints(Checkpoints::in_directory(&elsewhere))
    ///     .restore_from(&savepoint)
    ///     .build();
    /// engine.run("counts", counts(&found))?;
    /// let mut counted = found.take();
    /// counted.sort();
    /// assert_eq!(counted, [(0, 666), (1, 667), (2, 667)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Returns at once, but for making the folder.
    ///
    /// # Errors
    ///
    /// [`SavepointError::NoCheckpoints`]; [`SavepointError::Storage`] if something is in the folder or it cannot be made. What goes wrong later [`PendingSavepoint::wait`] tells.
    pub fn savepoint(
        &self,
        folder: impl Into<PathBuf>,
    ) -> Result<PendingSavepoint, SavepointError> {
        self.ask_for_savepoint(folder.into(), When::Next)
    }

    /// [Stops](Self::stop) the job, and makes a savepoint of its last checkpoint: of everything that was read, and of nothing else. [`Self::join`] returns when it is there.
    ///
    /// A job that comes to the end of its input before it is stopped is saved as it is then.
    ///
    /// # Errors
    ///
    /// As of [`Self::savepoint`]; the job is not asked to stop then. If something goes wrong later, the job has stopped all the same, and its last checkpoint is where its
    /// checkpoints are.
    pub fn stop_with_savepoint(
        &self,
        folder: impl Into<PathBuf>,
    ) -> Result<PendingSavepoint, SavepointError> {
        let pending = self.ask_for_savepoint(folder.into(), When::Last)?;
        self.life.ask_to_end(Ending::Stopped);
        Ok(pending)
    }

    fn ask_for_savepoint(
        &self,
        folder: PathBuf,
        when: When,
    ) -> Result<PendingSavepoint, SavepointError> {
        if !self.life.shared().config.checkpoints {
            return Err(SavepointError::NoCheckpoints { job: self.name.clone() });
        }
        make_folder(&folder)?;
        let (sender, answer) = channel();
        self.life.ask_for_savepoint(Request { folder: folder.clone(), when, answer: sender });
        let life = Arc::clone(&self.life);
        Ok(PendingSavepoint { folder, answer, known: None, life, turned_by: self.turned_by })
    }
}

impl PendingSavepoint {
    /// Where it will be.
    pub fn folder(&self) -> &std::path::Path {
        &self.folder
    }

    /// True if it is there, or will not be: [`Self::wait`] does not wait then.
    pub fn is_done(&mut self) -> bool {
        if self.known.is_none() {
            self.known = match self.answer.try_recv() {
                Ok(answer) => Some(answer),
                Err(TryRecvError::Empty) => None,
                Err(TryRecvError::Disconnected) => Some(Err(self.ended())),
            };
        }
        self.known.is_some()
    }

    /// Waits until it is there.
    ///
    /// # Errors
    ///
    /// [`SavepointError`] says why it is not.
    ///
    /// # Panics
    ///
    /// If the job runs on an [`InlineEngine`](super::InlineEngine) of this thread, and neither it nor the savepoint is done: nobody would turn it.
    pub fn wait(mut self) -> Result<Savepoint, SavepointError> {
        if !self.is_done() {
            assert!(
                self.life.is_over() || self.turned_by != Some(ThreadMark::here()),
                "savepoint {:?} is not done, and this thread turns its job: turn its engine until it is",
                self.folder
            );
        }
        match self.known.take() {
            Some(known) => known,
            None => self.answer.recv().unwrap_or_else(|_| Err(self.ended())),
        }
    }

    fn ended(&self) -> SavepointError {
        SavepointError::Ended { folder: self.folder.clone() }
    }
}
