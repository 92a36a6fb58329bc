//! q2: bids on some auctions.

use thalweg_bench::nexmark::model::Event;
use timely::dataflow::StreamVec;

use super::{Query, bid};
use crate::outlet::Outlet;

pub struct Select;

impl Query for Select {
    type In = (u64, u64);

    fn of(event: &Event) -> Option<(u64, u64)> {
        bid(event).filter(|bid| bid.auction % 123 == 0).map(|bid| (bid.auction, bid.price))
    }

    fn build(input: StreamVec<'_, u64, (u64, u64)>, out: &Outlet) {
        out.rows(input, |(auction, price), line| line.number(auction).number(price).end());
    }
}
