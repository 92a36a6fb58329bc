//! How a run is driven, watched and written down.
//!
//! # Not here
//!
//! No workload: those are the benchmarks themselves, and [`mod@crate::reference`].

pub mod affinity;
pub mod clock;
pub mod histogram;
pub mod machine;
pub mod noise;
pub mod report;
pub mod taken;
