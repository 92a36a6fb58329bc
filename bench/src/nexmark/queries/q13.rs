//! q13: bids with a value of the side input.
//!
//! ```sql
//! SELECT b.auction, b.bidder, b.price, b.time, s.value
//! FROM (SELECT *, PROCTIME() AS now FROM bid) b
//! JOIN side_input FOR SYSTEM_TIME AS OF b.now AS s ON MOD(b.auction, 10000) = s.key
//! ```

use thalweg::prelude::*;

use super::super::line::{Line, Row};
use super::super::outlet::Outlet;
use super::Input;

/// A row of the result.
#[record]
struct Enriched {
    auction: u64,
    bidder: u64,
    price: u64,
    time: EventTime,
    value: Str,
}

pub(super) fn build(input: Input, out: &Outlet) {
    let bids = input.events.filter(|event| event.bid().is_some());
    let key = |event: &Rec<_>| bid_of(event).auction() % 10_000;
    out.rows(bids.lookup_join(&input.side_input, key, |event, value| {
        let bid = bid_of(event);
        Enriched {
            auction: bid.auction(),
            bidder: bid.bidder(),
            price: bid.price(),
            time: bid.date_time(),
            value: value.clone(),
        }
    }));
}

fn bid_of(event: &Rec<super::super::model::Event>) -> &super::super::model::ArchivedBid {
    event.bid().expect("invariant: only bids are joined")
}

impl Row for Enriched {
    fn write(&self, line: &mut Line) {
        line.number(self.auction).number(self.bidder).number(self.price);
        line.time(self.time).text(&self.value).end();
    }
}
