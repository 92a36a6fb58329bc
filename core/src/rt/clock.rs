//! The machine's monotonic clock.

use std::sync::OnceLock;
use std::time::Instant;

use crate::time::Clock;

static ORIGIN: OnceLock<Instant> = OnceLock::new();

/// Nanoseconds since the first call in this process: the time that all drivers but the simulator use.
///
/// Cost: about 20 ns.
#[expect(clippy::disallowed_methods, reason = "this is the clock that others take")]
pub fn now_ns() -> u64 {
    let origin = *ORIGIN.get_or_init(Instant::now);
    // One nanosecond is added so that no instant is 0, which means "unknown" in a page.
    u64::try_from(origin.elapsed().as_nanos()).unwrap_or(u64::MAX - 1) + 1
}

/// [`now_ns`] as a [`Clock`].
#[derive(Debug, Clone, Copy, Default)]
pub struct Monotonic;

impl Clock for Monotonic {
    fn now_ns(&self) -> u64 {
        now_ns()
    }
}
