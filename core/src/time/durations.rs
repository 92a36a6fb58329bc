//! `24.hours()`: durations as one says them.

use std::time::Duration;

/// Durations from whole numbers, for window widths, bounds and timeouts.
///
/// Implemented for `u64` alone, on purpose: with one implementation the compiler takes an integer
/// literal to be a `u64`, so `24.hours()` needs no suffix, and a negative width does not compile.
///
/// ```
/// use std::time::Duration;
/// use thalweg::time::Durations;
///
/// assert_eq!(24.hours(), Duration::from_secs(86_400));
/// assert_eq!(5.millis(), Duration::from_micros(5_000));
/// ```
///
/// A duration too long for [`Duration`] becomes [`Duration::MAX`].
pub trait Durations {
    /// This many days of exactly 24 hours; event time is UTC and knows no daylight saving.
    fn days(self) -> Duration;
    /// This many hours.
    fn hours(self) -> Duration;
    /// This many minutes.
    fn minutes(self) -> Duration;
    /// This many seconds.
    fn secs(self) -> Duration;
    /// This many milliseconds.
    fn millis(self) -> Duration;
    /// This many microseconds.
    fn micros(self) -> Duration;
    /// This many nanoseconds.
    fn nanos(self) -> Duration;
}

impl Durations for u64 {
    #[inline]
    fn days(self) -> Duration {
        seconds(self, 86_400)
    }

    #[inline]
    fn hours(self) -> Duration {
        seconds(self, 3_600)
    }

    #[inline]
    fn minutes(self) -> Duration {
        seconds(self, 60)
    }

    #[inline]
    fn secs(self) -> Duration {
        Duration::from_secs(self)
    }

    #[inline]
    fn millis(self) -> Duration {
        Duration::from_millis(self)
    }

    #[inline]
    fn micros(self) -> Duration {
        Duration::from_micros(self)
    }

    #[inline]
    fn nanos(self) -> Duration {
        Duration::from_nanos(self)
    }
}

fn seconds(count: u64, each: u64) -> Duration {
    count.checked_mul(each).map_or(Duration::MAX, Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_needs_no_suffix() {
        assert_eq!(2.days(), 48.hours());
        assert_eq!(1.hours(), 60.minutes());
        assert_eq!(1.minutes(), 60.secs());
        assert_eq!(5.secs(), 5_000.millis());
        assert_eq!(7.millis(), 7_000.micros());
        assert_eq!(3.micros(), 3_000.nanos());
    }

    #[test]
    fn too_many_days_are_the_longest_duration() {
        assert_eq!(u64::MAX.days(), Duration::MAX);
    }
}
