//! q3: who sells items of category 10 in some states; an unbounded join on the seller.

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};
use thalweg::record::Str;
use thalweg_bench::nexmark::model::Event;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::generic::operator::Operator;

use super::Query;
use crate::outlet::Outlet;

pub struct LocalItems;

#[derive(Clone, Serialize, Deserialize)]
pub struct Seller {
    name: Str,
    city: Str,
    state: Str,
}

#[derive(Clone, Serialize, Deserialize)]
pub enum Side {
    Item { seller: u64, id: u64 },
    Seller(u64, Seller),
}

impl Side {
    fn key(&self) -> u64 {
        match self {
            Self::Item { seller, .. } => *seller,
            Self::Seller(id, _) => *id,
        }
    }
}

/// What is known of a seller: persons are unique, items are not.
#[derive(Default)]
struct Known {
    seller: Option<Seller>,
    items: Vec<u64>,
}

impl Query for LocalItems {
    type In = Side;

    fn of(event: &Event) -> Option<Side> {
        match event {
            Event::Auction(auction) if auction.category == 10 => {
                Some(Side::Item { seller: auction.seller, id: auction.id })
            }
            Event::Person(person) if matches!(&*person.state, "OR" | "ID" | "CA") => {
                let (name, city) = (person.name.clone(), person.city.clone());
                Some(Side::Seller(person.id, Seller { name, city, state: person.state.clone() }))
            }
            _ => None,
        }
    }

    fn build(input: StreamVec<'_, u64, Side>, out: &Outlet) {
        let by_seller = Exchange::new(|side: &Side| side.key());
        let joined: StreamVec<'_, u64, (Seller, u64)> = input.unary(by_seller, "join", |_, _| {
            let mut known = HashMap::<u64, Known>::new();
            move |input, output| {
                input.for_each(|time, sides| {
                    let mut session = output.session(&time);
                    for side in sides.drain(..) {
                        let known = known.entry(side.key()).or_default();
                        match side {
                            Side::Item { id, .. } => {
                                known.seller.iter().for_each(|s| session.give((s.clone(), id)));
                                known.items.push(id);
                            }
                            Side::Seller(_, seller) => {
                                known
                                    .items
                                    .iter()
                                    .for_each(|&id| session.give((seller.clone(), id)));
                                known.seller = Some(seller);
                            }
                        }
                    }
                });
            }
        });
        out.rows(joined, |(seller, id), line| {
            line.text(&seller.name).text(&seller.city).text(&seller.state).number(id).end();
        });
    }
}
