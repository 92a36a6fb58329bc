//! The machine's monotonic clock.

use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::time::Clock;

/// The origin on both clocks.
static ORIGIN: OnceLock<(Instant, i64)> = OnceLock::new();

#[expect(clippy::disallowed_methods, reason = "these are the clocks that others take")]
fn origin() -> (Instant, i64) {
    *ORIGIN.get_or_init(|| {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        (Instant::now(), i64::try_from(since_epoch.as_nanos()).unwrap_or(i64::MAX))
    })
}

/// Nanoseconds since the first call in this process: the time that all drivers but the simulator use.
///
/// Cost: about 20 ns.
pub fn now_ns() -> u64 {
    let (origin, _) = origin();
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

    fn origin_unix_ns(&self) -> i64 {
        origin().1
    }
}
