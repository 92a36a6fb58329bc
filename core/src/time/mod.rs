//! Event time: when something happened, as its record says; and how far a stream has come in it.
//!
//! * [`EventTime`]: a point in time, nanoseconds since the Unix epoch.
//! * [`Durations`]: `24.hours()`, `10.minutes()`, for window widths and bounds.
//! * [`WatermarkStrategy`]: how a source says how far it has come; `watermark` merges what several say.
//! * [`WatermarkOptions`]: silent splits, splits that are ahead, records that are wrong about the time.
//! * [`ProcessingTime`]: a point in processing time, which is an input of a worker, not a property of a record; and the [`Clock`] that it
//!   is taken from.
//!
//! # Which records are late
//!
//! A record is late when it comes after a watermark that its window had ended by. What is promised:
//!
//! 1. *One split up to the first exchange, input that does not run dry*: a function of the input. Watermarks are made after every
//!    [`WATERMARK_STRIDE`] records, counted from the start of the split, wherever batches end.
//! 2. *A split that runs dry* makes a watermark there; where that is depends on how fast its records came. A record is late only if it lies
//!    behind the strategy's bound of what came before it in its split: with a bound that holds for the input, nothing is late.
//! 3. *Several splits*: each goes at its own pace, and a watermark is the least of them. Which is ahead is a matter of timing, so whether a record that is
//!    late in its own split also is late in the stream depends on the schedule; one that is not late in its own split is never late. Alignment
//!    ([`WithOptions::aligned_within`]) narrows what the schedule decides to the bound and the drift.
//! 4. *Idle splits* give up that promise: a split that was called idle and comes back may find that the others have gone on, and its records late.
//!    [`AllIdle::AdvanceWithClock`] does the same to a whole source.
//! 5. *Far-future records* ([`WithOptions::max_jump`]) move no watermark, so they make nothing late. Far-past ones are just late.
//!
//! Whatever the schedule was, it is recorded, and a replay gives the same late records.

mod durations;
mod event_time;
mod rfc3339;
mod processing_time;
mod clock;
mod strategy;
mod options;
mod generators;
mod far_future;
pub(crate) mod alignment;
pub(crate) mod watermark;

pub use clock::Clock;
pub use durations::Durations;
pub use event_time::{ArchivedEventTime, EventTime};
pub(crate) use far_future::FutureGuard;
pub use far_future::JUMP_RECORDS;
pub use generators::{BoundedOutOfOrderness, Monotonic, OnlyAtEnd, Punctuated};
pub use options::{AllIdle, DEFAULT_IDLE_AFTER, WatermarkOptions, WithOptions};
pub use processing_time::ProcessingTime;
pub use rfc3339::ParseEventTimeError;
pub use strategy::{WATERMARK_STRIDE, WatermarkGenerator, WatermarkStrategy};
