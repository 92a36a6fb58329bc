//! When events are due.

use std::cell::Cell;
use std::rc::Rc;

use thalweg::time::Clock;

/// The schedule of one split: event `n` is due at `start + n / rate`.
pub(super) struct Schedule {
    rate: u64,
    clock: Rc<dyn Clock>,
    start_ns: Option<u64>,
    now_ns: u64,
    /// When the oldest event was due that nobody has asked about yet.
    oldest_ns: Cell<Option<u64>>,
}

impl std::fmt::Debug for Schedule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Schedule").field("rate", &self.rate).finish_non_exhaustive()
    }
}

impl Schedule {
    pub(super) fn new(rate: u64, clock: Rc<dyn Clock>) -> Self {
        Self { rate, clock, start_ns: None, now_ns: 0, oldest_ns: Cell::new(None) }
    }

    fn after_ns(&self, n: u64) -> u64 {
        let after_ns = u128::from(n) * 1_000_000_000 / u128::from(self.rate);
        u64::try_from(after_ns).unwrap_or(u64::MAX)
    }

    /// A poll begins. With the first one the schedule starts, as if `next` were due now.
    pub(super) fn begin(&mut self, next: u64, step: u64) {
        self.now_ns = self.clock.now_ns();
        if self.start_ns.is_none() {
            self.start_ns = Some(self.now_ns.saturating_sub(self.after_ns(next - next % step)));
        }
    }

    /// Whether event `n` is due.
    pub(super) fn is_due(&mut self, n: u64) -> bool {
        let due_ns = self.start_ns.unwrap_or(0).saturating_add(self.after_ns(n));
        let is_due = due_ns <= self.now_ns;
        if is_due && self.oldest_ns.get().is_none() {
            self.oldest_ns.set(Some(due_ns));
        }
        is_due
    }

    pub(super) fn take_oldest(&self) -> Option<u64> {
        self.oldest_ns.take()
    }
}
