//! Event time: when something happened, as its record says.
//!
//! * [`EventTime`]: a point in time, nanoseconds since the Unix epoch.
//! * [`Durations`]: `24.hours()`, `10.minutes()`, for window widths and bounds.
//!
//! # Not here
//!
//! Processing time: what a clock says is an input of a worker, not a property of a record.

mod durations;
mod event_time;
mod rfc3339;

pub use durations::Durations;
pub use event_time::{ArchivedEventTime, EventTime};
pub use rfc3339::ParseEventTimeError;
