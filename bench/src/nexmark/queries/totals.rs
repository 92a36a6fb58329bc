//! What q15 and q16 count: bids, bidders and auctions, all and by class of price.

use thalweg::prelude::*;
use thalweg::state::Distinct;

use super::super::line::Line;

/// The class of a price: below 10,000, below 1,000,000, and above.
pub(super) fn class_of(price: u64) -> usize {
    usize::from(price >= 10_000) + usize::from(price >= 1_000_000)
}

/// Counts: of all, and of each class.
pub(super) type Counts = [u64; 4];

/// Bids, different bidders and different auctions.
#[record]
#[derive(Default)]
pub(super) struct Totals {
    pub(super) bids: Counts,
    pub(super) bidders: Counts,
    pub(super) auctions: Counts,
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

/// Adds a value that came with a bid; gives the counts of different ones.
pub(super) fn count_distinct(values: &mut Distinct<u64>, value: u64, price: u64) -> Counts {
    values.add(value, 1 | 2 << class_of(price));
    let [all, low, middle, high, ..] = values.counts();
    [all, low, middle, high]
}
