//! Rules that visit all keys, on every schedule: each key once by each rule, and the random numbers of each key are its own.

use std::sync::Arc;

use thalweg::prelude::*;
use thalweg_tests::records::Event;
use thalweg_tests::visits::{Step, Visited, check};

use crate::dice;
use crate::seed::Job;
use thalweg_tests::dice::Dice;

/// One seed's input and handle.
pub(crate) struct Visits {
    workers: usize,
    events: Arc<Vec<Event>>,
    rules: Arc<Vec<Event>>,
    out: Collected<Step>,
}

fn events(dice: &mut Dice, most: u64, keys: u64) -> Arc<Vec<Event>> {
    let events = (0..dice.between(0, most)).map(|id| Event {
        at: EventTime::from_millis(i64::try_from(id).expect("few")),
        id,
        name: format!("k{}", dice.below(keys)).into(),
        group: 0,
        value: i64::try_from(dice.below(30)).expect("small"),
        text: Str::default(),
    });
    Arc::new(events.collect())
}

impl Visits {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = dice::of(seed);
        let keys = dice.between(1, 80);
        Self {
            workers: usize::try_from(dice.between(1, 4)).expect("few"),
            events: events(&mut dice, 200, keys),
            rules: events(&mut dice, 20, keys),
            out: Collected::new(),
        }
    }
}

fn items(events: &Arc<Vec<Event>>) -> impl thalweg::source::Source<Out = Event> + use<> {
    let events = Arc::clone(events);
    Items::per_split(1, move |_| {
        let events = Arc::clone(&events);
        (0..events.len()).map(move |index| events[index].clone())
    })
}

impl Job for Visits {
    type Outputs = Vec<Vec<Step>>;

    fn workers(&self) -> usize {
        self.workers
    }

    fn build(&self, t: &mut Topology) -> Result<()> {
        let rules = t.source("rules", items(&self.rules)).watermarks(Monotonic);
        t.source("events", items(&self.events))
            .watermarks(Monotonic)
            .key_by(|e| e.name())
            .connect_broadcast(rules)
            .process("visited", || Visited)
            .sink("out", self.out.sink());
        Ok(())
    }

    fn take(&self) -> Self::Outputs {
        let steps = |steps: Vec<(EventTime, Step)>| steps.into_iter().map(|(_, step)| step);
        self.out.take_per_worker().into_iter().map(|given| steps(given).collect()).collect()
    }

    fn check(&self, outputs: &Self::Outputs) -> Result<(), String> {
        check(outputs, "visited", &self.events, &self.rules)
    }
}
