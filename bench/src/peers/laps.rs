//! When a run began, when half of its events were made, and when it ended.
//!
//! What has to warm up before it runs at its full speed, a just-in-time compiler above all, has the first half for it; all contestants are judged by
//! the second.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use thalweg::rt::now_ns;

use super::order::Order;
use super::outcome::Outcome;
use crate::nexmark::measure::{cpu_ns, peak_bytes};

/// Shared by the sources of a run.
#[derive(Debug, Clone)]
pub struct Laps(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    half: u64,
    made: AtomicU64,
    marks: Mutex<Marks>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Marks {
    began: Option<Mark>,
    half: Option<Mark>,
    warm_from: u64,
    unix_ns: u64,
}

#[derive(Debug, Clone, Copy)]
struct Mark {
    at_ns: u64,
    cpu_ns: u64,
}

impl Mark {
    fn now() -> Self {
        Self { at_ns: now_ns(), cpu_ns: cpu_ns() }
    }
}

impl Laps {
    /// Of a run over `events` events.
    #[must_use]
    pub fn of(events: u64) -> Self {
        let marks = Mutex::new(Marks::default());
        Self(Arc::new(Shared { half: events / 2, made: AtomicU64::new(0), marks }))
    }

    /// The first event is about to be made; said again, it changes nothing.
    pub fn begin(&self) {
        let mut marks = self.0.marks.lock().unwrap_or_else(PoisonError::into_inner);
        if marks.began.is_none() {
            marks.began = Some(Mark::now());
            marks.unix_ns = unix_ns();
        }
    }

    /// So many more events were made.
    #[inline]
    pub fn note(&self, events: u64) {
        let before = self.0.made.fetch_add(events, Ordering::Relaxed);
        if before < self.0.half && before + events >= self.0.half {
            let mut marks = self.0.marks.lock().unwrap_or_else(PoisonError::into_inner);
            marks.half = Some(Mark::now());
            marks.warm_from = before + events;
        }
    }

    /// The run has ended.
    ///
    /// # Panics
    ///
    /// If it never began.
    #[must_use]
    pub fn end(&self, order: &Order, engine: &str, version: &str, settings: String) -> Outcome {
        let end = Mark::now();
        let marks = *self.0.marks.lock().unwrap_or_else(PoisonError::into_inner);
        let began = marks.began.expect("the sources of a run say when it begins");
        let half = marks.half.unwrap_or(began);
        Outcome {
            engine: engine.to_owned(),
            version: version.to_owned(),
            settings,
            events: order.events,
            startup_ns: marks.unix_ns.saturating_sub(order.started_unix_ns),
            elapsed_ns: end.at_ns - began.at_ns,
            cpu_ns: end.cpu_ns - began.cpu_ns,
            warm_ns: end.at_ns - half.at_ns,
            warm_cpu_ns: end.cpu_ns - half.cpu_ns,
            warm_events: order.events.saturating_sub(marks.warm_from),
            peak_bytes: peak_bytes(),
        }
    }
}

/// The clock on the wall, nanoseconds since the Unix epoch: programs that start each other have no other one in common.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "two programs compare it; nothing is replayed")]
pub fn unix_ns() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::super::order::Feed;
    use super::*;

    #[test]
    fn the_second_half_begins_with_the_event_in_the_middle() {
        let laps = Laps::of(100);
        laps.begin();
        (0..10).for_each(|_| laps.note(10));
        let (query, feed) = ("q0".to_owned(), Feed::Made);
        let order =
            Order { query, events: 100, feed, workers: 1, started_unix_ns: 0, results: None };
        let outcome = laps.end(&order, "none", "0", String::new());
        assert_eq!((outcome.events, outcome.warm_events), (100, 50));
        assert!(outcome.warm_ns <= outcome.elapsed_ns && outcome.startup_ns > 0);
    }
}
