//! q6: for each seller, the mean of the highest bids of an auction and of up to ten before it.
//!
//! ```sql
//! SELECT seller, AVG(final) OVER (PARTITION BY seller ORDER BY time ROWS BETWEEN 10 PRECEDING AND CURRENT ROW)
//! FROM (
//!     SELECT a.id, a.seller, MAX(b.price) AS final, (the time of that bid) AS time
//!     FROM auction a JOIN bid b ON a.id = b.auction
//!     WHERE b.time BETWEEN a.time AND a.expires
//!     GROUP BY a.id, a.seller
//! )
//! ```
//!
//! Which bid is the highest changes as bids come, and so do the order of a seller's auctions and the means behind a change: the result is a
//! changelog, of one row an auction. Means are rounded towards zero.

use thalweg::prelude::*;

use super::super::line::{Line, Row};
use super::super::outlet::Outlet;
use super::Input;
use super::winning::{Offer, WinningBids};

/// A row of the result.
#[record]
struct Mean {
    seller: u64,
    price: u64,
}

pub(super) fn build(input: Input, out: &Outlet) {
    let means = input
        .events
        .filter_map(|event| Offer::of(event))
        .key_by_value(|offer| offer.auction())
        .process("winning bids", || WinningBids)
        .key_by_value(|change| change.value().seller())
        // Auctions that were won in the same instant stand by number.
        .over("last eleven", 10, |change| (change.value().at(), change.value().auction()))
        .aggregate(|of| (of.sum(|won| won.price()), of.count()));
    out.upserts(means.upserts(|change| change.value().row().auction()).map(|change| {
        let (auction, over) = change.to_value();
        let mean =
            over.map(|over| Mean { seller: over.row.seller, price: over.value.0 / over.value.1 });
        (auction, mean)
    }));
}

impl Row for Mean {
    fn write(&self, line: &mut Line) {
        line.number(self.seller).number(self.price).end();
    }
}
