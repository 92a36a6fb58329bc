//! q8: who registered and opened an auction within the same ten seconds.

use std::collections::BTreeMap;

use hashbrown::{HashMap, HashSet};
use serde::{Deserialize, Serialize};
use thalweg::record::Str;
use thalweg::time::EventTime;
use thalweg_bench::nexmark::model::Event;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::operator::Operator;

use super::{Query, millis, window_end};
use crate::outlet::Outlet;

pub struct NewSellers;

const WIDTH: u64 = 10_000;

/// A person's id, when, and the name if it is the registration.
#[derive(Clone, Serialize, Deserialize)]
pub struct Seen {
    id: u64,
    at: u64,
    name: Option<Str>,
}

#[derive(Default)]
struct Window {
    names: HashMap<u64, Str>,
    sellers: HashSet<u64>,
}

impl Query for NewSellers {
    type In = Seen;

    fn of(event: &Event) -> Option<Seen> {
        match event {
            Event::Person(person) => {
                let (id, at) = (person.id, millis(person.date_time));
                Some(Seen { id, at, name: Some(person.name.clone()) })
            }
            Event::Auction(auction) => {
                Some(Seen { id: auction.seller, at: millis(auction.date_time), name: None })
            }
            Event::Bid(_) => None,
        }
    }

    fn build(input: StreamVec<'_, u64, Seen>, out: &Outlet) {
        let by_person = Exchange::new(|seen: &Seen| seen.id);
        let sellers: StreamVec<'_, u64, (u64, Str, u64)> =
            input.unary_frontier(by_person, "join", |_, _| {
                let mut windows = BTreeMap::<u64, (Capability<u64>, Window)>::new();
                move |(input, frontier), output| {
                    input.for_each(|cap, all| {
                        for Seen { id, at, name } in all.drain(..) {
                            let end = window_end(at, WIDTH);
                            let (_, window) = windows
                                .entry(end)
                                .or_insert_with(|| (cap.delayed(&end, 0), Window::default()));
                            match name {
                                Some(name) => drop(window.names.insert(id, name)),
                                None => drop(window.sellers.insert(id)),
                            }
                        }
                    });
                    while let Some(entry) = windows.first_entry() {
                        if frontier.less_than(entry.key()) {
                            break;
                        }
                        let (end, (capability, window)) = entry.remove_entry();
                        let Window { names, sellers } = window;
                        let both = names.into_iter().filter(|(id, _)| sellers.contains(id));
                        let rows = both.map(|(id, name)| (id, name, end - WIDTH));
                        output.session(&capability).give_iterator(rows);
                    }
                }
            });
        out.rows(sellers, |(id, name, start), line| {
            line.number(id).text(name).time(EventTime::from_millis(start.cast_signed())).end();
        });
    }
}
