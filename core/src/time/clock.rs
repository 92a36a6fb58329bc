//! Clocks. A worker's decisions take the time from here, so that a seeded run is repeatable.

/// A source of instants: nanoseconds since an arbitrary origin that all workers of a job share.
pub trait Clock {
    /// Now; never goes back.
    fn now_ns(&self) -> u64;

    /// The wall clock's time at this clock's origin, in nanoseconds since the Unix epoch.
    fn origin_unix_ns(&self) -> i64 {
        0
    }
}
