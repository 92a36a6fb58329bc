//! q19: the ten highest bids on each auction, with their place.
//!
//! ```sql
//! SELECT auction, bidder, price, channel, url, time, extra, place
//! FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY auction ORDER BY price DESC) AS place FROM bid)
//! WHERE place <= 10
//! ```
//!
//! Of equal prices the bid that came first is higher.

use thalweg::prelude::*;

use super::super::line::{Line, Row};
use super::super::model::Bid;
use super::super::outlet::Outlet;
use super::Input;

/// The rows of an auction.
#[record]
struct Best {
    bids: Vec<Bid>,
}

pub(super) fn build(input: Input, out: &Outlet) {
    let best = input
        .events
        .filter_map(|event| {
            let bid = event.bid()?;
            Some(Bid {
                auction: bid.auction(),
                bidder: bid.bidder(),
                price: bid.price(),
                channel: bid.channel().into(),
                url: bid.url().into(),
                date_time: bid.date_time(),
                extra: bid.extra().into(),
            })
        })
        .key_by_value(|bid| bid.auction())
        .top_n("best bids", 10, |bid| bid.price());
    out.upserts(best.map(|ranking| {
        let ranking = ranking.to_value();
        (ranking.key, Some(Best { bids: ranking.top }))
    }));
}

impl Row for Best {
    fn write(&self, line: &mut Line) {
        for (place, bid) in (1..).zip(&self.bids) {
            line.number(bid.auction).number(bid.bidder).number(bid.price);
            line.text(&bid.channel).text(&bid.url).time(bid.date_time).text(&bid.extra);
            line.number(place).end();
        }
    }
}
