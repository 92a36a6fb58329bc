//! The one clock of the benchmarks: nanoseconds since an origin that all threads of a run share.

#![expect(
    clippy::disallowed_methods,
    reason = "a benchmark measures real time; nothing here is ever replayed"
)]

use std::time::{Duration, Instant};

/// A monotonic clock that counts nanoseconds from its creation.
///
/// It is `Copy`, so a source and a sink on two cores can read the same scale: a latency is a plain
/// difference. One reading costs 20 to 25 ns where the kernel's clock source is the TSC.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    origin: Instant,
}

impl Clock {
    /// A clock that reads zero now.
    #[must_use]
    pub fn start() -> Self {
        Self { origin: Instant::now() }
    }

    /// Nanoseconds since the clock was started.
    #[must_use]
    #[inline]
    pub fn now_ns(&self) -> u64 {
        // 2^64 ns are 584 years.
        u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Time since the clock was started.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.origin.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_of_a_clock_share_its_origin() {
        let clock = Clock::start();
        let copy = clock;
        let first = clock.now_ns();
        assert!(copy.now_ns() >= first);
    }
}
