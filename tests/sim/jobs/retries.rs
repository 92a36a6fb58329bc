//! Attempts that are apart in time, on every schedule: nothing is lost, nothing is late.

use std::time::Duration;

use thalweg::prelude::*;
use thalweg_tests::random::Splits;
use thalweg_tests::retries::attach;
use thalweg_tests::run::source;
use thalweg_tests::settled::{Calls, Given, Outcome, expected};

use crate::dice;
use crate::seed::Job;

/// One seed's input and handles.
pub(crate) struct Retries {
    workers: usize,
    attempts: u32,
    delays: (Duration, Duration),
    room: usize,
    splits: Splits,
    given: Given,
    /// Of all its runs, if it crashes; else each has its own, to be as the first.
    calls: Option<Calls>,
}

impl Retries {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = dice::of(seed);
        let splits = dice::ordered_splits(&mut dice, 150);
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
            calls: None,
        }
    }

    /// The same, of which a run that goes on after a crash finds what it calls as the crash left it.
    pub(crate) fn crashing(seed: u64) -> Self {
        let job = Self::new(seed);
        Self { calls: Some(Calls::new(job.attempts)), ..job }
    }
}

impl Job for Retries {
    type Outputs = Outcome;

    fn workers(&self) -> usize {
        self.workers
    }

    fn build(&self, t: &mut Topology) -> Result<()> {
        let events = source(t, "events", &self.splits).watermarks(Monotonic);
        let calls = self.calls.clone().unwrap_or_else(|| Calls::new(self.attempts));
        attach(events, calls, self.attempts, self.delays, self.room, &self.given);
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
