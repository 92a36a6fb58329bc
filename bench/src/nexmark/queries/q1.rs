//! q1: every bid, with its price in another currency.
//!
//! ```sql
//! SELECT auction, bidder, 0.908 * price AS price, time, extra FROM bid
//! ```

use thalweg::prelude::*;

use super::super::line::{Line, Row};
use super::super::outlet::Outlet;
use super::{Input, converted};

/// A row of the result.
#[record]
struct Converted {
    auction: u64,
    bidder: u64,
    /// Thousandths.
    price: u64,
    time: EventTime,
    extra: Str,
}

pub(super) fn build(input: Input, out: &Outlet) {
    out.rows(input.events.filter_map(|event| {
        let bid = event.bid()?;
        Some(Converted {
            auction: bid.auction(),
            bidder: bid.bidder(),
            price: converted(bid.price()),
            time: bid.date_time(),
            extra: bid.extra().into(),
        })
    }));
}

impl Row for Converted {
    fn write(&self, line: &mut Line) {
        line.number(self.auction).number(self.bidder).thousandths(self.price);
        line.time(self.time).text(&self.extra).end();
    }
}
