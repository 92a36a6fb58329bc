//! How late sources are at the end of their schedule.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The lateness of the source that came last to its end; clones are one.
#[derive(Debug, Clone, Default)]
pub struct Lateness(Arc<AtomicU64>);

impl Lateness {
    /// A source is at its end; `due_ns` is when the next record would have been due.
    pub fn note_end(&self, due_ns: u64, now_ns: u64) {
        self.0.fetch_max(now_ns.saturating_sub(due_ns), Ordering::Relaxed);
    }

    /// How late the last one was, nanoseconds; 0 before any is at its end.
    #[must_use]
    pub fn at_end_ns(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_of_all_sources_counts() {
        let lateness = Lateness::default();
        for (due_ns, now_ns) in [(100, 130), (100, 190), (200, 199)] {
            lateness.clone().note_end(due_ns, now_ns);
        }
        assert_eq!(lateness.at_end_ns(), 90);
    }
}
