//! q2: bids on some auctions.
//!
//! ```sql
//! SELECT auction, price FROM bid WHERE MOD(auction, 123) = 0
//! ```

use thalweg::prelude::*;

use super::super::line::{Line, Row};
use super::super::outlet::Outlet;
use super::Input;

/// A row of the result.
#[record]
struct Selected {
    auction: u64,
    price: u64,
}

pub(super) fn build(input: Input, out: &Outlet) {
    out.rows(input.events.filter_map(|event| {
        let bid = event.bid().filter(|bid| bid.auction() % 123 == 0)?;
        Some(Selected { auction: bid.auction(), price: bid.price() })
    }));
}

impl Row for Selected {
    fn write(&self, line: &mut Line) {
        line.number(self.auction).number(self.price).end();
    }
}
