//! The keyed count with an exchange: of each auction, how many bids it has had, said with each bid.

use hashbrown::HashMap;
use thalweg_bench::nexmark::model::Event;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::generic::operator::Operator;

use super::{Query, bid};
use crate::outlet::Outlet;

pub struct Count;

impl Query for Count {
    type In = u64;

    fn of(event: &Event) -> Option<u64> {
        bid(event).map(|bid| bid.auction)
    }

    fn build(input: StreamVec<'_, u64, u64>, out: &Outlet) {
        let counts: StreamVec<'_, u64, (u64, u64)> =
            input.unary(Exchange::new(|auction: &u64| *auction), "count", |_, _| {
                let mut counts = HashMap::<u64, u64>::new();
                move |input, output| {
                    input.for_each(|time, auctions| {
                        let mut session = output.session(&time);
                        for auction in auctions.drain(..) {
                            let count = counts.entry(auction).or_default();
                            *count += 1;
                            session.give((auction, *count));
                        }
                    });
                }
            });
        out.table(
            counts,
            |row| row.0,
            |(auction, count), line| line.number(auction).number(count).end(),
        );
    }
}
