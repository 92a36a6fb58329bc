//! Everything that is not per record: the [`Engine`] that runs jobs, and the handle to a job that runs.

mod registry;
mod engine;
mod inline;
mod job;
mod stop;
mod watermarks;

pub use engine::{Engine, EngineBuilder};
pub use inline::InlineEngine;
pub use job::JobHandle;
