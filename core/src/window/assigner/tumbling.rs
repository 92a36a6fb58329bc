//! Tumbling windows: of one width, side by side.

use std::time::Duration;

use super::{TimeWindow, WindowAssigner, check_span, nanos, offset_text};
use crate::raw::view::Rec;
use crate::record::Record;
use crate::time::EventTime;
use crate::window::slices::Slices;

/// Windows of one width, side by side, aligned to the Unix epoch, so that a record falls into the same
/// window on every worker and after every restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tumbling {
    width: Duration,
    offset: Duration,
}

impl Tumbling {
    /// Windows of `width`; a width of zero is refused when the job is built.
    pub const fn of(width: Duration) -> Self {
        Self { width, offset: Duration::ZERO }
    }

    /// The same windows, each `offset` later: days that begin at 06:00 UTC are `Tumbling::of(1.days()).offset(6.hours())`.
    ///
    /// Event time is UTC and knows no daylight saving: an offset is the same all year.
    #[must_use]
    pub const fn offset(mut self, offset: Duration) -> Self {
        self.offset = offset;
        self
    }

    /// The width.
    pub fn width(self) -> Duration {
        self.width
    }

    /// The window that covers `at`; times before 1970 round towards the past as well.
    #[inline]
    pub fn assign(self, at: EventTime) -> TimeWindow {
        let slices = self.geometry();
        slices.span(slices.index(at))
    }

    fn geometry(self) -> Slices {
        let width = nanos(self.width).max(1);
        Slices::sliding(width, width, nanos(self.offset))
    }
}

impl<T: Record> WindowAssigner<T> for Tumbling {
    const KIND: &'static str = "tumbling window";
    const SLICED: bool = true;

    fn assign(&mut self, _: &Rec<T>, at: EventTime, windows: &mut Vec<TimeWindow>) {
        windows.push((*self).assign(at));
    }

    fn describe(&self) -> String {
        format!("{:?}{}", self.width, offset_text(self.offset))
    }

    fn check(&self) -> Result<(), String> {
        check_span("a window", self.width)
    }

    fn slices(&self) -> Option<Slices> {
        Some(self.geometry())
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
            offset in 0..3_000_000_000u64,
        ) {
            let (at, window) = (EventTime::from_nanos(nanos), Tumbling::of(Duration::from_nanos(width)));
            let window = window.offset(Duration::from_nanos(offset));
            let TimeWindow { start, end } = window.assign(at);
            prop_assert!(start <= at && at < end);
            prop_assert_eq!(start.saturating_add(window.width()), end);
            prop_assert_eq!(window.assign(start), window.assign(end.saturating_sub(Duration::from_nanos(1))));
            let from_epoch = start.as_nanos() - i64::try_from(offset).unwrap();
            prop_assert_eq!(from_epoch.rem_euclid(i64::try_from(width).unwrap()), 0);
        }
    }

    #[test]
    fn a_day_may_begin_at_six() {
        let day = Tumbling::of(Duration::from_secs(86_400)).offset(Duration::from_secs(6 * 3_600));
        assert_eq!(day.assign(EventTime::EPOCH).start, EventTime::from_secs(-18 * 3_600));
        assert_eq!(
            day.assign(EventTime::from_secs(6 * 3_600)).start,
            EventTime::from_secs(6 * 3_600)
        );
    }
}
