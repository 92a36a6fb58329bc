//! A loop on every schedule: every record makes its rounds, the loop ends, and nothing behind it is late.

use thalweg::prelude::*;
use thalweg_tests::loops::{Beside, Given, Loop, Outcome, attach, expected};
use thalweg_tests::random::Splits;
use thalweg_tests::run::source;

use crate::dice;
use crate::seed::Job;

/// One seed's input and handles.
pub(crate) struct Loops {
    workers: usize,
    how: Loop,
    splits: Splits,
    given: Given,
}

impl Loops {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = dice::of(seed);
        let splits = dice::ordered_splits(&mut dice, 60);
        let how = Loop {
            most: (dice.below(2) == 0).then(|| dice.between(1, 10)),
            capacity: usize::try_from(1 << dice.between(0, 12)).expect("few"),
            windows: dice.below(2) == 0,
            beside: match dice.below(4) {
                0 => Beside::Asks,
                1 => Beside::Fails,
                _ => Beside::Nothing,
            },
            deals: dice.below(3) > 0,
        };
        let workers = usize::try_from(dice.between(1, 4)).expect("few");
        Self { workers, how, splits, given: Given::default() }
    }
}

impl Job for Loops {
    type Outputs = Outcome;

    fn workers(&self) -> usize {
        self.workers
    }

    fn build(&self, t: &mut Topology) -> Result<()> {
        let events = source(t, "events", &self.splits).watermarks(Monotonic);
        attach(events, self.how, &self.given);
        Ok(())
    }

    fn take(&self) -> Outcome {
        self.given.take()
    }

    fn check(&self, outputs: &Outcome) -> Result<(), String> {
        let expected = expected(&self.splits.concat(), self.how);
        if *outputs == expected {
            return Ok(());
        }
        Err(format!("{:?}: {outputs:?}, expected {expected:?}", self.how))
    }
}
