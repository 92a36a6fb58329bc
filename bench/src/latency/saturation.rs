//! The highest rate at which the schedule is kept.
//!
//! An open loop above what a job can take has no latency of its own: what is not taken in time waits, and waits longer the longer the run is.
//! So a schedule is *kept* if neither of these is so: half of the results come more than [`MEDIAN_NS`] after they were due; or the sources come to
//! their end more than [`END_NS`] late. A machine that takes a core away for some milliseconds does neither; a rate that is a percent too high does both, in a
//! few seconds.

use crate::load::histogram::Percentiles;

/// The highest median of a schedule that is kept.
pub const MEDIAN_NS: u64 = 10_000_000;

/// How late the sources of a schedule that is kept may be at their end.
pub const END_NS: u64 = 50_000_000;

/// Rates are whole multiples of this: event time can follow them ([`super::schedule`]).
pub const STEP: u64 = 10_000;

/// Whether the schedule of a run was kept; `late_ns`: how late the sources came to their end. Without a result it was not.
#[must_use]
pub fn is_kept(latency: &Percentiles, late_ns: u64) -> bool {
    latency.count > 0 && latency.p50_ns <= MEDIAN_NS && late_ns <= END_NS
}

/// The highest rate of a geometric row that is kept, and what was measured there; `None` if none is.
///
/// From `start` it goes up by a quarter until a rate is not kept, or down by a fifth until one is. `attempt` says what was measured if the rate was kept. A
/// rate is given up when it was missed twice in a row: once may be the machine's doing.
///
/// # Errors
///
/// Those of `attempt`.
pub fn highest<T, E>(
    start: u64,
    mut attempt: impl FnMut(u64) -> Result<Option<T>, E>,
) -> Result<Option<(u64, T)>, E> {
    let mut twice = |rate| match attempt(rate)? {
        None => attempt(rate),
        kept => Ok(kept),
    };
    let start = start.next_multiple_of(STEP).max(STEP);
    let Some(first) = twice(start)? else {
        let mut rate = start;
        while rate > STEP {
            rate = slower(rate);
            if let Some(kept) = twice(rate)? {
                return Ok(Some((rate, kept)));
            }
        }
        return Ok(None);
    };
    let mut best = (start, first);
    while let Some(kept) = twice(faster(best.0))? {
        best = (faster(best.0), kept);
    }
    Ok(Some(best))
}

fn faster(rate: u64) -> u64 {
    (rate + rate / 4).next_multiple_of(STEP).max(rate + STEP)
}

fn slower(rate: u64) -> u64 {
    let steps = rate / STEP;
    (steps * 4 / 5).max(1) * STEP
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    /// Searches with a job that keeps all rates up to `limit`; also what was tried.
    fn search(start: u64, limit: u64) -> (Option<u64>, Vec<u64>) {
        let mut tried = Vec::new();
        let Ok(found) = highest(start, |rate| {
            tried.push(rate);
            Ok::<_, Infallible>((rate <= limit).then_some(()))
        });
        (found.map(|(rate, ())| rate), tried)
    }

    #[test]
    fn it_goes_up_by_a_quarter_until_a_rate_is_missed_twice() {
        let (found, tried) = search(1_000_000, 1_600_000);
        assert_eq!(found, Some(1_570_000));
        assert_eq!(tried, [1_000_000, 1_250_000, 1_570_000, 1_970_000, 1_970_000]);
    }

    #[test]
    fn it_goes_down_if_the_start_is_too_high() {
        let (found, tried) = search(1_000_000, 700_000);
        assert_eq!(found, Some(640_000));
        assert_eq!(tried, [1_000_000, 1_000_000, 800_000, 800_000, 640_000]);
    }

    #[test]
    fn a_rate_that_is_missed_once_is_tried_again() {
        let mut missed = false;
        let Ok(found) = highest(100_000, |rate| {
            let kept = rate <= 100_000 && std::mem::replace(&mut missed, true);
            Ok::<_, Infallible>(kept.then_some(rate))
        });
        assert_eq!(found, Some((100_000, 100_000)));
    }

    #[test]
    fn what_keeps_no_rate_ends_the_search() {
        let (found, tried) = search(25_000, 0);
        assert_eq!(found, None);
        assert_eq!(tried.last(), Some(&STEP));
    }

    #[test]
    fn every_rate_is_one_that_event_time_can_follow() {
        for limit in [10_000, 40_000, 3_333_333] {
            let (_, tried) = search(77_777, limit);
            assert!(tried.iter().all(|rate| rate.is_multiple_of(STEP)), "{tried:?}");
        }
    }

    #[test]
    fn a_schedule_is_not_kept_with_a_long_median_a_late_end_or_no_result() {
        let latency = |count, p50_ns| Percentiles {
            count,
            p50_ns,
            p90_ns: p50_ns,
            p99_ns: p50_ns,
            p99_9_ns: p50_ns,
            p99_99_ns: u64::MAX,
            max_ns: u64::MAX,
        };
        assert!(is_kept(&latency(1, MEDIAN_NS), END_NS));
        assert!(!is_kept(&latency(1, MEDIAN_NS + 1), END_NS));
        assert!(!is_kept(&latency(1, MEDIAN_NS), END_NS + 1));
        assert!(!is_kept(&latency(0, 0), 0));
    }
}
