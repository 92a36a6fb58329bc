//! Joins that are bounded by time and not by windows. Those over windows are in [`crate::window`].

pub(crate) mod interval;

pub use interval::Interval;
