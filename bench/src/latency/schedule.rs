//! When events are due.

use std::time::Duration;

use thalweg::prelude::*;

use crate::nexmark::generator::Config;

/// The schedule of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// Events a second of the clock.
    rate: u64,
    /// When event 0 is due, on the clock.
    start_ns: u64,
    /// The time of event 0.
    start: EventTime,
    /// Nanoseconds of event time in one of the clock.
    speed: u64,
    /// When events are due whose results are recorded.
    from_ns: u64,
}

/// The rate of a run is not one that event time can follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a rate of {rate} is no multiple of the {per_second} events in a second of event time")]
pub struct UnevenRate {
    rate: u64,
    per_second: u64,
}

impl Schedule {
    /// Of the events of `config`, `rate` a second of the clock from `start_ns` on, of which the first `warm_up` is not recorded.
    ///
    /// # Errors
    ///
    /// If the rate is no multiple of the events in a second of event time.
    pub fn of(
        config: &Config,
        rate: u64,
        start_ns: u64,
        warm_up: Duration,
    ) -> Result<Self, UnevenRate> {
        let per_second = config.per_second;
        if rate == 0 || !rate.is_multiple_of(per_second) {
            return Err(UnevenRate { rate, per_second });
        }
        let warm_up_ns = u64::try_from(warm_up.as_nanos()).unwrap_or(u64::MAX / 2);
        let from_ns = start_ns.saturating_add(warm_up_ns);
        Ok(Self { rate, start_ns, start: config.start, speed: rate / per_second, from_ns })
    }

    /// When event `n` is due.
    #[inline]
    #[must_use]
    pub fn due_ns(&self, n: u64) -> u64 {
        self.start_ns + n * 1_000_000_000 / self.rate
    }

    /// When what is of that event time was due; `None` of what was due before anything is recorded.
    #[inline]
    #[must_use]
    pub fn due_ns_of(&self, at: EventTime) -> Option<u64> {
        let after_ns = at.as_nanos().saturating_sub(self.start.as_nanos());
        let after_ns = u64::try_from(after_ns).ok()?;
        let due_ns = self.start_ns + after_ns / self.speed;
        (due_ns >= self.from_ns).then_some(due_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_an_event_says_when_it_is_due() {
        let config = Config::of(1_000).exact_times();
        let schedule = Schedule::of(&config, 500_000, 7_000, Duration::ZERO).unwrap();
        for n in [0, 1, 17, 999] {
            assert_eq!(schedule.due_ns(n), 7_000 + n * 2_000);
            assert_eq!(schedule.due_ns_of(config.time_of(n)), Some(schedule.due_ns(n)));
        }
    }

    #[test]
    fn what_is_due_within_the_warm_up_is_not_recorded() {
        let config = Config::of(1_000).exact_times();
        let schedule = Schedule::of(&config, 10_000, 0, Duration::from_millis(1)).unwrap();
        assert_eq!(schedule.due_ns_of(config.time_of(9)), None);
        assert_eq!(schedule.due_ns_of(config.time_of(10)), Some(1_000_000));
    }

    #[test]
    fn a_rate_that_event_time_cannot_follow_is_refused() {
        let error = Schedule::of(&Config::of(1), 15_000, 0, Duration::ZERO).unwrap_err();
        let expected =
            "a rate of 15000 is no multiple of the 10000 events in a second of event time";
        assert_eq!(error.to_string(), expected);
    }
}
