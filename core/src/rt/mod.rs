//! The seam: the only place that names threads, clocks, files, glommio and io_uring.
//!
//! Three drivers turn the same workers. `plain` is threads and system calls; `glommio` is pinned executors; [`Sim`] is one thread that steps
//! all workers in a seeded order under virtual time, and replays recorded runs.

mod clock;
mod files;
mod streams;
mod parker;
pub(crate) mod driver;
mod plain;
mod glommio;
mod sim;

pub use clock::{Monotonic, now_ns};
pub use files::SystemFiles;
pub use sim::{Attempt, FileEvent, MemoryFiles, MemoryStreams, Sim, SimReport};
pub use streams::SystemStreams;

use std::thread::JoinHandle;

use crate::error::{JobError, Result};
use crate::runtime::worker::WorkerEnd;
use driver::{Seat, Shared};

/// What turns the workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Driver {
    /// [`Driver::Glommio`] where the system permits io_uring, else [`Driver::Plain`]; the log says which.
    #[default]
    Auto,
    /// Threads and system calls.
    Plain,
    /// An executor of glommio for each worker.
    Glommio,
}

/// A worker's thread; it ends with the worker's totals, or with nothing if the worker failed.
pub(crate) enum WorkerThread {
    Plain(JoinHandle<Option<WorkerEnd>>),
    Glommio(glommio::Thread),
}

impl WorkerThread {
    pub(crate) fn is_finished(&self) -> bool {
        match self {
            Self::Plain(thread) => thread.is_finished(),
            Self::Glommio(thread) => thread.is_finished(),
        }
    }

    pub(crate) fn join(self) -> Option<WorkerEnd> {
        match self {
            // The thread's own work is under `catch_unwind`; what is left to panic has been said by the panic's message.
            Self::Plain(thread) => thread.join().ok().flatten(),
            Self::Glommio(thread) => thread.join(),
        }
    }
}

/// Starts a thread for each seat, pinned to `cores` if there are any; also says which driver it was.
pub(crate) fn start_workers(
    driver: Driver,
    shared: &Shared,
    seats: Vec<Seat>,
    cores: &[usize],
) -> Result<(&'static str, Vec<WorkerThread>)> {
    crate::raw::os::register_membarrier();
    let driver = match driver {
        Driver::Auto => match glommio::is_available() {
            Ok(()) => Driver::Glommio,
            Err(reason) => {
                tracing::warn!(%reason, "io_uring is not available; the plain driver is used");
                Driver::Plain
            }
        },
        chosen => chosen,
    };
    let mut threads = Vec::with_capacity(seats.len());
    for seat in seats {
        let worker = seat.worker;
        let core = cores.get(worker).copied();
        let started = match driver {
            Driver::Glommio => glommio::start(shared, seat, core).map(WorkerThread::Glommio),
            Driver::Plain | Driver::Auto => {
                plain::start(shared, seat, core).map(WorkerThread::Plain)
            }
        };
        match started {
            Ok(thread) => threads.push(thread),
            Err(source) => {
                shared.fail(JobError::Worker { worker, source });
                break;
            }
        }
    }
    let name = if driver == Driver::Glommio { "glommio" } else { "plain" };
    Ok((name, threads))
}
