//! q18: the last bid of each bidder on each auction.
//!
//! ```sql
//! SELECT auction, bidder, price, channel, url, time, extra
//! FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY bidder, auction ORDER BY time DESC) AS place FROM bid)
//! WHERE place = 1
//! ```
//!
//! Of bids of the same instant the one that came last is the last.

use super::super::line::Line;
use super::super::model::{ArchivedEvent, Event};
use super::super::outlet::Outlet;
use super::Input;

pub(super) fn build(input: Input, out: &Outlet) {
    let last = input
        .events
        .filter(|event| event.bid().is_some())
        .key_by_value(|event| key(event))
        .latest("last bids");
    out.table_of(last, |event| key(event), write);
}

/// Bidder and auction.
fn key(event: &ArchivedEvent) -> (u64, u64) {
    event.bid().map_or((0, 0), |bid| (bid.bidder(), bid.auction()))
}

fn write(event: &Event, line: &mut Line) {
    let Event::Bid(bid) = event else { return };
    line.number(bid.auction).number(bid.bidder).number(bid.price);
    line.text(&bid.channel).text(&bid.url).time(bid.date_time).text(&bid.extra).end();
}
