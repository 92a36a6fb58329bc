//! q4: for each category, the mean over its auctions of their highest valid bid, said again with each change.

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};
use thalweg_bench::nexmark::model::Event;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::generic::operator::Operator;

use super::{Query, millis};
use crate::outlet::Outlet;

pub struct Means;

#[derive(Clone, Copy, Serialize, Deserialize)]
pub enum What {
    Sale { category: u64, opens: u64, expires: u64 },
    Bid { price: u64, at: u64 },
}

/// An auction and the highest valid bid on it.
#[derive(Default)]
struct Auction {
    sale: Option<(u64, u64, u64)>,
    best: Option<u64>,
    /// Bids that came before it.
    early: Vec<(u64, u64)>,
}

/// By how much the sum and the number of a category's auctions change.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Difference {
    category: u64,
    sum: u64,
    count: u64,
}

impl Auction {
    fn bid(&mut self, price: u64, at: u64) -> Option<Difference> {
        let Some((category, opens, expires)) = self.sale else {
            self.early.push((price, at));
            return None;
        };
        if !(opens..=expires).contains(&at) || self.best.is_some_and(|best| price <= best) {
            return None;
        }
        let before = self.best.replace(price);
        let sum = price - before.unwrap_or(0);
        Some(Difference { category, sum, count: u64::from(before.is_none()) })
    }
}

impl Query for Means {
    type In = (u64, What);

    fn of(event: &Event) -> Option<(u64, What)> {
        match event {
            Event::Person(_) => None,
            Event::Auction(auction) => {
                let (opens, expires) = (millis(auction.date_time), millis(auction.expires));
                Some((auction.id, What::Sale { category: auction.category, opens, expires }))
            }
            Event::Bid(bid) => {
                Some((bid.auction, What::Bid { price: bid.price, at: millis(bid.date_time) }))
            }
        }
    }

    fn build(input: StreamVec<'_, u64, (u64, What)>, out: &Outlet) {
        let by_auction = Exchange::new(|(auction, _): &(u64, What)| *auction);
        let differences: StreamVec<'_, u64, Difference> =
            input.unary(by_auction, "highest", |_, _| {
                let mut auctions = HashMap::<u64, Auction>::new();
                move |input, output| {
                    input.for_each(|time, items| {
                        let mut session = output.session(&time);
                        for (id, what) in items.drain(..) {
                            let auction = auctions.entry(id).or_default();
                            match what {
                                What::Bid { price, at } => {
                                    auction
                                        .bid(price, at)
                                        .into_iter()
                                        .for_each(|d| session.give(d));
                                }
                                What::Sale { category, opens, expires } => {
                                    auction.sale = Some((category, opens, expires));
                                    for (price, at) in std::mem::take(&mut auction.early) {
                                        auction
                                            .bid(price, at)
                                            .into_iter()
                                            .for_each(|d| session.give(d));
                                    }
                                }
                            }
                        }
                    });
                }
            });
        let by_category = Exchange::new(|difference: &Difference| difference.category);
        let means: StreamVec<'_, u64, (u64, u64)> =
            differences.unary(by_category, "means", |_, _| {
                let mut sums = HashMap::<u64, (u64, u64)>::new();
                move |input, output| {
                    input.for_each(|time, differences| {
                        let mut session = output.session(&time);
                        for Difference { category, sum, count } in differences.drain(..) {
                            let entry = sums.entry(category).or_default();
                            *entry = (entry.0 + sum, entry.1 + count);
                            session.give((category, entry.0 / entry.1));
                        }
                    });
                }
            });
        out.table(
            means,
            |row| row.0,
            |(category, mean), line| line.number(category).number(mean).end(),
        );
    }
}
