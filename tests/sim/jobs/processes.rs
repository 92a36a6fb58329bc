//! A process function with every kind of state, times to live, timers and side outputs, against a loop by hand.

use std::sync::Arc;
use std::time::Duration;

use thalweg::prelude::*;
use thalweg_tests::processes::{Given, Handles, Raw, by_hand};
use thalweg_tests::records::Event;

use crate::dice;
use crate::seed::Job;

/// One seed's input and handles.
pub(crate) struct Processes {
    workers: usize,
    bound: Duration,
    gap: Duration,
    events: Arc<Vec<Event>>,
    handles: Handles,
}

impl Processes {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = dice::of(seed);
        let workers = usize::try_from(dice.between(1, 4)).expect("few");
        let bound = Duration::from_millis(dice.between(0, 100));
        let gap = Duration::from_millis(dice.between(1, 300));
        let (keys, step_ms, disorder_ms) =
            (dice.between(1, 30), dice.between(0, 20), dice.between(0, 150));
        let mut clock_ms = 0;
        let events = (0..dice.between(0, 250)).map(|id| {
            clock_ms += dice.between(0, step_ms);
            let at_ms = i64::try_from(clock_ms).expect("short")
                - i64::try_from(dice.between(0, disorder_ms)).expect("short");
            let key = dice.below(keys);
            Event {
                at: EventTime::from_millis(at_ms),
                id,
                name: format!("k{key}").into(),
                group: u32::try_from(dice.below(5)).expect("few"),
                value: i64::try_from(dice.below(1_000)).expect("small") - 500,
                text: Str::default(),
            }
        });
        let events = Arc::new(events.collect());
        Self { workers, bound, gap, events, handles: Handles::default() }
    }
}

impl Job for Processes {
    type Outputs = Raw;

    fn workers(&self) -> usize {
        self.workers
    }

    fn build(&self, t: &mut Topology) -> Result<()> {
        let events = Arc::clone(&self.events);
        let items = Items::per_split(1, move |_| {
            let events = Arc::clone(&events);
            (0..events.len()).map(move |index| events[index].clone())
        });
        let events = t.source("events", items).watermarks(BoundedOutOfOrderness::of(self.bound));
        self.handles.attach(events, self.gap);
        Ok(())
    }

    fn take(&self) -> Raw {
        self.handles.take_per_worker()
    }

    fn check(&self, outputs: &Raw) -> Result<(), String> {
        let (given, expected) = (Given::of(outputs), by_hand(&self.events, self.bound, self.gap));
        if given == expected {
            return Ok(());
        }
        let differ =
            given.main.iter().zip(&expected.main).find(|(given, expected)| given != expected);
        Err(match differ {
            Some((given, expected)) => format!("record {given:?}, expected {expected:?}"),
            None => format!(
                "late {:?} and fired {:?}, expected {:?} and {:?}",
                given.late, given.fired, expected.late, expected.fired
            ),
        })
    }
}
