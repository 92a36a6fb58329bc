//! Event time: when something happened, as its record says; and how far a stream has come in it.
//!
//! * [`EventTime`]: a point in time, nanoseconds since the Unix epoch.
//! * [`Durations`]: `24.hours()`, `10.minutes()`, for window widths and bounds.
//! * [`WatermarkStrategy`]: how a source says how far it has come; `watermark` merges what several say.
//! * [`ProcessingTime`]: a point in processing time, which is an input of a worker, not a property of a record; and the [`Clock`] that it
//!   is taken from.

mod durations;
mod event_time;
mod rfc3339;
mod processing_time;
mod clock;
mod strategy;
pub(crate) mod watermark;

pub use clock::Clock;
pub use durations::Durations;
pub use event_time::{ArchivedEventTime, EventTime};
pub use processing_time::ProcessingTime;
pub use rfc3339::ParseEventTimeError;
pub use strategy::{
    AllIdle, BoundedOutOfOrderness, DEFAULT_IDLE_AFTER, Monotonic, OnlyAtEnd, Punctuated,
    WATERMARK_STRIDE, WatermarkGenerator, WatermarkStrategy, WithIdleness,
};
