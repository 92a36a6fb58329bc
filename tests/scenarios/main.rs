//! Whole jobs, on every driver, against slow and obviously right oracles.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod windows;
mod window_rules;
mod window_edges;
mod window_refusals;
mod keyed_state;
mod stateless;
mod partitioned;
mod running;
mod policies;
mod retries;
mod dead_letters;
mod split;
mod unions;
mod joins;
mod time_joins;
mod idleness;
mod event_time;
mod endings;
mod measures;
mod failures;
mod builds;
mod checkpoints;
mod backpressure;
mod replay;
mod departures;
mod engines;
mod handles;
mod examples;
mod processes;
mod visits;
mod conformance;
mod sources;
mod sinks;
mod changelogs;
mod nexmark;
