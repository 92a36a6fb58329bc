//! What q15 and q16 count: bids, bidders and auctions, all and by class of price; different ones by marks, as a planner shares one set for all conditions.

use thalweg::prelude::*;
use thalweg::state::{Marks, State, Value};

use super::super::line::Line;

/// The class of a price: below 10,000, below 1,000,000, and above.
pub(super) fn class_of(price: u64) -> usize {
    usize::from(price >= 10_000) + usize::from(price >= 1_000_000)
}

/// Counts: of all, and of each class.
pub(super) type Counts = [u64; 4];

/// Bids, different bidders and different auctions, and when the last bid was made.
#[record]
#[derive(Default)]
pub(super) struct Totals {
    pub(super) bids: Counts,
    pub(super) bidders: Counts,
    pub(super) auctions: Counts,
    /// The time of the latest bid.
    pub(super) latest: Option<EventTime>,
}

impl Totals {
    /// Writes the twelve cells.
    pub(super) fn write(&self, line: &mut Line) {
        for count in self.bids.iter().chain(&self.bidders).chain(&self.auctions) {
            line.number(count);
        }
    }
}

/// Adds a bid to counts.
pub(super) fn count(counts: &mut Counts, price: u64) {
    counts[0] += 1;
    counts[1 + class_of(price)] += 1;
}

/// What a group remembers: its totals, and which bidders and auctions it has seen, all in all and in each class.
#[derive(State)]
pub(super) struct Seen {
    totals: Value<Totals>,
    bidders: Marks<u64>,
    auctions: Marks<u64>,
}

impl Seen {
    /// Adds a bid; gives the totals with it.
    pub(super) fn add(
        &mut self,
        (bidder, auction): (u64, u64),
        price: u64,
        at: EventTime,
    ) -> Totals {
        let marks = 1 | 2 << class_of(price);
        let new_bidder = self.bidders.add(bidder, marks);
        let new_auction = self.auctions.add(auction, marks);
        self.totals.update(|totals| {
            count(&mut totals.bids, price);
            count_marks(&mut totals.bidders, new_bidder);
            count_marks(&mut totals.auctions, new_auction);
            totals.latest = totals.latest.max(Some(at));
            totals.clone()
        })
    }
}

fn count_marks(counts: &mut Counts, marks: u8) {
    for (mark, count) in counts.iter_mut().enumerate() {
        *count += u64::from(marks >> mark & 1);
    }
}
