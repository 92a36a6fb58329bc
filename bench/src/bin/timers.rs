//! Ten million pending timers: `thalweg_storage::TimedTable` beside a sorted map and a wheel by hand.
//!
//! ```text
//! cargo run --release -p thalweg-bench --bin timers -- [--timers 10000000] [--operations 4000000]
//! ```
//!
//! One thread, one timer for each of as many keys, in
//!
//! * (a) `BTreeMap<(time, key), ()>`, and an array by key with the time each is set to;
//! * (b) [`PlainWheel`]: arrays by key, no hashing, a minute at most;
//! * (c) [`TimedTable`]: keys of 8 bytes and a name's byte, found by hash, 32 prefetched, any time.
//!
//! All three first set every timer to some time in the next 30 s; then put random ones off by up to 20 s, then cancel random ones; then let time go by in
//! steps of 1 ms until nothing is pending. Printed are operations a second, and ratios; it ends with a check that all three fired the same
//! timers. For (c) also: a million timers that are due at one instant, taken out in slices of 512, and how long the longest slice took.
#![expect(clippy::print_stdout, reason = "a measurement is printed")]
#![expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]

use std::collections::BTreeMap;
use std::time::Instant;

use thalweg_bench::reference::plain_wheel::PlainWheel;
use thalweg_storage::{Hint, Popped, Store, TableConfig, TableName, TimedTable};

/// Keys prefetched together.
const GROUP: usize = 32;
const MS: u64 = 1_000_000;

type Sorted = (BTreeMap<(u64, u32), ()>, Vec<u64>);

fn main() {
    let timers = option("--timers", 10_000_000);
    let count = option("--operations", 4_000_000);
    let mut random = Random(7);
    let all: Vec<(u32, u64)> =
        (0..key(timers)).map(|key| (key, random.below(30_000 * MS))).collect();
    let mut last: Vec<u64> = all.iter().map(|(_, at)| *at).collect();
    let put_off: Vec<(u32, u64)> = (0..count)
        .map(|_| {
            let key = key(random.index(timers));
            last[key as usize] += random.below(20_000 * MS);
            (key, last[key as usize])
        })
        .collect();
    let cancelled: Vec<u32> = (0..count / 4).map(|_| key(random.index(timers))).collect();

    let mut sorted: Sorted = (BTreeMap::new(), vec![u64::MAX; timers]);
    let mut wheel = PlainWheel::new(timers);
    let mut store = Store::default();
    let name = TableName::new("bench", "timers");
    let config = TableConfig::default().expected_keys(timers);
    let mut table = store.timed(name, config).expect("a fresh store has no table");

    println!("{timers} timers, {count} put off, {} cancelled, groups of {GROUP}", cancelled.len());
    let mut rates = Vec::new();
    rates.push((
        "set",
        [
            timed(timers, || all.iter().for_each(|(key, at)| set_sorted(&mut sorted, *key, *at))),
            timed(timers, || all.iter().for_each(|(key, at)| wheel.set(*key, *at))),
            timed(timers, || set_table(&mut table, &all)),
        ],
    ));
    #[expect(clippy::cast_precision_loss, reason = "a figure for people to read")]
    let bytes = table.bytes() as f64 / timers as f64;
    rates.push((
        "put off",
        [
            timed(count, || {
                put_off.iter().for_each(|(key, at)| set_sorted(&mut sorted, *key, *at))
            }),
            timed(count, || put_off.iter().for_each(|(key, at)| wheel.set(*key, *at))),
            timed(count, || set_table(&mut table, &put_off)),
        ],
    ));
    rates.push((
        "cancel",
        [
            timed(cancelled.len(), || {
                cancelled.iter().for_each(|key| cancel_sorted(&mut sorted, *key))
            }),
            timed(cancelled.len(), || cancelled.iter().for_each(|key| wheel.cancel(*key))),
            timed(cancelled.len(), || {
                cancelled.iter().for_each(|key| cancel_table(&mut table, *key))
            }),
        ],
    ));
    let pending = table.len();
    let mut fired = [Fired::default(), Fired::default(), Fired::default()];
    let [by_sorted, by_wheel, by_table] = &mut fired;
    rates.push((
        "fire",
        [
            timed(pending, || steps(|to| fire_sorted(&mut sorted, to, by_sorted))),
            timed(pending, || steps(|to| wheel.fire(to, |key, at| by_wheel.note(key, at)))),
            timed(pending, || steps(|to| fire_table(&mut table, to, by_table))),
        ],
    ));

    println!(
        "{:<10} {:>12} {:>12} {:>12} {:>8} {:>8}",
        "M/s", "(a) sorted", "(b) by hand", "(c) table", "c/a", "c/b"
    );
    for (name, [a, b, c]) in rates {
        println!("{name:<10} {a:>12.2} {b:>12.2} {c:>12.2} {:>8.2} {:>8.2}", c / a, c / b);
    }
    println!("{bytes:.1} bytes a timer, with the index made for all of them");
    all_at_once(&mut table);
    assert!(fired[0].count == pending as u64 && fired[1] == fired[0], "(a) and (b) differ");
    assert_eq!(fired[2].sum, fired[0].sum, "(c) fired other timers");
    println!("check: all three fired the same {pending} timers");
}

/// What was fired; the sum does not depend on the order.
#[derive(Debug, Default, PartialEq)]
struct Fired {
    count: u64,
    sum: u64,
}

impl Fired {
    fn note(&mut self, key: u32, at: u64) {
        self.count += 1;
        self.sum = self.sum.wrapping_add(mix(u64::from(key)) ^ at);
    }
}

/// Lets 16 minutes go by.
fn steps(mut fire: impl FnMut(u64)) {
    // Some timers were put off many times.
    (0..1_000_000).for_each(|ms| fire(ms * MS));
}

fn set_sorted((map, times): &mut Sorted, key: u32, at: u64) {
    let before = std::mem::replace(&mut times[key as usize], at);
    if before != u64::MAX {
        map.remove(&(before, key));
    }
    map.insert((at, key), ());
}

fn cancel_sorted((map, times): &mut Sorted, key: u32) {
    let before = std::mem::replace(&mut times[key as usize], u64::MAX);
    map.remove(&(before, key));
}

fn fire_sorted((map, times): &mut Sorted, to: u64, fired: &mut Fired) {
    while let Some(((at, key), ())) = map.first_key_value().filter(|((at, _), ())| *at <= to) {
        fired.note(*key, *at);
        times[*key as usize] = u64::MAX;
        map.pop_first();
    }
}

/// A key of 8 bytes and a name.
fn timer_key(key: u32) -> [u8; 9] {
    let mut bytes = [0; 9];
    bytes[..8].copy_from_slice(&u64::from(key).to_le_bytes());
    bytes
}

fn set_table(table: &mut TimedTable, operations: &[(u32, u64)]) {
    for group in operations.chunks(GROUP) {
        for (key, _) in group {
            table.prefetch_bucket(mix(u64::from(*key)));
        }
        let mut hints = [Hint::default(); GROUP];
        for (hint, (key, _)) in hints.iter_mut().zip(group) {
            *hint = table.prefetch_entry(mix(u64::from(*key)));
        }
        for (hint, (key, at)) in hints.iter().zip(group) {
            table.set(*hint, mix(u64::from(*key)), &timer_key(*key), at.cast_signed());
        }
    }
}

fn cancel_table(table: &mut TimedTable, key: u32) {
    table.cancel(mix(u64::from(key)), &timer_key(key));
}

fn fire_table(table: &mut TimedTable, to: u64, fired: &mut Fired) {
    let mut taken = Vec::new();
    loop {
        let mut budget = 512;
        loop {
            match table.pop_due(to.cast_signed(), &mut budget, &mut taken) {
                Popped::Due { at, .. } => {
                    let key = taken[..4].try_into().expect("a key has nine bytes");
                    fired.note(u32::from_le_bytes(key), at.cast_unsigned());
                }
                Popped::Budget => break,
                Popped::Nothing => return,
            }
        }
    }
}

/// A million timers that are due at one instant, in slices.
fn all_at_once(table: &mut TimedTable) {
    let at = 2_000_000 * MS;
    let together: Vec<_> = (0..1_000_000).map(|key| (key, at)).collect();
    set_table(table, &together);
    let (mut taken, mut slices, mut longest, mut popped) = (Vec::new(), 0u32, 0, 0u32);
    let started = Instant::now();
    loop {
        let slice = Instant::now();
        let mut budget = 512;
        let found = loop {
            match table.pop_due(at.cast_signed(), &mut budget, &mut taken) {
                Popped::Due { .. } => popped += 1,
                other => break other,
            }
        };
        slices += 1;
        longest = longest.max(slice.elapsed().as_micros());
        if found == Popped::Nothing {
            break;
        }
    }
    println!(
        "{popped} timers due at one instant: {slices} slices in {:.0} ms, the longest {longest} us",
        started.elapsed().as_secs_f64() * 1e3
    );
}

/// Million operations a second.
fn timed(count: usize, work: impl FnOnce()) -> f64 {
    let started = Instant::now();
    work();
    #[expect(clippy::cast_precision_loss, reason = "a rate for people to read")]
    let count = count as f64;
    count / started.elapsed().as_secs_f64() / 1e6
}

fn key(index: usize) -> u32 {
    u32::try_from(index).expect("fewer than 2^32 timers")
}

fn mix(key: u64) -> u64 {
    let mixed = key.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ mixed >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93)
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }

    fn index(&mut self, bound: usize) -> usize {
        usize::try_from(self.below(bound as u64)).expect("less than a usize")
    }
}

/// The number after `name` among the arguments.
fn option(name: &str, default: usize) -> usize {
    let arguments: Vec<String> = std::env::args().collect();
    let at = arguments.iter().position(|argument| argument == name);
    at.and_then(|at| arguments.get(at + 1)).and_then(|n| n.parse().ok()).unwrap_or(default)
}
