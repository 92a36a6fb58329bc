//! Windows and interval joins by hand: one thread, hash maps, the same ticks; what somebody would write who needs just this one.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::hint::black_box;

use hashbrown::HashMap;

use super::bids::BidSource;

/// Nanoseconds of a second.
pub const SECOND: i64 = 1_000_000_000;

/// What comes in: when, whose, how much.
#[derive(Debug, Clone, Copy)]
pub struct Tick {
    /// Event time, nanoseconds.
    pub at: i64,
    /// The key.
    pub key: u64,
    /// Something to add up.
    pub value: u64,
}

/// Ticks at a steady pace, keys drawn evenly.
#[derive(Debug, Clone)]
pub struct Ticks {
    source: BidSource,
    at: i64,
    step: i64,
    left: u64,
}

impl Ticks {
    /// `records` ticks over `keys` keys, `per_second` of them in a second of event time.
    ///
    /// # Panics
    ///
    /// If there are none in a second, or more than one a nanosecond.
    #[must_use]
    pub fn new(seed: u64, records: u64, keys: u64, per_second: u64) -> Self {
        let step = SECOND / i64::try_from(per_second).expect("few in a second");
        assert!(step > 0, "at most one a nanosecond");
        Self { source: BidSource::new(seed, keys), at: 0, step, left: records }
    }
}

impl Iterator for Ticks {
    type Item = Tick;

    #[inline]
    fn next(&mut self) -> Option<Tick> {
        self.left = self.left.checked_sub(1)?;
        self.at += self.step;
        let [key, _, value, ..] = self.source.next_bid();
        Some(Tick { at: self.at, key, value })
    }
}

/// Tumbling sums: one map a window, read and cleared at its end. Returns the results.
pub fn tumbling(ticks: impl Iterator<Item = Tick>, width: i64) -> u64 {
    let (mut sums, mut end, mut results) = (HashMap::<u64, u64>::new(), width, 0);
    for tick in ticks {
        if tick.at >= end {
            results += sums.drain().map(black_box).count() as u64;
            end = (tick.at / width + 1) * width;
        }
        *sums.entry(tick.key).or_default() += tick.value;
    }
    results + sums.len() as u64
}

/// Sliding sums: one map a slice, and one of running totals from which the slice that leaves is subtracted; so it does for sums, and for
/// nothing that has no inverse. Returns the results.
pub fn sliding(ticks: impl Iterator<Item = Tick>, width: i64, slide: i64) -> u64 {
    let slices = usize::try_from(width / slide).expect("few slices");
    let (mut totals, mut past) = (HashMap::<u64, (u64, u32)>::new(), VecDeque::new());
    let (mut current, mut end, mut results) = (HashMap::<u64, u64>::new(), slide, 0);
    let mut close = |current: HashMap<u64, u64>| {
        for (key, sum) in &current {
            let (total, slices) = totals.entry(*key).or_default();
            *total += sum;
            *slices += 1;
        }
        past.push_back(current);
        results += totals.iter().map(black_box).count() as u64;
        if past.len() == slices {
            for (key, sum) in past.pop_front().expect("it is long") {
                let (total, slices) = totals.get_mut(&key).expect("what leaves was there");
                *total -= sum;
                *slices -= 1;
                if *slices == 0 {
                    totals.remove(&key);
                }
            }
        }
    };
    for tick in ticks {
        while tick.at >= end {
            close(std::mem::take(&mut current));
            end += slide;
        }
        *current.entry(tick.key).or_default() += tick.value;
    }
    close(current);
    results
}

/// Sessions: first, last and sum of each key, and a heap of when to look at it again. Returns the results.
pub fn sessions(ticks: impl Iterator<Item = Tick>, gap: i64) -> u64 {
    let mut open = HashMap::<u64, (i64, i64, u64)>::new();
    let (mut timers, mut results) = (BinaryHeap::new(), 0);
    for tick in ticks {
        while timers.peek().is_some_and(|Reverse((at, _))| *at < tick.at) {
            let Some(Reverse((_, key))) = timers.pop() else { break };
            let (_, last, _) = open[&key];
            if last + gap < tick.at {
                results += u64::from(black_box(open.remove(&key)).is_some());
            } else {
                timers.push(Reverse((last + gap, key)));
            }
        }
        let session = open.entry(tick.key).or_insert_with(|| {
            timers.push(Reverse((tick.at + gap, tick.key)));
            (tick.at, tick.at, 0)
        });
        session.1 = tick.at;
        session.2 += tick.value;
    }
    results + open.len() as u64
}

/// Pairs of ticks of two sides with one key, the right one at most `reach` before or after the left one: a deque a key and side, pruned
/// when it is looked at. Sides take turns. Returns the pairs.
pub fn interval_join(ticks: impl Iterator<Item = Tick>, reach: i64) -> u64 {
    let mut sides = [HashMap::<u64, VecDeque<(i64, u64)>>::new(), HashMap::new()];
    let mut pairs = 0;
    for (number, tick) in ticks.enumerate() {
        let (own, other) = (number % 2, (number + 1) % 2);
        sides[own].entry(tick.key).or_default().push_back((tick.at, tick.value));
        if let Some(partners) = sides[other].get_mut(&tick.key) {
            while partners.front().is_some_and(|(at, _)| *at < tick.at - reach) {
                partners.pop_front();
            }
            for partner in &*partners {
                pairs += u64::from(black_box(partner.1 ^ tick.value) != u64::MAX);
            }
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_references_count_what_there_is() {
        let ticks = || Ticks::new(1, 10_000, 1, 1_000);
        assert_eq!(tumbling(ticks(), SECOND), 11);
        assert_eq!(sliding(ticks(), 4 * SECOND, SECOND), 11);
        assert_eq!(sessions(ticks(), SECOND), 1);
        // Sides take turns, so pairs lie an odd number of milliseconds apart: 10,000 - n of them lie n apart, for n from 1 to 999.
        let expected: u64 = (1..1_000).step_by(2).map(|apart| 10_000 - apart).sum();
        assert_eq!(interval_join(ticks(), SECOND), expected);
    }
}
