//! Clocks. A worker's decisions take the time from here, so that a seeded run is repeatable.

/// A source of instants: nanoseconds since an arbitrary origin that all workers of a job share.
pub trait Clock {
    /// Now; never goes back.
    fn now_ns(&self) -> u64;
}
