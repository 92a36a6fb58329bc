//! Whole jobs against the slow engine.

mod windows;
mod keyed_state;
mod stateless;
mod joins;
mod idleness;
mod failures;
mod builds;
mod backpressure;
mod replay;
