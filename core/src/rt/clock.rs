//! The machine's monotonic clock.

use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::raw::os::monotonic_ns;
use crate::time::Clock;

/// The origin on both clocks: the system's monotonic one, and the time of day.
static ORIGIN: OnceLock<(u64, i64)> = OnceLock::new();

#[inline]
fn origin() -> (u64, i64) {
    *ORIGIN.get_or_init(make_origin)
}

#[cold]
#[expect(clippy::disallowed_methods, reason = "these are the clocks that others take")]
fn make_origin() -> (u64, i64) {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (monotonic_ns(), i64::try_from(since_epoch.as_nanos()).unwrap_or(i64::MAX))
}

/// Nanoseconds since the first call in this process: the time that all drivers but the simulator use.
///
/// Cost: about 20 ns.
pub fn now_ns() -> u64 {
    let (origin_ns, _) = origin();
    // One nanosecond is added so that no instant is 0, which means "unknown" in a page.
    monotonic_ns().saturating_sub(origin_ns) + 1
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
