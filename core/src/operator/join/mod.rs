//! Joins that are not over windows: within an interval of time, and regular ones. Those over windows are in [`crate::window`].

pub(crate) mod interval;
pub(crate) mod many_to_one;
pub(crate) mod regular;
pub(crate) mod regular_outer;

pub use interval::Interval;
