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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_record_lies_in_its_window(
            nanos in -1_000_000_000_000i64..1_000_000_000_000,
            width in 1..1_000_000_000u64,
        ) {
            let (at, window) = (EventTime::from_nanos(nanos), Tumbling::of(Duration::from_nanos(width)));
            let TimeWindow { start, end } = window.assign(at);
            prop_assert!(start <= at && at < end);
            prop_assert_eq!(start.saturating_add(window.width()), end);
            prop_assert_eq!(window.assign(start), window.assign(end.saturating_sub(Duration::from_nanos(1))));
        }

        #[test]
        fn the_last_closed_window_ends_at_or_before_the_watermark_and_the_next_one_after(
            nanos in -1_000_000i64..1_000_000,
            width in 1..1_000u64,
        ) {
            let (at, window) = (EventTime::from_nanos(nanos), Tumbling::of(Duration::from_nanos(width)));
            let last = window.assign(window.last_closed(at).unwrap());
            prop_assert!(last.end <= at);
            prop_assert!(window.assign(last.end).end > at);
        }
    }

    #[test]
    fn the_end_of_time_closes_every_window_and_its_beginning_none() {
        let window = Tumbling::of(Duration::from_secs(60));
        assert_eq!(window.last_closed(EventTime::MAX), Some(EventTime::MAX));
        assert_eq!(window.last_closed(EventTime::MIN), None);
    }
}
