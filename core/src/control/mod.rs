//! Everything that is not per record: the [`Engine`] that runs jobs, and the handle to a job that runs.

mod checkpoints;
mod restart;
mod starter;
mod life;
mod supervisor;
mod copies;
mod deploy;
mod registry;
mod engine;
mod inline;
mod job;
mod stop;
mod savepoint;
mod watermarks;
#[cfg(test)]
mod tests;

pub use checkpoints::Checkpoints;
pub use engine::{Engine, EngineBuilder};
pub use inline::InlineEngine;
pub use job::JobHandle;
pub use restart::Restart;
pub use savepoint::PendingSavepoint;
