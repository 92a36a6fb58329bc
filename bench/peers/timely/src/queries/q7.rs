//! q7: the bids with the highest price of each ten seconds.
//!
//! Each worker keeps the highest of its own bids; they meet at one worker when the window is over. A bid at the very end of a window belongs to the
//! next one, and all the same to the result of this one if it has its price: both ends of the interval are inside.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thalweg::record::Str;
use thalweg::time::EventTime;
use thalweg_bench::nexmark::model::{Bid, Event};
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::operator::Operator;

use super::{Offer, Query, bid, take_bid, window_end};
use crate::outlet::Outlet;

pub struct Highest;

const WIDTH: u64 = 10_000;

/// What is sent of a bid.
#[derive(Clone, Serialize, Deserialize)]
struct Sent {
    auction: u64,
    price: u64,
    bidder: u64,
    at: u64,
    extra: Str,
}

/// The highest bids of a window, and those at its very end.
#[derive(Default, Clone, Serialize, Deserialize)]
struct Window {
    end: u64,
    highest: u64,
    bids: Vec<Sent>,
    edge: Vec<Sent>,
}

impl Window {
    fn add(&mut self, price: u64, bids: impl IntoIterator<Item = Sent>) {
        if price > self.highest {
            self.highest = price;
            self.bids.clear();
        }
        if price == self.highest {
            self.bids.extend(bids);
        }
    }

    /// The result, once all workers' parts are here.
    fn bids(self) -> impl Iterator<Item = Sent> {
        let highest = self.highest;
        self.bids.into_iter().chain(self.edge.into_iter().filter(move |bid| bid.price == highest))
    }
}

impl From<Offer> for Sent {
    fn from(offer: Offer) -> Self {
        let Offer { auction, bidder, price, time, extra } = offer;
        Self { auction, price, bidder, at: super::millis(time), extra }
    }
}

impl Query for Highest {
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
        let parts: StreamVec<'_, u64, Window> =
            input.unary_frontier(Pipeline, "highest of a worker", |_, _| {
                let mut windows = BTreeMap::<u64, (Capability<u64>, Window)>::new();
                move |(input, frontier), output| {
                    input.for_each(|cap, offers| {
                        for offer in offers.drain(..) {
                            let at = super::millis(offer.time);
                            let end = window_end(at, WIDTH);
                            if at % WIDTH == 0 {
                                // A window that has no bid has no highest one, so this part of it alone comes to nothing.
                                if let Some((_, window)) = windows.get_mut(&at) {
                                    window.edge.push(offer.clone().into());
                                }
                            }
                            let (_, window) = windows.entry(end).or_insert_with(|| {
                                (cap.delayed(&end, 0), Window { end, ..Window::default() })
                            });
                            if offer.price >= window.highest {
                                window.add(offer.price, [offer.into()]);
                            }
                        }
                    });
                    while let Some(entry) = windows.first_entry() {
                        // Those at the very end are waited for.
                        if frontier.less_equal(entry.key()) {
                            break;
                        }
                        let (capability, window) = entry.remove();
                        output.session(&capability).give(window);
                    }
                }
            });
        let by_window = Exchange::new(|window: &Window| window.end / WIDTH);
        let bids: StreamVec<'_, u64, Sent> = parts.unary_frontier(by_window, "highest", |_, _| {
            let mut windows = BTreeMap::<u64, (Capability<u64>, Window)>::new();
            move |(input, frontier), output| {
                input.for_each(|cap, parts| {
                    for Window { end, highest, bids, edge } in parts.drain(..) {
                        let (_, window) = windows
                            .entry(end)
                            .or_insert_with(|| (cap.delayed(&end, 0), Window::default()));
                        window.add(highest, bids);
                        window.edge.extend(edge);
                    }
                });
                while let Some(entry) = windows.first_entry() {
                    if frontier.less_equal(entry.key()) {
                        break;
                    }
                    let (capability, window) = entry.remove();
                    output.session(&capability).give_iterator(window.bids());
                }
            }
        });
        out.rows(bids, |bid, line| {
            line.number(bid.auction).number(bid.price).number(bid.bidder);
            line.time(EventTime::from_millis(bid.at.cast_signed())).text(&bid.extra).end();
        });
    }
}
