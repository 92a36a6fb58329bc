//! [`ProcessingTime`]: when the engine does something, by the clock as it was last decided.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use super::EventTime;

/// A point in processing time: nanoseconds since the Unix epoch, UTC, as [`EventTime`] counts them.
///
/// It is the wall clock of the run's start, moved on by the monotonic clock: it never goes back and never jumps, and so may differ from
/// what a clock on the wall says after that was set. A worker sees it as it was last *decided* (see [`crate::runtime`]): it stands still during a step, moves
/// by a millisecond at most times, and is what it was in a replay.
///
/// Arithmetic saturates at the ends.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ProcessingTime(i64);

impl ProcessingTime {
    /// The earliest time; "before everything".
    pub const MIN: Self = Self(i64::MIN);
    /// The latest time; "never".
    pub const MAX: Self = Self(i64::MAX);

    /// The time `nanos` nanoseconds after the Unix epoch.
    #[inline]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the Unix epoch.
    #[inline]
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// The time `by` later, at most [`Self::MAX`].
    #[inline]
    pub const fn saturating_add(self, by: Duration) -> Self {
        Self(EventTime::from_nanos(self.0).saturating_add(by).as_nanos())
    }

    /// The time `by` earlier, at least [`Self::MIN`].
    #[inline]
    pub const fn saturating_sub(self, by: Duration) -> Self {
        Self(EventTime::from_nanos(self.0).saturating_sub(by).as_nanos())
    }

    /// How long after `earlier` this is; zero if it is not after it.
    #[inline]
    pub const fn since(self, earlier: Self) -> Duration {
        EventTime::from_nanos(self.0).since(EventTime::from_nanos(earlier.0))
    }
}

/// Saturates, as [`ProcessingTime::saturating_add`].
impl Add<Duration> for ProcessingTime {
    type Output = Self;

    #[inline]
    fn add(self, by: Duration) -> Self {
        self.saturating_add(by)
    }
}

/// Saturates, as [`ProcessingTime::saturating_sub`].
impl Sub<Duration> for ProcessingTime {
    type Output = Self;

    #[inline]
    fn sub(self, by: Duration) -> Self {
        self.saturating_sub(by)
    }
}

/// RFC 3339, as an [`EventTime`].
impl fmt::Display for ProcessingTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&EventTime::from_nanos(self.0), f)
    }
}

impl fmt::Debug for ProcessingTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Durations as _;

    #[test]
    fn it_counts_and_prints_as_event_time_does() {
        let start = ProcessingTime::from_nanos(1_357_035_420_000_000_000);
        assert_eq!(start.to_string(), "2013-01-01T10:17:00Z");
        assert_eq!(format!("{:?}", start + 500.millis()), "2013-01-01T10:17:00.5Z");
        assert_eq!((start + 2.secs()).since(start), 2.secs());
        assert_eq!(start.since(start + 2.secs()), Duration::ZERO);
    }

    #[test]
    fn arithmetic_stays_at_the_ends() {
        assert_eq!(ProcessingTime::MAX + 1.nanos(), ProcessingTime::MAX);
        assert_eq!(ProcessingTime::MIN - Duration::MAX, ProcessingTime::MIN);
    }
}
