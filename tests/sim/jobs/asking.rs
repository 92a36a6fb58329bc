//! Somebody outside is asked about each record, on every schedule: every record has one result, in order, and none is late.

use std::time::Duration;

use thalweg::prelude::*;
use thalweg_tests::asking::{Asked, Given, Outcome, attach, check};
use thalweg_tests::random::Splits;
use thalweg_tests::run::source;

use crate::dice;
use crate::seed::Job;

/// One seed's input and handles.
pub(crate) struct Asking {
    workers: usize,
    asked: Asked,
    splits: Splits,
    given: Given,
}

impl Asking {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = dice::of(seed);
        let splits = dice::ordered_splits(&mut dice, 100);
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
        let events = source(t, "events", &self.splits).watermarks(Monotonic);
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
