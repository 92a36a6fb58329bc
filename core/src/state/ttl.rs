//! How long state lives.

use std::time::Duration;

use super::scope::Scope;
use crate::raw::state_cells::Times;

/// A time to live: `#[state(ttl = "1h", expires = "processing", refresh = "read_write")]`.
///
/// What is older is gone: it is never seen again, and its memory is free soon after, without anything touching it. In a map each entry has a time of its own, in a
/// list each item. Using an entry never shortens its life.
///
/// * By event time (`expires = "event"`, the default): what is written at a record's event time `t` lives for records before `t + ttl`. Whether a
///   record that is not late sees it depends on the two event times alone, not on how far the watermark was. It is freed when the watermark gets there. Without
///   watermarks nothing expires.
/// * By processing time (`expires = "processing"`): by the worker's decided clock, at the next step of which it is freed; within some 130 ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ttl {
    /// How long.
    pub after: Duration,
    /// By which time.
    pub expires: Expires,
    /// What lets it live on.
    pub refresh: Refresh,
}

/// The time by which state expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Expires {
    /// Event time.
    #[default]
    Event,
    /// Processing time.
    Processing,
}

/// What lets state live on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Refresh {
    /// Writing it.
    #[default]
    Write,
    /// Writing or reading it. A walk over a list or a map is no reading.
    ReadWrite,
}

impl Ttl {
    /// Now, in nanoseconds of the time by which it expires.
    pub(super) fn now(self, scope: &Scope) -> i64 {
        match self.expires {
            Expires::Event => scope.event().as_nanos(),
            Expires::Processing => scope.processing().as_nanos(),
        }
    }

    pub(super) fn times(self, scope: &Scope) -> Times {
        let now = self.now(scope);
        let after = i64::try_from(self.after.as_nanos()).unwrap_or(i64::MAX);
        Times { now, until: now.saturating_add(after) }
    }
}

/// The times of an access to state that may have no time to live.
pub(super) fn times(ttl: Option<Ttl>, scope: &Scope) -> Times {
    ttl.map_or(Times { now: i64::MIN, until: i64::MAX }, |ttl| ttl.times(scope))
}

/// Whether a read lets it live on.
pub(super) fn refreshes_on_read(ttl: Option<Ttl>) -> bool {
    ttl.is_some_and(|ttl| ttl.refresh == Refresh::ReadWrite)
}
