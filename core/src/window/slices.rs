//! Slices: the pieces of event time of which aligned windows are made.
//!
//! Each boundary of a window is a boundary of a slice, so a window is a whole number of slices, and a record touches one slice however
//! many windows it lies in. Sliding windows whose width is no multiple of the slide have two slices in each slide, one up to where
//! windows end and one up to where the next begins, instead of `slide / gcd(width, slide)` of them.
//!
//! Slices are numbered; number 0 begins at the offset after the epoch. A window is named by the number of its last slice, since of all
//! windows at most one ends with each slice.
//!
//! # Source
//!
//! Li et al., "No pane, no gain", SIGMOD Record 34(1), 2005; the pairs of slices: Krishnamurthy et al., "On-the-fly sharing for
//! streamed aggregation", SIGMOD 2006.

use super::TimeWindow;
use crate::time::EventTime;

/// Which windows the slices make up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// Windows of so many slices, one of them ends with every slice.
    Sliding { slices: i64 },
    /// Two slices a slide, the first of them `first` long; windows begin with a first one and end with the one `2 * slides` later.
    Pairs { slides: i64, first: i64 },
    /// So many windows begin together, and one ends with every slice.
    Cumulating { steps: i64 },
}

/// How event time is cut; see the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slices {
    /// Nanoseconds after which the cuts repeat.
    period: i64,
    offset: i64,
    shape: Shape,
}

impl Slices {
    /// Windows of `width`, one every `slide`, both above zero, in nanoseconds.
    pub(crate) fn sliding(width: i64, slide: i64, offset: i64) -> Self {
        let (slides, first) = (width / slide, width % slide);
        let shape = match first {
            0 => Shape::Sliding { slices: slides },
            _ => Shape::Pairs { slides, first },
        };
        Self { period: slide, offset: offset.rem_euclid(slide), shape }
    }

    /// Windows of one to `steps` steps that begin together.
    pub(crate) fn cumulating(step: i64, steps: i64, offset: i64) -> Self {
        let shape = Shape::Cumulating { steps };
        Self { period: step, offset: offset.rem_euclid(step.saturating_mul(steps)), shape }
    }

    /// The slice that covers `at`.
    #[inline]
    pub(crate) fn index(self, at: EventTime) -> i64 {
        let from = at.as_nanos().saturating_sub(self.offset);
        let number = from.div_euclid(self.period);
        match self.shape {
            Shape::Pairs { first, .. } => {
                let is_second = from.rem_euclid(self.period) >= first;
                number.saturating_mul(2).saturating_add(i64::from(is_second))
            }
            _ => number,
        }
    }

    /// The first instant of slice `index`.
    fn start(self, index: i64) -> EventTime {
        let (number, within) = match self.shape {
            Shape::Pairs { first, .. } => (index >> 1, if index & 1 == 1 { first } else { 0 }),
            _ => (index, 0),
        };
        let start = number.saturating_mul(self.period).saturating_add(within);
        EventTime::from_nanos(start.saturating_add(self.offset))
    }

    /// The span of slice `index`.
    pub(crate) fn span(self, index: i64) -> TimeWindow {
        TimeWindow { start: self.start(index), end: self.start(index.saturating_add(1)) }
    }

    /// The first slice of the window whose last slice is `last`.
    pub(crate) fn first_of(self, last: i64) -> i64 {
        match self.shape {
            Shape::Sliding { slices } => last.saturating_sub(slices - 1),
            Shape::Pairs { slides, .. } => last.saturating_sub(2 * slides),
            Shape::Cumulating { steps } => last.div_euclid(steps).saturating_mul(steps),
        }
    }

    /// The window whose last slice is `last`.
    pub(crate) fn window(self, last: i64) -> TimeWindow {
        TimeWindow { start: self.start(self.first_of(last)), end: self.span(last).end }
    }

    /// The first slice from `index` on with which a window ends.
    pub(crate) fn next_last(self, index: i64) -> i64 {
        match self.shape {
            Shape::Pairs { .. } => index.saturating_add(index & 1),
            _ => index,
        }
    }

    /// The last slice of the last window that slice `index` is in.
    pub(crate) fn final_last(self, index: i64) -> i64 {
        match self.shape {
            Shape::Sliding { slices } => index.saturating_add(slices - 1),
            Shape::Pairs { slides, .. } => (index & !1).saturating_add(2 * slides),
            Shape::Cumulating { steps } => self.first_of(index).saturating_add(steps - 1),
        }
    }

    /// The last slices of the windows that slice `index` is in, in order; none in a gap between windows.
    pub(crate) fn windows_of(self, index: i64) -> impl Iterator<Item = i64> {
        let step = if matches!(self.shape, Shape::Pairs { .. }) { 2 } else { 1 };
        (self.next_last(index)..=self.final_last(index)).step_by(step)
    }

    /// Whether slice `index` is in a gap between windows.
    pub(crate) fn is_gap(self, index: i64) -> bool {
        self.next_last(index) > self.final_last(index)
    }

    /// The last slice that has ended at watermark `at`; all of them at the end of time.
    pub(crate) fn closed(self, at: EventTime) -> i64 {
        match at {
            EventTime::MAX => i64::MAX,
            EventTime::MIN => i64::MIN,
            at => self.index(at).saturating_sub(1),
        }
    }

    /// The first slice that is in a window whose last slice is after `closed`.
    pub(crate) fn first_live(self, closed: i64) -> i64 {
        if closed == i64::MIN || closed == i64::MAX {
            return closed;
        }
        match self.shape {
            Shape::Sliding { slices } => closed.saturating_sub(slices - 2),
            Shape::Pairs { slides, .. } => {
                ((closed.saturating_sub(2 * slides) >> 1) + 1).saturating_mul(2)
            }
            Shape::Cumulating { steps } => {
                let block = closed.saturating_sub(steps - 1).div_euclid(steps) + 1;
                block.saturating_mul(steps)
            }
        }
    }

    /// The most slices that a window has.
    pub(crate) fn most(self) -> i64 {
        match self.shape {
            Shape::Sliding { slices } => slices,
            Shape::Pairs { slides, .. } => 2 * slides + 1,
            Shape::Cumulating { steps } => steps,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn slices() -> impl Strategy<Value = Slices> {
        prop_oneof![
            (1..60i64, 1..60i64, 0..200i64)
                .prop_map(|(width, slide, offset)| Slices::sliding(width, slide, offset)),
            (1..20i64, 1..10i64, 0..200i64)
                .prop_map(|(step, steps, offset)| Slices::cumulating(step, steps, offset)),
        ]
    }

    fn at(nanos: i64) -> EventTime {
        EventTime::from_nanos(nanos)
    }

    proptest! {
        #[test]
        fn slices_lie_side_by_side_and_cover_their_instants(slices in slices(), nanos in -5_000..5_000i64) {
            let index = slices.index(at(nanos));
            prop_assert!(slices.span(index).covers(at(nanos)));
            prop_assert_eq!(slices.span(index).end, slices.span(index + 1).start);
        }

        #[test]
        fn windows_of_a_slice_are_those_that_cover_it(slices in slices(), nanos in -500..500i64) {
            let index = slices.index(at(nanos));
            let found: Vec<TimeWindow> = slices.windows_of(index).map(|last| slices.window(last)).collect();
            let candidates = (index - 200..index + 200).filter(|&last| slices.next_last(last) == last);
            let expected: Vec<TimeWindow> =
                candidates.map(|last| slices.window(last)).filter(|window| window.covers(at(nanos))).collect();
            prop_assert_eq!(&found, &expected);
            prop_assert_eq!(slices.is_gap(index), found.is_empty());
        }

        #[test]
        fn sliding_windows_are_of_one_width_and_begin_with_the_slide(
            width in 1..60i64, slide in 1..60i64, offset in 0..100i64, nanos in -500..500i64,
        ) {
            let slices = Slices::sliding(width, slide, offset);
            let windows: Vec<TimeWindow> =
                slices.windows_of(slices.index(at(nanos))).map(|last| slices.window(last)).collect();
            let begins = |start: i64| (start - offset).rem_euclid(slide) == 0;
            let expected: Vec<TimeWindow> = (nanos - width + 1..=nanos)
                .filter(|&start| begins(start))
                .map(|start| TimeWindow { start: at(start), end: at(start + width) })
                .collect();
            prop_assert_eq!(windows, expected);
        }

        #[test]
        fn what_is_closed_has_ended_and_what_is_dead_is_in_no_open_window(
            slices in slices(), nanos in -500..500i64,
        ) {
            let closed = slices.closed(at(nanos));
            prop_assert!(slices.span(closed).end <= at(nanos));
            prop_assert!(slices.span(closed + 1).end > at(nanos));
            let live = slices.first_live(closed);
            for index in live - 100..live + 100 {
                let is_live = slices.windows_of(index).any(|last| last > closed);
                prop_assert!(slices.is_gap(index) || is_live == (index >= live), "slice {} of {}", index, live);
            }
        }
    }

    #[test]
    fn the_ends_of_time_close_all_and_none() {
        let slices = Slices::sliding(60, 7, 3);
        assert_eq!(slices.closed(EventTime::MAX), i64::MAX);
        assert_eq!(slices.first_live(slices.closed(EventTime::MAX)), i64::MAX);
        assert_eq!(slices.closed(EventTime::MIN), i64::MIN);
        assert!(slices.index(EventTime::MIN) < slices.index(EventTime::MAX));
    }
}
