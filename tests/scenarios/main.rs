//! Whole jobs, on every driver, against slow and obviously right oracles.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod windows;
mod window_rules;
mod keyed_state;
mod stateless;
mod partitioned;
mod joins;
mod idleness;
mod failures;
mod builds;
mod backpressure;
mod replay;
mod departures;
mod engines;
mod examples;
mod processes;
