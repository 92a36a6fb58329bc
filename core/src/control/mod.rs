//! Everything that is not per record: the [`Engine`] that runs jobs, and the handle to a job that runs.

mod engine;
mod stop;
mod watermarks;

pub use engine::{Engine, EngineBuilder, JobHandle};
