//! Whole jobs, on every driver, against slow and obviously right oracles.

mod windows;
mod keyed_state;
mod stateless;
mod joins;
mod idleness;
mod failures;
mod builds;
mod backpressure;
mod replay;
mod departures;
