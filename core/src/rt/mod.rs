//! The seam: the only place that names threads, clocks, files, sockets, glommio and io_uring.
//!
//! Three drivers turn the same workers. `plain` is threads and system calls; `glommio` is pinned executors; both run a core's loop
//! (`core_loop`) over the workers of all jobs that have a seat on it. [`Sim`] is one thread that steps all workers of one job in a seeded
//! order under virtual time, and replays recorded runs.

mod clock;
mod files;
mod streams;
pub(crate) mod parker;
mod mark;
mod ends;
pub(crate) mod reports;
pub(crate) mod mailbox;
pub(crate) mod driver;
mod seated;
pub(crate) mod core_loop;
mod cores;
mod plain;
mod glommio;
pub(crate) mod threads;
mod sim;

pub use clock::{Monotonic, now_ns};
pub(crate) use cores::{CoreSettings, Cores};
pub use files::SystemFiles;
pub(crate) use mark::ThreadMark;
pub use sim::{Attempt, FileEvent, MemoryFiles, MemoryStreams, Sim, SimDisk, SimReport};
pub use streams::SystemStreams;

/// What turns the workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Driver {
    /// [`Driver::Glommio`] where the system permits io_uring, else [`Driver::Plain`]; the log says which.
    #[default]
    Auto,
    /// Threads and system calls.
    Plain,
    /// An executor of glommio for each core.
    Glommio,
}
