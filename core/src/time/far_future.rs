//! Records that claim to lie far in the future: found by what their split had before them, or by the clock.
//!
//! One device with a wrong clock would otherwise move the watermark for all: everything that is right would be late.

use std::time::Duration;

use super::{EventTime, ProcessingTime, WatermarkOptions};

/// A jump that so many records of a split in a row agree on is believed.
///
/// Sixteen: bad clocks come singly or in a short burst between good records, each of which starts the count again; and where a source
/// was silent for longer than its bound, few records pass before event time goes on.
pub const JUMP_RECORDS: u32 = 16;

/// Judges the records of one split, in order.
///
/// # Invariants
///
/// 1. The verdict is a function of the event times of the split's records, in order, and, with a bound by the clock, of the clock as it was decided.
/// 2. What is believed in the end is the least of the records that agreed, so no single one of them decides.
#[derive(Debug, Clone)]
pub(crate) struct FutureGuard {
    max_jump: Option<Duration>,
    max_ahead: Option<Duration>,
    /// What the clock permits now.
    ceiling: EventTime,
    /// Records in a row that were found to be too far ahead, and the least of them.
    in_a_row: u32,
    least: EventTime,
    far: u64,
}

impl FutureGuard {
    /// A guard, if there is anything to guard against.
    pub(crate) fn of(options: &WatermarkOptions) -> Option<Self> {
        let (max_jump, max_ahead) = (options.max_jump, options.max_ahead_of_clock);
        let ceiling = EventTime::MAX;
        let guard =
            Self { max_jump, max_ahead, ceiling, in_a_row: 0, least: EventTime::MAX, far: 0 };
        options.bounds_the_future().then_some(guard)
    }

    /// The clock is at `now`, until it is said to be elsewhere.
    pub(crate) fn look_at_clock(&mut self, now: ProcessingTime) {
        if let Some(max_ahead) = self.max_ahead {
            self.ceiling = EventTime::from_nanos(now.as_nanos()).saturating_add(max_ahead);
        }
    }

    /// Takes the next record's time into `greatest`, the latest that is believed; false if it is too far ahead of it.
    #[inline]
    pub(crate) fn admit(&mut self, at: EventTime, greatest: &mut EventTime) -> bool {
        if at > self.ceiling {
            // However many agree: the clock knows better.
            self.far += 1;
            return false;
        }
        if let Some(max_jump) = self.max_jump
            && *greatest != EventTime::MIN
            && at > greatest.saturating_add(max_jump)
        {
            return self.doubt(at, greatest);
        }
        (self.in_a_row, self.least) = (0, EventTime::MAX);
        *greatest = (*greatest).max(at);
        true
    }

    #[cold]
    fn doubt(&mut self, at: EventTime, greatest: &mut EventTime) -> bool {
        self.in_a_row += 1;
        self.least = self.least.min(at);
        if self.in_a_row == JUMP_RECORDS {
            *greatest = self.least;
            (self.in_a_row, self.least) = (0, EventTime::MAX);
            // This record is judged by what it has helped to believe.
            return self.admit(at, greatest);
        }
        self.far += 1;
        false
    }

    /// Records in a row that are doubted now, and the least of them, in nanoseconds.
    pub(crate) fn doubted(&self) -> (u32, i64) {
        (self.in_a_row, self.least.as_nanos())
    }

    /// Goes on from what [`Self::doubted`] said.
    pub(crate) fn resume(&mut self, (in_a_row, least): (u32, i64)) {
        self.in_a_row = in_a_row;
        self.least = if in_a_row == 0 { EventTime::MAX } else { EventTime::from_nanos(least) };
    }

    /// Records that were too far ahead, so far.
    pub(crate) fn far(&self) -> u64 {
        self.far
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(nanos: i64) -> EventTime {
        EventTime::from_nanos(nanos)
    }

    fn guard(max_jump: Option<u64>, max_ahead: Option<u64>) -> FutureGuard {
        let mut options = WatermarkOptions::default();
        assert!(FutureGuard::of(&options).is_none());
        options.max_jump = max_jump.map(Duration::from_nanos);
        options.max_ahead_of_clock = max_ahead.map(Duration::from_nanos);
        FutureGuard::of(&options).unwrap()
    }

    /// Judges times one after the other; what was believed, and the greatest in the end.
    fn judged(times: impl IntoIterator<Item = i64>) -> (Vec<bool>, i64) {
        let mut guard = guard(Some(10), None);
        let mut greatest = EventTime::MIN;
        let verdicts: Vec<bool> =
            times.into_iter().map(|nanos| guard.admit(at(nanos), &mut greatest)).collect();
        assert_eq!(guard.far(), verdicts.iter().filter(|believed| !**believed).count() as u64);
        (verdicts, greatest.as_nanos())
    }

    #[test]
    fn a_jump_is_doubted_and_what_follows_is_judged_as_if_it_had_not_come() {
        assert_eq!(
            judged([5, 15, 26, 25, 3, 36]),
            (vec![true, true, false, true, true, false], 25)
        );
    }

    #[test]
    fn the_first_record_is_believed_whatever_it_says() {
        assert_eq!(judged([900, 5]), (vec![true, true], 900));
    }

    #[test]
    fn a_jump_is_believed_when_enough_records_in_a_row_agree_and_then_the_least_of_them() {
        let jump = |index: i64| 1_000 + 7 * (index % 3);
        let (verdicts, greatest) = judged([5].into_iter().chain((0..20).map(jump)));
        let doubted = JUMP_RECORDS as usize - 1;
        assert_eq!(verdicts.iter().position(|believed| !believed), Some(1));
        assert_eq!(verdicts.iter().filter(|believed| !**believed).count(), doubted);
        assert_eq!(greatest, 1_014);
        // One good record in between, and the count starts again.
        let broken = (0..15).map(jump).chain([6]).chain((0..15).map(jump));
        let (verdicts, greatest) = judged([5].into_iter().chain(broken));
        assert_eq!((verdicts.iter().filter(|believed| **believed).count(), greatest), (2, 6));
    }

    #[test]
    fn jumps_that_disagree_are_believed_one_after_the_other() {
        // Sixteen from 1,000 to 2,500 bring the split to 1,000; what is still too far is counted anew.
        let (verdicts, greatest) = judged([5].into_iter().chain((0..16).map(|i| 1_000 + 100 * i)));
        assert_eq!((verdicts.iter().filter(|believed| **believed).count(), greatest), (1, 1_000));
        let again = [5].into_iter().chain((0..16).map(|i| 1_000 + 100 * i));
        let (_, greatest) = judged(again.chain((0..15).map(|_| 5_000)));
        assert_eq!(greatest, 2_500, "the last of the sixteen is the first of the next");
    }

    #[test]
    fn the_clock_is_not_outvoted_and_judges_the_first_record_too() {
        let mut guard = guard(Some(10), Some(100));
        guard.look_at_clock(ProcessingTime::from_nanos(1_000));
        let mut greatest = EventTime::MIN;
        assert!((0..50).all(|_| !guard.admit(at(1_101), &mut greatest)));
        assert_eq!(greatest, EventTime::MIN);
        assert!(guard.admit(at(1_100), &mut greatest));
        guard.look_at_clock(ProcessingTime::from_nanos(1_005));
        assert!(guard.admit(at(1_105), &mut greatest));
        assert!(!guard.admit(at(1_106), &mut greatest));
        assert_eq!((guard.far(), greatest), (51, at(1_105)));
    }

    #[test]
    fn the_ends_of_time_do_not_wrap() {
        let mut guard = guard(Some(u64::MAX), None);
        let mut greatest = at(0);
        assert!(guard.admit(EventTime::MAX, &mut greatest));
        assert_eq!(greatest, EventTime::MAX);
    }
}
