//! Records of test jobs.

use thalweg::prelude::*;

/// A reading of a sensor.
#[record]
#[derive(Eq, PartialOrd, Ord)]
pub struct Reading {
    /// When.
    #[event_time]
    pub at: EventTime,
    /// Which sensor.
    pub sensor: Str,
    /// What it read.
    pub value: i64,
}

/// What random streams are made of: an identity, three keys, a number and a text that may be longer than a page.
#[record]
#[derive(Eq, PartialOrd, Ord)]
pub struct Event {
    /// When.
    #[event_time]
    pub at: EventTime,
    /// Unique in its stream: its place in the split, and the split in the upper half.
    pub id: u64,
    /// A key of a few bytes, or of many.
    pub name: Str,
    /// A key of fixed width.
    pub group: u32,
    /// Something to add up.
    pub value: i64,
    /// Ballast.
    pub text: Str,
}

/// A number, one for each millisecond.
#[record]
pub struct Number {
    /// When.
    #[event_time]
    pub at: EventTime,
    /// Which.
    pub n: u64,
}

impl Number {
    /// The number `n`, at its millisecond.
    pub fn of(n: u64) -> Self {
        Self { at: EventTime::from_millis(n.cast_signed()), n }
    }
}

/// An accumulator whose archive keeps its length.
#[record]
#[derive(Default, Eq, PartialOrd, Ord)]
pub struct Totals {
    /// Records.
    pub count: u64,
    /// Of the values.
    pub sum: i64,
    /// Depends on the order in which the records came.
    pub digest: u64,
}

impl Totals {
    /// Adds one record; the order shows in the digest.
    pub fn add(&mut self, id: u64, value: i64) {
        self.count += 1;
        self.sum = self.sum.wrapping_add(value);
        self.digest = self.digest.wrapping_mul(0x0100_0000_01b3).wrapping_add(id + 1);
    }

    /// Adds the totals of what came later.
    pub fn merge(&mut self, later: &Self) {
        self.count += later.count;
        self.sum = self.sum.wrapping_add(later.sum);
        self.digest = self.digest.rotate_left(7) ^ later.digest;
    }

    /// The same, without what depends on the order.
    pub fn unordered(&self) -> Self {
        Self { digest: 0, ..self.clone() }
    }
}

/// A window's or a session's result, whatever made it.
#[record]
#[derive(Eq, PartialOrd, Ord)]
pub struct Summary {
    /// The first instant of the window, or the first record of the session.
    pub start: EventTime,
    /// The first instant after the window, or the last record of the session.
    pub end: EventTime,
    /// The key.
    pub name: Str,
    /// The accumulator.
    pub totals: Totals,
}

/// A pair of a join.
#[record]
#[derive(Eq, PartialOrd, Ord)]
pub struct Pair {
    /// Identity of the left record.
    pub left: u64,
    /// Identity of the right record.
    pub right: u64,
}
