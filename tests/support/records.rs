//! Records of test jobs.

use thalweg::prelude::*;

/// A reading of a sensor.
#[record]
#[derive(Eq, PartialOrd, Ord)]
pub struct Reading {
    /// When.
    #[event_time]
    pub at: EventTime,
    /// Which sensor.
    pub sensor: Str,
    /// What it read.
    pub value: i64,
}
