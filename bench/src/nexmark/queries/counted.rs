//! How many bids a bidder made, and in which span of time: what two queries give.

use thalweg::prelude::*;

use super::super::line::{Line, Row};

/// A row of the result of [`super::q11`] and [`super::q12`].
#[record]
pub(super) struct Bids {
    pub(super) bidder: u64,
    pub(super) bids: u64,
    pub(super) start: EventTime,
    pub(super) end: EventTime,
}

impl Row for Bids {
    fn write(&self, line: &mut Line) {
        line.number(self.bidder).number(self.bids).time(self.start).time(self.end).end();
    }
}
