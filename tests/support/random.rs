//! Random streams and settings, for property tests.
//!
//! Streams have disorder, few or many keys, equal instants, instants before 1970, keys and texts longer than the smallest page, and
//! may be empty. Everything shrinks: towards fewer records, one key, no disorder, short texts.

use std::sync::Arc;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use thalweg::prelude::*;

use crate::records::Event;
use crate::run::{On, Settings};

/// The splits of a source, shared by the workers that build the job.
pub type Splits = Arc<Vec<Vec<Event>>>;

/// What the records of a stream have in common.
#[derive(Debug, Clone)]
struct Shape {
    start_ms: i64,
    step_ms: i64,
    disorder_ms: i64,
    keys: u32,
    long_keys: bool,
    long_texts: bool,
}

fn shape() -> impl Strategy<Value = Shape> {
    (
        prop_oneof![Just(0), -5_000..5_000_i64, Just(1_356_998_400_000)],
        prop_oneof![Just(0), 1..4_i64, 1..60_i64],
        prop_oneof![Just(0), 1..50_i64, 1..2_000_i64],
        prop_oneof![Just(1), 2..6_u32, 100..1_000_u32],
        any::<[bool; 2]>(),
    )
        .prop_map(|(start_ms, step_ms, disorder_ms, keys, [long_keys, long_texts])| Shape {
            start_ms,
            step_ms,
            disorder_ms,
            keys,
            long_keys,
            long_texts,
        })
}

/// One record's dice.
type Dice = (u32, u16, u16, i32, u16);

fn event(shape: &Shape, split: usize, index: usize, clock_ms: &mut i64, dice: Dice) -> Event {
    let (key, step, back, value, text) = dice;
    *clock_ms += i64::from(step) % (shape.step_ms + 1);
    let at_ms = *clock_ms - i64::from(back) % (shape.disorder_ms + 1);
    let key = key % shape.keys;
    let name = match (key, shape.long_keys) {
        (0, _) => Str::default(),
        (_, false) => format!("k{key}").into(),
        (_, true) => format!("{}{key}", "key-".repeat(4 + (key as usize * 37) % 120)).into(),
    };
    let length = match (text % 64, shape.long_texts) {
        (0, true) => 9_000,
        (1..6, true) => 230 + usize::from(text / 64),
        _ => usize::from(text / 64) % 24,
    };
    Event {
        at: EventTime::from_millis(at_ms),
        id: (split as u64) << 32 | index as u64,
        name,
        group: key % 7,
        value: i64::from(value),
        text: "x".repeat(length).into(),
    }
}

/// The records of one split.
fn split(number: usize, records: usize) -> impl Strategy<Value = Vec<Event>> {
    let dice = vec(any::<Dice>(), 0..records);
    (shape(), dice).prop_map(move |(shape, dice)| {
        let mut clock_ms = shape.start_ms;
        let dice = dice.into_iter().enumerate();
        dice.map(|(index, dice)| event(&shape, number, index, &mut clock_ms, dice)).collect()
    })
}

/// A source of one split with fewer than `records` records.
pub fn one_split(records: usize) -> impl Strategy<Value = Splits> {
    split(0, records).prop_map(|events| Arc::new(vec![events]))
}

/// A source of one to five splits, each with fewer than `records` records.
pub fn some_splits(records: usize) -> impl Strategy<Value = Splits> {
    (1..=5_usize)
        .prop_flat_map(move |count| {
            (0..count).map(|number| split(number, records)).collect::<Vec<_>>()
        })
        .prop_map(Arc::new)
}

/// Some splits that follow one clock, each in order: what a well-kept log gives.
pub fn ordered_splits(records: usize) -> impl Strategy<Value = Splits> {
    some_splits(records).prop_map(|splits| {
        let sorted = splits.iter().map(|events| {
            let mut events = events.clone();
            events.sort_by_key(|event| event.at);
            events
        });
        Arc::new(sorted.collect())
    })
}

/// A duration of some milliseconds, never zero: a window's width, a session's gap.
pub fn span() -> impl Strategy<Value = Duration> {
    prop_oneof![1..20_u64, 1..500_u64, 1_000..5_000_u64].prop_map(Duration::from_millis)
}

/// A bound of disorder, from none to more than any stream has.
pub fn bound() -> impl Strategy<Value = Duration> {
    prop_oneof![Just(0), 1..100_u64, 1..3_000_u64].prop_map(Duration::from_millis)
}

/// Settings of an engine, down to the smallest that it accepts.
pub fn settings() -> impl Strategy<Value = Settings> {
    (1..=4_usize, 1..300_u32, 1..64_u32, 1..=8_usize, 0..6_u32).prop_map(
        |(workers, batch_records, slice_records, ring_pages, page)| Settings {
            workers,
            batch_records,
            slice_records,
            ring_pages,
            page_bytes: 256 << page,
        },
    )
}

/// Where a job runs: mostly on the simulator, whose seed draws the settings, and sometimes on threads.
pub fn on() -> impl Strategy<Value = On> {
    prop_oneof![
        9 => (any::<u64>(), 1..=4_usize).prop_map(|(seed, workers)| On::Sim { seed, workers }),
        1 => settings().prop_map(On::Plain),
    ]
}
