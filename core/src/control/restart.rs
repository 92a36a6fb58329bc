//! What becomes of a job that fails.

use std::collections::VecDeque;
use std::time::Duration;

/// Whether, and when, a job that has failed is started again, from its last checkpoint, or from its beginning if it has none.
///
/// An error or a panic of user code, of a source or of a sink, and an error of the disk are failures; to be refused or cancelled is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Restart {
    strategy: Strategy,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Strategy {
    #[default]
    None,
    FixedDelay {
        attempts: u32,
        delay: Duration,
    },
    Exponential {
        first: Duration,
        longest: Duration,
    },
    FailureRate {
        failures: u32,
        within: Duration,
        delay: Duration,
    },
}

impl Restart {
    /// Never; the default.
    pub fn none() -> Self {
        Self::default()
    }

    /// So many times in all, each after `delay`.
    pub fn fixed_delay(attempts: u32, delay: Duration) -> Self {
        Self { strategy: Strategy::FixedDelay { attempts, delay } }
    }

    /// Always; after `first`, and each time after twice as long as before, up to `longest`. A job that has run for `longest` without failing begins with `first` again.
    pub fn exponential(first: Duration, longest: Duration) -> Self {
        Self { strategy: Strategy::Exponential { first, longest } }
    }

    /// After `delay`, unless there were more than `failures` failures within `within`.
    pub fn failure_rate(failures: u32, within: Duration, delay: Duration) -> Self {
        Self { strategy: Strategy::FailureRate { failures, within, delay } }
    }

    /// True unless it is [`Restart::none`].
    pub(crate) fn may_restart(self) -> bool {
        self.strategy != Strategy::None
    }
}

/// Counts the failures of a job; a state machine without a clock.
#[derive(Debug, Default)]
pub(super) struct Failures {
    count: u32,
    /// Of the exponential strategy, the delay before.
    last: Option<Duration>,
    recent_ns: VecDeque<u64>,
}

impl Failures {
    /// The job, started `ran` ago, has failed now; after how long it is started again, if it is.
    pub(super) fn next(
        &mut self,
        restart: Restart,
        now_ns: u64,
        ran: Duration,
    ) -> Option<Duration> {
        self.count += 1;
        match restart.strategy {
            Strategy::None => None,
            Strategy::FixedDelay { attempts, delay } => (self.count <= attempts).then_some(delay),
            Strategy::Exponential { first, longest } => {
                let next = match self.last.filter(|_| ran < longest) {
                    None => first,
                    Some(last) => last.saturating_mul(2),
                };
                self.last = Some(next.min(longest));
                self.last
            }
            Strategy::FailureRate { failures, within, delay } => {
                let within_ns = u64::try_from(within.as_nanos()).unwrap_or(u64::MAX);
                self.recent_ns.push_back(now_ns);
                let is_old = |at: &u64| now_ns.saturating_sub(*at) > within_ns;
                while self.recent_ns.front().is_some_and(is_old) {
                    self.recent_ns.pop_front();
                }
                let is_rare =
                    self.recent_ns.len() <= usize::try_from(failures).unwrap_or(usize::MAX);
                is_rare.then_some(delay)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn delays(restart: Restart, at_s: &[u64]) -> Vec<Option<u64>> {
        let mut failures = Failures::default();
        let mut started = 0;
        let next = |at: &u64| {
            let delay = failures.next(
                restart,
                at * 1_000_000_000,
                SECOND * u32::try_from(at - started).unwrap(),
            );
            started = *at;
            delay.map(|delay| delay.as_secs())
        };
        at_s.iter().map(next).collect()
    }

    #[test]
    fn each_strategy_gives_its_delays() {
        assert_eq!(delays(Restart::none(), &[1]), [None]);
        assert_eq!(delays(Restart::fixed_delay(2, SECOND), &[1, 2, 3]), [Some(1), Some(1), None]);
        let exponential = Restart::exponential(SECOND, 5 * SECOND);
        let expected = [Some(1), Some(2), Some(4), Some(5), Some(1)];
        assert_eq!(delays(exponential, &[1, 2, 3, 4, 100]), expected);
        let rate = Restart::failure_rate(2, 10 * SECOND, SECOND);
        assert_eq!(delays(rate, &[1, 2, 20, 21, 22]), [Some(1), Some(1), Some(1), Some(1), None]);
    }
}
