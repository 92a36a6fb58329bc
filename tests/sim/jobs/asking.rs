//! Somebody outside is asked about each record, on every schedule: every record has one result, in order, and none is late.

use std::sync::Arc;
use std::time::Duration;

use thalweg::prelude::*;
use thalweg_tests::asking::{Asked, Given, Outcome, attach, check};
use thalweg_tests::records::Event;

use crate::dice;
use crate::seed::Job;

/// One seed's input and handles.
pub(crate) struct Asking {
    workers: usize,
    asked: Asked,
    splits: Arc<Vec<Vec<Event>>>,
    given: Given,
}

impl Asking {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = dice::of(seed);
        let splits = (0..dice.between(1, 4)).map(|split| {
            let mut clock_ms = 0;
            let events = (0..dice.between(0, 100)).map(|index| {
                clock_ms += dice.between(0, 5);
                Event {
                    at: EventTime::from_millis(i64::try_from(clock_ms).expect("short")),
                    id: split << 32 | index,
                    name: Str::default(),
                    group: u32::try_from(dice.below(4)).expect("few"),
                    value: 0,
                    text: "x".repeat(usize::try_from(dice.below(300)).expect("few")).into(),
                }
            });
            events.collect()
        });
        let splits = Arc::new(splits.collect());
        let attempts = u32::try_from(dice.between(1, 6)).expect("few");
        let magnitude = dice.between(0, 20);
        let pause = Duration::from_nanos(1 + dice.below(1 << magnitude));
        let asked = Asked {
            ordered: dice.below(2) == 0,
            capacity: usize::try_from(dice.between(1, 80)).expect("few"),
            attempts,
            pause: (attempts > 1 && dice.below(2) == 0).then_some(pause),
        };
        let workers = usize::try_from(dice.between(1, 4)).expect("few");
        Self { workers, asked, splits, given: Given::default() }
    }
}

impl Job for Asking {
    type Outputs = Outcome;

    fn workers(&self) -> usize {
        self.workers
    }

    fn build(&self, t: &mut Topology) -> Result<()> {
        let splits = Arc::clone(&self.splits);
        let items = Items::per_split(splits.len(), move |split| {
            let splits = Arc::clone(&splits);
            (0..splits[split].len()).map(move |index| splits[split][index].clone())
        });
        let events = t.source("events", items).watermarks(Monotonic);
        attach(events, self.asked, &self.given);
        Ok(())
    }

    fn take(&self) -> Outcome {
        self.given.take()
    }

    fn check(&self, outputs: &Outcome) -> Result<(), String> {
        check(&self.splits, self.asked, outputs)
    }
}
