//! q20: bids with their auction, of one category.
//!
//! ```sql
//! SELECT b.auction, b.bidder, b.price, b.channel, b.url, b.time, b.extra,
//!     a.itemName, a.description, a.initialBid, a.reserve, a.time, a.expires, a.seller, a.category, a.extra
//! FROM bid b JOIN auction a ON b.auction = a.id
//! WHERE a.category = 10
//! ```
//!
//! A bid is on one auction, so it is kept only until that is known; auctions of other categories are kept, too, or the bids on them would wait for good.

use thalweg::prelude::*;

use super::super::line::{Line, Row};
use super::super::model::{Auction, Bid, Event};
use super::super::outlet::Outlet;
use super::Input;

/// A row of the result.
#[record]
struct Placed {
    bid: Bid,
    auction: Auction,
}

pub(super) fn build(input: Input, out: &Outlet) {
    let bids = input.events.clone().filter(|event| event.bid().is_some());
    let auctions = input.events.filter(|event| event.auction().is_some());
    let placed = bids
        .key_by_value(|event| event.bid().map_or(0, |bid| bid.auction()))
        .regular_join(
            "bids and auctions",
            auctions.key_by_value(|event| event.auction().map_or(0, |auction| auction.id())),
        )
        .many_to_one(|bid, auction| {
            auction.auction().filter(|auction| auction.category() == 10)?;
            match (bid.to_value(), auction.to_value()) {
                (Event::Bid(bid), Event::Auction(auction)) => Some(Placed { bid, auction }),
                _ => None,
            }
        });
    out.rows(placed);
}

impl Row for Placed {
    fn write(&self, line: &mut Line) {
        let Self { bid, auction } = self;
        line.number(bid.auction).number(bid.bidder).number(bid.price);
        line.text(&bid.channel).text(&bid.url).time(bid.date_time).text(&bid.extra);
        line.text(&auction.item_name).text(&auction.description);
        line.number(auction.initial_bid).number(auction.reserve);
        line.time(auction.date_time).time(auction.expires);
        line.number(auction.seller).number(auction.category).text(&auction.extra).end();
    }
}
