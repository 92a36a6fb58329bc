//! q1: every bid, with its price in another currency, in thousandths.

use thalweg_bench::nexmark::model::{Bid, Event};
use timely::dataflow::StreamVec;
use timely::dataflow::operators::vec::Map;

use super::{Offer, Query, bid, take_bid};
use crate::outlet::Outlet;

pub struct Convert;

impl Query for Convert {
    type In = Offer;

    fn of(event: &Event) -> Option<Offer> {
        let Bid { auction, bidder, price, date_time: time, extra, .. } = bid(event)?;
        let (auction, bidder, price) = (*auction, *bidder, *price);
        Some(Offer { auction, bidder, price, time: *time, extra: extra.clone() })
    }

    fn take(event: Event) -> Option<Offer> {
        take_bid(event).map(Offer::take)
    }

    fn build(input: StreamVec<'_, u64, Offer>, out: &Outlet) {
        let converted = input.map_in_place(|offer| offer.price *= 908);
        out.rows(converted, |offer, line| {
            line.number(offer.auction).number(offer.bidder).thousandths(offer.price);
            line.time(offer.time).text(&offer.extra).end();
        });
    }
}
