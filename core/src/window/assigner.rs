//! Which window a record belongs to.

use std::time::Duration;

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
    /// The last instant inside; the event time of the window's result.
    pub fn last_instant(self) -> EventTime {
        self.end.saturating_sub(Duration::from_nanos(1))
    }
}

/// Windows of one width, side by side, aligned to the Unix epoch, so that a record falls into the same
/// window on every worker and after every restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tumbling {
    width: Duration,
}

impl Tumbling {
    /// Windows of `width`; a width of zero is refused when the job is built.
    pub const fn of(width: Duration) -> Self {
        Self { width }
    }

    /// The width.
    pub fn width(self) -> Duration {
        self.width
    }

    /// The window that covers `at`; times before 1970 round towards the past as well.
    #[inline]
    pub fn assign(self, at: EventTime) -> TimeWindow {
        let start = at.floor(self.width);
        TimeWindow { start, end: start.saturating_add(self.width) }
    }

    /// The start of the last window that has ended at watermark `at`.
    pub(crate) fn last_closed(self, at: EventTime) -> Option<EventTime> {
        if at == EventTime::MAX {
            return Some(EventTime::MAX);
        }
        let start = at.floor(self.width);
        let before = start.saturating_sub(self.width);
        (before < start).then_some(before)
    }
}

/// Windows of activity: a session lasts while no gap between two records of its key is longer than `gap`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session {
    gap: Duration,
}

impl Session {
    /// Sessions that end after a silence of more than `gap`; a gap of zero is refused when the job is built.
    pub const fn gap(gap: Duration) -> Self {
        Self { gap }
    }

    /// The longest silence within a session.
    pub fn longest_silence(self) -> Duration {
        self.gap
    }
}
