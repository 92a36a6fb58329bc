//! q19: the ten highest bids on each auction, with their place.
//!
//! ```sql
//! SELECT auction, bidder, price, channel, url, time, extra, place
//! FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY auction ORDER BY price DESC) AS place FROM bid)
//! WHERE place <= 10
//! ```
//!
//! Of equal prices the bid that came first is higher.

use thalweg::prelude::Rec;

use super::super::line::Line;
use super::super::model::{ArchivedEvent, Event};
use super::super::outlet::Outlet;
use super::Input;

pub(super) fn build(input: Input, out: &Outlet) {
    let best = input
        .events
        .filter(|event| event.bid().is_some())
        .key_by_value(|event| auction_and_price(event).0)
        .top_n_places("best bids", 10, |event| auction_and_price(event).1);
    let key = |row: &Rec<(Event, u32)>| (auction_and_price(&row.0).0, row.1.to_native());
    out.table_of(best, key, write);
}

fn auction_and_price(event: &ArchivedEvent) -> (u64, u64) {
    event.bid().map_or((0, 0), |bid| (bid.auction(), bid.price()))
}

fn write((event, place): &(Event, u32), line: &mut Line) {
    let Event::Bid(bid) = event else { return };
    line.number(bid.auction).number(bid.bidder).number(bid.price);
    line.text(&bid.channel).text(&bid.url).time(bid.date_time).text(&bid.extra);
    line.number(place).end();
}
