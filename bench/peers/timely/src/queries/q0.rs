//! q0: every bid, as it is.

use thalweg_bench::nexmark::line::Line;
use thalweg_bench::nexmark::model::{Bid, Event};
use timely::dataflow::StreamVec;

use super::{Query, bid, take_bid};
use crate::outlet::Outlet;

pub struct PassThrough;

impl Query for PassThrough {
    type In = Bid;

    fn of(event: &Event) -> Option<Bid> {
        bid(event).cloned()
    }

    fn take(event: Event) -> Option<Bid> {
        take_bid(event)
    }

    fn build(input: StreamVec<'_, u64, Bid>, out: &Outlet) {
        out.rows(input, |bid, line| write(bid, line));
    }
}

fn write(bid: &Bid, line: &mut Line) {
    line.number(bid.auction).number(bid.bidder).number(bid.price);
    line.time(bid.date_time).text(&bid.extra).end();
}
