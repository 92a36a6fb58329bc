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

/// The same, for the text that it takes from the bid.
#[record_ref(Converted)]
struct ConvertedRef<'a> {
    auction: u64,
    bidder: u64,
    price: u64,
    time: EventTime,
    extra: &'a str,
}

pub(super) fn build(input: Input, out: &Outlet) {
    out.rows(input.events.flat_map(|event, out| {
        let Some(bid) = event.bid() else { return };
        out.emit_as(&ConvertedRef {
            auction: bid.auction(),
            bidder: bid.bidder(),
            price: converted(bid.price()),
            time: bid.date_time(),
            extra: bid.extra(),
        });
    }));
}

impl Row for Converted {
    fn write(&self, line: &mut Line) {
        line.number(self.auction).number(self.bidder).thousandths(self.price);
        line.time(self.time).text(&self.extra).end();
    }
}
