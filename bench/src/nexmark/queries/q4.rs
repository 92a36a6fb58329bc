//! q4: for each category, the mean over its auctions of their highest valid bid.
//!
//! ```sql
//! SELECT category, AVG(final)
//! FROM (
//!     SELECT MAX(b.price) AS final, a.category
//!     FROM auction a JOIN bid b ON a.id = b.auction
//!     WHERE b.time BETWEEN a.time AND a.expires
//!     GROUP BY a.id, a.category
//! )
//! GROUP BY category
//! ```
//!
//! Of an auction no more is kept than what its winner could change: see [`super::winning`]. Means are rounded towards zero.

use thalweg::prelude::*;

use super::super::line::{Line, Row};
use super::super::outlet::Outlet;
use super::Input;
use super::winning::{Offer, WinningBids};

/// A row of the result.
#[record]
struct Mean {
    category: u64,
    price: u64,
}

pub(super) fn build(input: Input, out: &Outlet) {
    let means = input
        .events
        .filter_map(|event| Offer::of(event))
        .key_by_value(|offer| offer.auction())
        .process("winning bids", || WinningBids)
        .key_by_value(|change| change.value().category())
        .aggregate_changes("means", |of| (of.sum(|change| change.value().price()), of.count()));
    out.upserts(means.upserts(|change| change.value().key()).map(|change| {
        let (category, sums) = change.to_value();
        (category, sums.map(|sums| Mean { category, price: sums.value.0 / sums.value.1 }))
    }));
}

impl Row for Mean {
    fn write(&self, line: &mut Line) {
        line.number(self.category).number(self.price).end();
    }
}
