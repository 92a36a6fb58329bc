//! Events into a dataflow, by a source operator that is turned as timely turns it.
//!
//! Each turn makes some events under the time of the first of them and then lets the operators behind it work: few enough that they are still in the
//! cache when they are read.

use std::sync::{Arc, Mutex, PoisonError};

use thalweg_bench::nexmark::generator::{Config, Maker};
use thalweg_bench::nexmark::model::Event;
use thalweg_bench::peers::laps::Laps;
use thalweg_bench::peers::order::{Feed, Order};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::operators::generic::operator::source;
use timely::dataflow::operators::vec::Map;
use timely::dataflow::{Scope, StreamVec};

use crate::queries::Query;

/// Events of one turn of the source. The fastest of 256, 1,024, 4,096 and 10,240 (which is timely's own for iterators).
pub const TURN: u64 = 1_024;

/// Events in containers of timely's own size, and the time of the first of each.
type Batches = Vec<(u64, Vec<Event>)>;

/// Where the events of a run come from; cloned into its workers.
#[derive(Clone)]
pub struct Feeding {
    feed: Feed,
    config: Config,
    laps: Laps,
    /// Of each worker, until it takes them.
    prepared: Arc<Mutex<Vec<Batches>>>,
}

/// The instant of an event as timely has it: milliseconds since the Unix epoch.
fn time_of(config: &Config, n: u64) -> u64 {
    config.time_of(n).as_millis().cast_unsigned()
}

impl Feeding {
    /// As ordered; events that are to be made before the run are made here.
    pub fn of(order: &Order, config: Config, laps: Laps) -> Self {
        let workers = order.workers as u64;
        let prepared = match order.feed {
            Feed::Made | Feed::Lean => Vec::new(),
            Feed::Prepared => {
                (0..workers).map(|worker| batches(&config, worker, workers)).collect()
            }
        };
        Self { feed: order.feed, config, laps, prepared: Arc::new(Mutex::new(prepared)) }
    }

    /// What `Q` reads of the events of worker `index` of `peers`.
    pub fn stream<'scope, Q: Query>(
        &self,
        scope: Scope<'scope, u64>,
        index: usize,
        peers: usize,
    ) -> StreamVec<'scope, u64, Q::In> {
        let from = (index as u64, peers as u64);
        match self.feed {
            Feed::Lean => self.made(scope, from, |event, give| {
                if let Some(item) = Q::of(event) {
                    give(item);
                }
            }),
            Feed::Made => {
                let events: StreamVec<'_, u64, Event> =
                    self.made(scope, from, |event, give| give(event.clone()));
                events.flat_map(Q::take)
            }
            Feed::Prepared => self.prepared(scope, index).flat_map(Q::take),
        }
    }

    fn made<'scope, D: Clone + 'static>(
        &self,
        scope: Scope<'scope, u64>,
        (first, step): (u64, u64),
        what: impl Fn(&Event, &mut dyn FnMut(D)) + 'static,
    ) -> StreamVec<'scope, u64, D> {
        let (config, laps) = (self.config.clone(), self.laps.clone());
        source::<_, CapacityContainerBuilder<Vec<D>>, _, _>(scope, "events", |capability, info| {
            let activator = scope.activator_for(info.address);
            let mut capability = Some(capability);
            let mut maker = Maker::new(config.clone());
            let mut next = first;
            move |output| {
                laps.begin();
                let Some(held) = capability.as_mut() else { return };
                if next >= config.events {
                    capability = None;
                    return;
                }
                held.downgrade(&time_of(&config, next));
                let mut session = output.session(&*held);
                let mut made = 0;
                while made < TURN && next < config.events {
                    what(maker.make(next), &mut |item| session.give(item));
                    made += 1;
                    next += step;
                }
                drop(session);
                laps.note(made);
                activator.activate();
            }
        })
    }

    fn prepared<'scope>(
        &self,
        scope: Scope<'scope, u64>,
        index: usize,
    ) -> StreamVec<'scope, u64, Event> {
        let laps = self.laps.clone();
        let mut all = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        let mut batches = std::mem::take(&mut all[index]).into_iter();
        source::<_, CapacityContainerBuilder<Vec<Event>>, _, _>(
            scope,
            "events",
            |capability, info| {
                let activator = scope.activator_for(info.address);
                let mut capability = Some(capability);
                move |output| {
                    laps.begin();
                    let Some(held) = capability.as_mut() else { return };
                    let mut made = 0;
                    while made < TURN {
                        let Some((time, mut batch)) = batches.next() else {
                            capability = None;
                            break;
                        };
                        made += batch.len() as u64;
                        held.downgrade(&time);
                        // Handed over whole: nothing is copied.
                        output.session(&*held).give_container(&mut batch);
                        if made >= TURN {
                            break;
                        }
                    }
                    laps.note(made);
                    activator.activate();
                }
            },
        )
    }
}

fn batches(config: &Config, first: u64, step: u64) -> Batches {
    let length = timely::container::buffer::default_capacity::<Event>();
    let mut maker = Maker::new(config.clone());
    let mut batches = Batches::new();
    let mut numbers =
        (first..config.events).step_by(usize::try_from(step).expect("few")).peekable();
    while let Some(&n) = numbers.peek() {
        let batch = numbers.by_ref().take(length).map(|n| maker.make(n).clone()).collect();
        batches.push((time_of(config, n), batch));
    }
    batches
}
