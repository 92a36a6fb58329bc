//! The times of events that come one after the other.

use thalweg::time::EventTime;

use super::config::Config;

/// Remembers the last instant, and which events have it: some in a row have one millisecond, and finding out takes three divisions.
#[derive(Debug, Default)]
pub(super) struct Instants {
    /// The events from here to `end` are at `at`.
    first: u64,
    end: u64,
    at: EventTime,
}

impl Instants {
    /// The time of event `n`, as [`Config::time_of`] has it.
    #[inline]
    pub(super) fn of(&mut self, config: &Config, n: u64) -> EventTime {
        if !(self.first..self.end).contains(&n) {
            self.find(config, n);
        }
        self.at
    }

    #[inline(never)]
    fn find(&mut self, config: &Config, n: u64) {
        let (at, per_second) = (config.time_of(n), config.per_second);
        let end = match config.exact_times {
            true => n + 1,
            // The first event of the next millisecond.
            false => {
                let rest = n % per_second;
                let next = rest * 1_000 / per_second + 1;
                n - rest + (next * per_second).div_ceil(1_000)
            }
        };
        *self = Self { first: n, end, at };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_its_own_time_whatever_was_asked_before() {
        for per_second in [1, 7, 999, 1_000, 1_001, 10_000, 123_457, 10_000_000] {
            for exact in [false, true] {
                let mut config = Config::of(0).per_second(per_second);
                config.exact_times = exact;
                for step in [1, 3, 1_009] {
                    let mut instants = Instants::default();
                    for n in (0..30_000).map(|n| n * step).chain((0..50).rev()) {
                        assert_eq!(instants.of(&config, n), config.time_of(n), "{n}");
                    }
                }
            }
        }
    }
}
