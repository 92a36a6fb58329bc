//! Which windows a record belongs to.
//!
//! An assigner gives each record the windows of event time that it lies in. [`Tumbling`], [`Sliding`] and [`Cumulating`] windows are
//! aligned: they are the same for all keys and made of shared slices ([`super::slices`]). [`Session`] windows are each key's own and
//! merge. [`Global`] is one window without an end. A type of the user's that implements [`WindowAssigner`] is used like them.

mod cumulating;
mod global;
mod processing_time;
mod session;
mod sliding;
mod tumbling;

pub use cumulating::Cumulating;
pub use global::Global;
pub use processing_time::InProcessingTime;
pub use session::{DynamicSession, Session};
pub use sliding::Sliding;
pub use tumbling::Tumbling;

use std::time::Duration;

use super::slices::Slices;
use crate::raw::view::Rec;
use crate::record::Record;
use crate::time::EventTime;

/// A half-open span of event time, `[start, end)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeWindow {
    /// The first instant inside.
    pub start: EventTime,
    /// The first instant after.
    pub end: EventTime,
}

impl TimeWindow {
    /// All of time: the window of [`Global`].
    pub const ALL: Self = Self { start: EventTime::MIN, end: EventTime::MAX };

    /// The last instant inside; the event time of the window's result.
    pub fn last_instant(self) -> EventTime {
        self.end.saturating_sub(Duration::from_nanos(1))
    }

    /// Whether `at` lies inside. The last instant of time lies in every window that reaches up to it.
    #[inline]
    pub fn covers(self, at: EventTime) -> bool {
        self.start <= at && (at < self.end || self.end == EventTime::MAX)
    }

    /// Whether some instant lies in both.
    #[inline]
    pub fn overlaps(self, other: Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// The least window that covers both.
    pub(crate) fn hull(self, other: Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

/// Gives each record its windows.
///
/// One assigner serves all keys of a worker. It must be a function of the record alone: what it remembers is in no checkpoint.
pub trait WindowAssigner<T: Record>: 'static {
    /// What kind of window it is, as plans show it.
    const KIND: &'static str = "window";

    /// Whether windows of one key that overlap become one, as sessions do.
    const MERGES: bool = false;

    /// Whether windows have an end at which they could fire.
    const ENDS: bool = true;

    /// Whether a record lies in more than one window.
    const OVERLAP: bool = false;

    /// Whether records are given the time of the clock instead of their own, and windows end by it.
    #[doc(hidden)]
    const BY_CLOCK: bool = false;

    /// Whether [`Self::slices`] gives something.
    #[doc(hidden)]
    const SLICED: bool = false;

    /// Adds the windows of a record at `at` to `windows`, which is empty; a record without a window is left out.
    ///
    /// A window that ends at or before its start ends the job. An assigner that merges gives one window.
    fn assign(&mut self, record: &Rec<T>, at: EventTime, windows: &mut Vec<TimeWindow>);

    /// The settings, as plans show them.
    fn describe(&self) -> String;

    /// What is wrong with the settings.
    ///
    /// # Errors
    ///
    /// A sentence for whoever wrote the job.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }

    /// How all windows are made of shared slices, if they are.
    #[doc(hidden)]
    fn slices(&self) -> Option<Slices> {
        None
    }
}

/// "offset 5s" or nothing.
fn offset_text(offset: Duration) -> String {
    if offset.is_zero() { String::new() } else { format!(" offset {offset:?}") }
}

/// The longest span that settings may have: the rest of time is needed on both sides of it.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);

/// Refuses a span that is zero, or too long to count with.
fn check_span(what: &str, span: Duration) -> Result<(), String> {
    if span.is_zero() {
        return Err(format!("{what} is longer than zero"));
    }
    if span > LONGEST {
        return Err(format!("{what} is at most 100 years"));
    }
    Ok(())
}

/// Whole nanoseconds of a span, at most [`LONGEST`]; what is longer was refused.
fn nanos(span: Duration) -> i64 {
    i64::try_from(span.min(LONGEST).as_nanos()).expect("invariant: a century is fewer than 2^63 ns")
}
