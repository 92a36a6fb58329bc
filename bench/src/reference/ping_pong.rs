//! Ping-pong: one cache line between two threads, back and forth.
//!
//! A hop is the least that news can cost from one core to another: the floor of every ring and every latency.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crossbeam_utils::CachePadded;

use crate::load::affinity::{self, PinError};
use crate::load::clock::Clock;

/// What a run did.
#[derive(Debug, Clone, Copy)]
pub struct PingPong {
    /// There and back.
    pub rounds: u64,
    /// For all rounds.
    pub elapsed: Duration,
}

impl PingPong {
    /// Nanoseconds from one core to the other: half a round.
    #[must_use]
    pub fn hop_ns(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a figure for people to read")]
        let hops = (self.rounds * 2) as f64;
        self.elapsed.as_secs_f64() * 1e9 / hops
    }
}

/// Passes a cache line `rounds` times there and back.
///
/// The number in the line says whose turn it is: even for the first thread, odd for the second, and each adds
/// one by a plain store. With `pin` the threads are on the first two cores that the process may use; without
/// it, and with one core only, a round can take a time slice of the scheduler.
///
/// # Errors
///
/// A thread could not be pinned.
///
/// # Panics
///
/// If `rounds` is zero.
pub fn ping_pong(rounds: u64, pin: bool) -> Result<PingPong, PinError> {
    assert!(rounds > 0, "a hop is measured over at least one round");
    let line = CachePadded::new(AtomicU64::new(0));
    let cores = affinity::available();
    let pin = |nth| if pin { affinity::pin_to_one_of(&cores, nth) } else { Ok(()) };
    thread::scope(|scope| {
        let second = scope.spawn(|| {
            let pinned = pin(1);
            for round in 0..=rounds {
                answer(&line, round * 2 + 1);
            }
            pinned
        });
        let first = scope.spawn(|| {
            let pinned = pin(0);
            // The first round waits until the other thread runs, and is not measured.
            answer(&line, 0);
            wait_for(&line, 2);
            let clock = Clock::start();
            for round in 1..=rounds {
                answer(&line, round * 2);
            }
            wait_for(&line, rounds * 2 + 2);
            let elapsed = clock.elapsed();
            pinned.map(|()| PingPong { rounds, elapsed })
        });
        second.join().expect("invariant: the threads do not panic")?;
        first.join().expect("invariant: the threads do not panic")
    })
}

#[inline(always)]
fn answer(line: &AtomicU64, turn: u64) {
    wait_for(line, turn);
    line.store(turn + 1, Ordering::Release);
}

#[inline(always)]
fn wait_for(line: &AtomicU64, turn: u64) {
    // No pause instruction: it would add its own length to each hop.
    while line.load(Ordering::Acquire) != turn {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_ends_after_its_rounds() {
        let outcome = ping_pong(3, false).unwrap();
        assert_eq!(outcome.rounds, 3);
        assert!(outcome.hop_ns() > 0.0);
    }
}
