//! q5: the auctions with the most bids in the last ten seconds, every two seconds.
//!
//! Bids are counted in panes of two seconds; five of them, kept as a running sum, make a window. The best of each worker meet at one.

use std::collections::BTreeMap;

use hashbrown::HashMap;
use thalweg_bench::nexmark::model::Event;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::operator::Operator;

use super::{Query, bid, millis, window_end};
use crate::outlet::Outlet;

pub struct HotItems;

const SLIDE: u64 = 2_000;
const PANES: u64 = 5;

/// The end of a window, the most bids in it, and on what.
type Best = (u64, u64, Vec<u64>);

#[derive(Default)]
struct Counts {
    panes: BTreeMap<u64, HashMap<u64, u64>>,
    /// The windows that have a bid, by their ends.
    windows: BTreeMap<u64, Capability<u64>>,
    sums: HashMap<u64, u64>,
}

impl Counts {
    /// Takes a window that is complete out; windows come in their order.
    fn window(&mut self, end: u64) -> Best {
        for (&auction, &count) in self.panes.get(&end).into_iter().flatten() {
            *self.sums.entry(auction).or_default() += count;
        }
        let most = self.sums.values().copied().max().unwrap_or(0);
        let best = self.sums.iter().filter(|(_, sum)| **sum == most).map(|(auction, _)| *auction);
        let best = (end, most, best.collect());
        for (auction, count) in
            self.panes.remove(&(end - (PANES - 1) * SLIDE)).into_iter().flatten()
        {
            let sum = self.sums.get_mut(&auction).expect("it was added when its pane was");
            *sum -= count;
            if *sum == 0 {
                self.sums.remove(&auction);
            }
        }
        best
    }
}

impl Query for HotItems {
    type In = (u64, u64);

    fn of(event: &Event) -> Option<(u64, u64)> {
        bid(event).map(|bid| (bid.auction, millis(bid.date_time)))
    }

    fn build(input: StreamVec<'_, u64, (u64, u64)>, out: &Outlet) {
        let by_auction = Exchange::new(|(auction, _): &(u64, u64)| *auction);
        let best: StreamVec<'_, u64, Best> = input.unary_frontier(by_auction, "counts", |_, _| {
            let mut counts = Counts::default();
            move |(input, frontier), output| {
                input.for_each(|cap, bids| {
                    let mut rest = &bids[..];
                    // Bids come almost in order: one look-up serves all of a pane.
                    while let Some(&(_, time)) = rest.first() {
                        let end = window_end(time, SLIDE);
                        let of_pane = |(_, time): &&(u64, u64)| window_end(*time, SLIDE) == end;
                        let length = rest.iter().take_while(of_pane).count();
                        let pane = counts.panes.entry(end).or_insert_with(|| {
                            for end in (0..PANES).map(|later| end + later * SLIDE) {
                                counts.windows.entry(end).or_insert_with(|| cap.delayed(&end, 0));
                            }
                            HashMap::new()
                        });
                        rest[..length]
                            .iter()
                            .for_each(|(auction, _)| *pane.entry(*auction).or_default() += 1);
                        rest = &rest[length..];
                    }
                    bids.clear();
                });
                while let Some(entry) = counts.windows.first_entry() {
                    if frontier.less_than(entry.key()) {
                        break;
                    }
                    let (end, capability) = entry.remove_entry();
                    let best = counts.window(end);
                    output.session(&capability).give(best);
                }
            }
        });
        let by_window = Exchange::new(|(end, ..): &Best| end / SLIDE);
        let hottest: StreamVec<'_, u64, (u64, u64)> =
            best.unary_frontier(by_window, "hottest", |_, _| {
                let mut windows = BTreeMap::<u64, (Capability<u64>, u64, Vec<u64>)>::new();
                move |(input, frontier), output| {
                    input.for_each(|cap, bests| {
                        for (end, most, auctions) in bests.drain(..) {
                            let window = windows
                                .entry(end)
                                .or_insert_with(|| (cap.delayed(&end, 0), 0, Vec::new()));
                            if most > window.1 {
                                (window.1, window.2) = (most, auctions);
                            } else if most == window.1 {
                                window.2.extend(auctions);
                            }
                        }
                    });
                    while let Some(entry) = windows.first_entry() {
                        if frontier.less_equal(entry.key()) {
                            break;
                        }
                        let (capability, most, auctions) = entry.remove();
                        let mut session = output.session(&capability);
                        session.give_iterator(auctions.into_iter().map(|auction| (auction, most)));
                    }
                }
            });
        out.rows(hottest, |(auction, count), line| line.number(auction).number(count).end());
    }
}
