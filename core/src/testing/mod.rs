//! Conformance suites: what every source and every sink must do, as tests that anyone can run over their own.
//!
//! [`SourceSuite`] and [`SinkSuite`] turn a source's readers and a sink's writers by hand, without an engine, in every way in which a task may turn them;
//! what is wrong is a panic with a sentence. The built-in sources and sinks pass them, see `tests/scenarios/conformance.rs`.
//!
//! ```
//! use thalweg::prelude::*;
//! use thalweg::testing::{SourceSuite, World};
//!
//! SourceSuite::new(|_: &World| Generator::of(0..100, |i| i).splits(3))
//!     .expect((0..100).collect())
//!     .run();
//! ```
//!
//! # Not here
//!
//! Nothing about time: that a call does not block shows in a run that comes back. Run a suite under a watchdog.

mod world;
mod source_suite;
mod source_rig;
mod sink_suite;
mod sink_crashes;
#[doc(hidden)]
pub mod hops;

pub use sink_suite::SinkSuite;
pub use source_suite::SourceSuite;
pub use world::World;

/// True if both lists hold the same values, whatever their order.
fn is_same<T: PartialEq>(left: &[T], right: &[T]) -> bool {
    let mut rest: Vec<&T> = right.iter().collect();
    left.len() == right.len()
        && left.iter().all(|value| {
            let place = rest.iter().position(|other| *other == value);
            place.map(|place| rest.swap_remove(place)).is_some()
        })
}
