//! The seam: the only place that names threads, clocks, files, glommio and io_uring.
//!
//! Three drivers turn the same workers. [`plain`] is threads and system calls; `glommio` is pinned executors; [`sim`] is one thread that steps
//! all workers in a seeded order under virtual time, and replays recorded runs.

mod clock;
mod files;
mod parker;
pub(crate) mod driver;
pub(crate) mod plain;
pub(crate) mod glommio;
pub mod sim;

pub use clock::{Monotonic as MonotonicClock, now_ns};
pub use files::SystemFiles;
pub use sim::Sim;
