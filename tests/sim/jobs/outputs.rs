//! A job whose results the host receives, which crashes and goes on: over all its lives the host has had each result.
//!
//! A crash takes with it what lay in the rings; a checkpoint has it, or where its sources were has it made again. With as many workers as before results of a key come in their order
//! within a life, and none twice; with others what comes again and what follows it may come by two.

use std::collections::{BTreeMap, BTreeSet};

use thalweg::prelude::*;

use crate::crashes::until_the_end;
use crate::dice;

/// One seed's job.
#[derive(Clone, Copy)]
struct Outputs {
    numbers: u64,
    splits: usize,
    keys: u64,
    per_worker: bool,
    /// In every life; `None` = another number in each.
    workers: Option<usize>,
}

impl Outputs {
    fn new(seed: u64) -> Self {
        let mut dice = dice::of(seed);
        Self {
            numbers: dice.between(0, 600),
            splits: usize::try_from(dice.between(1, 4)).expect("few"),
            keys: dice.between(1, 5),
            per_worker: dice.below(2) == 0,
            workers: (dice.below(2) == 0)
                .then(|| usize::try_from(dice.between(1, 3)).expect("few")),
        }
    }

    fn build(self, t: &mut Topology) -> Result<()> {
        let Self { numbers, splits, keys, per_worker, .. } = self;
        let counted = t
            .source("numbers", Generator::of(0..numbers, |i| i).splits(splits))
            .without_event_time()
            .key_by_value(move |n| n.to_native() % keys)
            .filter_map_with_state("counts", move |count: &mut u64, n| {
                *count += 1;
                Some((n.to_native() % keys, *count))
            });
        match per_worker {
            true => counted.output_per_worker("counted"),
            false => counted.output("counted"),
        }
        Ok(())
    }

    /// What one life gave.
    fn check_life(received: &[(u64, u64)]) -> Result<(), String> {
        let mut last = BTreeMap::new();
        for (key, count) in received {
            if last.insert(key, count).is_some_and(|before| before >= count) {
                return Err(format!("count {count} of key {key} came behind a later one"));
            }
        }
        Ok(())
    }

    fn check(self, all: &BTreeSet<(u64, u64)>) -> Result<(), String> {
        let Self { numbers, keys, .. } = self;
        let of = |key: u64| (1..=(numbers + keys - 1 - key) / keys).map(move |count| (key, count));
        let expected: BTreeSet<_> = (0..keys).flat_map(of).collect();
        match expected == *all {
            true => Ok(()),
            false => Err(format!("{} of {} results came", all.len(), expected.len())),
        }
    }
}

/// Runs one seed.
///
/// # Errors
///
/// What is wrong, as a sentence.
pub(crate) fn run(seed: u64) -> Result<(), String> {
    let job = Outputs::new(seed);
    let mut all = BTreeSet::new();
    until_the_end(seed, job.workers, |sim| {
        let report = sim.run(move |t| job.build(t)).map_err(|error| format!("{error}"))?;
        let received = report.output::<(u64, u64)>("counted");
        let received: Vec<_> = received.into_iter().map(|(_, counted)| counted).collect();
        if job.workers.is_some() {
            Outputs::check_life(&received)?;
        }
        all.extend(received);
        Ok(report)
    })?;
    job.check(&all)
}
