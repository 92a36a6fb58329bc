//! Ways to run a job: on the simulator or on threads, and under a watchdog.

use std::panic::resume_unwind;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use thalweg::api::SourceStream;
use thalweg::control::EngineBuilder;
use thalweg::error::JobError;
use thalweg::metrics::JobReport;
use thalweg::prelude::*;
use thalweg::rt::Sim;
use thalweg::source::Source;

use crate::random::Splits;
use crate::records::Event;

/// What may change the schedule of a job and must not change its results.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Threads.
    pub workers: usize,
    /// Records of a poll.
    pub batch_records: u32,
    /// Results of a slice.
    pub slice_records: u32,
    /// Pages of a ring.
    pub ring_pages: usize,
    /// Bytes of a page.
    pub page_bytes: usize,
}

impl Settings {
    /// The tightest there are: every page is full at once.
    pub fn tight(workers: usize) -> Self {
        Self { workers, batch_records: 300, slice_records: 64, ring_pages: 1, page_bytes: 256 }
    }

    /// An engine on threads.
    pub fn engine(&self) -> EngineBuilder {
        Engine::builder()
            .driver(Driver::Plain)
            .workers(self.workers)
            .batch_records(self.batch_records)
            .slice_records(self.slice_records)
            .ring_pages(self.ring_pages)
            .page_bytes(self.page_bytes)
    }
}

/// Where a job runs.
#[derive(Debug, Clone, Copy)]
pub enum On {
    /// On threads.
    Plain(Settings),
    /// On the simulator; the other settings are drawn from the seed.
    Sim {
        /// The schedule.
        seed: u64,
        /// Simulated workers.
        workers: usize,
    },
}

impl On {
    /// Workers.
    pub fn workers(&self) -> usize {
        match self {
            Self::Plain(settings) => settings.workers,
            Self::Sim { workers, .. } => *workers,
        }
    }

    /// Runs a job to its end; on threads, under the watchdog.
    pub fn run(
        &self,
        job: impl Fn(&mut Topology) -> Result<()> + Send + Sync + 'static,
    ) -> Result<JobReport, JobError> {
        match *self {
            Self::Sim { seed, workers } => Ok(Sim::new(seed, workers).run(job)?.report),
            Self::Plain(settings) => watched(move || settings.engine().build().run("test", job)),
        }
    }
}

/// The time after which a job that should have ended is said to hang: far more than any of them takes.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs `work` on a thread of its own and returns its result.
///
/// # Panics
///
/// With the panic of `work`, or if it does not come back: a deadlock.
pub fn watched<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> R {
    let (tx, rx) = channel();
    let thread = thread::Builder::new()
        .spawn(move || drop(tx.send(work())))
        .expect("a thread can be started");
    match rx.recv_timeout(PATIENCE) {
        Ok(result) => result,
        Err(RecvTimeoutError::Timeout) => {
            panic!("the job hangs: it did not end within {PATIENCE:?}")
        }
        Err(RecvTimeoutError::Disconnected) => match thread.join() {
            Err(payload) => resume_unwind(payload),
            Ok(()) => unreachable!("a thread that ended well has sent its result"),
        },
    }
}

/// Checkpoints in `folder`, as often as they may be.
pub fn checkpoints(folder: &Path) -> Checkpoints {
    Checkpoints::in_directory(folder).every(Duration::from_millis(10))
}

/// An engine that takes [`checkpoints`].
pub fn checkpointed(workers: usize, folder: &Path) -> EngineBuilder {
    Engine::builder().workers(workers).checkpoints(checkpoints(folder))
}

/// A source that gives these splits.
pub fn source(
    t: &mut Topology,
    name: &str,
    splits: &Splits,
) -> SourceStream<impl Source<Out = Event> + use<>> {
    let splits = Arc::clone(splits);
    let count = splits.len();
    t.source(
        name,
        Items::per_split(count, move |split| {
            let splits = Arc::clone(&splits);
            (0..splits[split].len()).map(move |index| splits[split][index].clone())
        }),
    )
}
