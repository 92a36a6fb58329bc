//! q0: every bid, as it is.
//!
//! ```sql
//! SELECT auction, bidder, price, time, extra FROM bid
//! ```
//!
//! The bids travel as the events that they are, untouched; the columns are chosen where they are written.

use super::super::line::{Line, Row};
use super::super::model::Event;
use super::super::outlet::Outlet;
use super::Input;

pub(super) fn build(input: Input, out: &Outlet) {
    out.rows(input.events.filter(|event| event.bid().is_some()));
}

impl Row for Event {
    fn write(&self, line: &mut Line) {
        let Self::Bid(bid) = self else { return };
        line.number(bid.auction).number(bid.bidder).number(bid.price);
        line.time(bid.date_time).text(&bid.extra).end();
    }
}
