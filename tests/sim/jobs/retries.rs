//! Attempts that are apart in time, on every schedule: nothing is lost, nothing is late.

use std::sync::Arc;
use std::time::Duration;

use thalweg::prelude::*;
use thalweg_tests::records::Event;
use thalweg_tests::retries::{Given, Outcome, attach, expected};

use crate::dice;
use crate::seed::Job;

/// One seed's input and handles.
pub(crate) struct Retries {
    workers: usize,
    attempts: u32,
    delays: (Duration, Duration),
    room: usize,
    splits: Arc<Vec<Vec<Event>>>,
    given: Given,
}

impl Retries {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = dice::of(seed);
        let splits = (0..dice.between(1, 4)).map(|split| {
            let mut clock_ms = 0;
            let events = (0..dice.between(0, 150)).map(|index| {
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
        let magnitude = dice.between(0, 20);
        let delay = Duration::from_nanos(1 + dice.below(1 << magnitude));
        let bits = dice.between(0, 8);
        let room = 1 + usize::try_from(dice.below(1 << bits)).expect("few");
        Self {
            workers: usize::try_from(dice.between(1, 4)).expect("few"),
            attempts: u32::try_from(dice.between(2, 6)).expect("few"),
            delays: (delay, delay * u32::try_from(dice.between(1, 5)).expect("few")),
            room,
            splits,
            given: Given::default(),
        }
    }
}

impl Job for Retries {
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
        attach(events, self.attempts, self.delays, self.room, &self.given);
        Ok(())
    }

    fn take(&self) -> Outcome {
        self.given.take()
    }

    fn check(&self, outputs: &Outcome) -> Result<(), String> {
        let expected = expected(&self.splits.concat(), self.attempts);
        match *outputs == expected {
            true => Ok(()),
            false => Err(format!("{outputs:?}, expected {expected:?}")),
        }
    }
}
