//! The auction house on a simulated machine that loses power.

use std::path::{Path, PathBuf};

use thalweg::io::Files as _;
use thalweg::prelude::*;
use thalweg::rt::{MemoryFiles, Sim, SimDisk};
use thalweg_storage::io::{Fault, Faulty, What};
use thalweg_tests::bids::{Auctions, Texts, bids};
use thalweg_tests::dice::Dice;

/// Where the power goes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cut {
    /// Before this step of the workers.
    Step(u64),
    /// At this operation on the disk of checkpoints, whatever is written to other files still.
    Operation(u64),
}

/// A job, from its fresh start to its end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Job {
    pub(crate) seed: u64,
    auctions: Auctions,
    workers: u64,
}

/// What outlives a cut.
struct Machine {
    files: MemoryFiles,
    disk: Faulty,
    dice: Dice,
}

impl Machine {
    fn new(seed: u64) -> Self {
        let (files, disk) = (MemoryFiles::default(), Faulty::new(seed));
        Self { files, disk, dice: Dice::new(seed) }
    }

    /// The power goes, and comes back.
    fn cut(&mut self) {
        let Self { files, disk, dice } = self;
        let mut choose = |most: usize| usize::try_from(dice.between(0, most as u64)).expect("few");
        *files = files.after_power_cut(&mut choose);
        disk.cut();
    }
}

/// More than a job needs.
const MOST_STEPS: u64 = 1 << 14;
/// More than the small job needs: when its disk is gone it would wait for its last checkpoint for ever.
const STEPS_IN_THE_DARK: u64 = 1 << 11;
/// A round that is cut so often without coming to an end makes no progress.
const MOST_CUTS: u64 = 300;

impl Job {
    /// One whose every step can be cut.
    pub(crate) fn small(seed: u64) -> Self {
        let auctions = Auctions { seed, bids: 60, auctions: 4, roll: Roll::at_bytes(100) };
        Self { seed, auctions, workers: 2 }
    }

    /// A larger one.
    pub(crate) fn drawn(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let roll = match dice.between(0, 2) {
            0 => Roll::at_checkpoints(),
            1 => Roll::at_bytes(1 + dice.between(0, 500)),
            _ => Roll::default(),
        };
        let auctions =
            Auctions { seed, bids: dice.between(0, 400), auctions: 1 + dice.between(0, 20), roll };
        Self { seed, auctions, workers: 1 + dice.between(0, 2) }
    }

    /// Steps and disk operations of a run that nothing happens to.
    pub(crate) fn length(&self) -> Result<(u64, u64), String> {
        // The least number of steps, by halves.
        let (mut too_few, mut enough, mut operations) = (0, 1 << 16, 0);
        while enough - too_few > 1 {
            let steps = (too_few + enough) / 2;
            let machine = Machine::new(self.seed);
            if self.attempt(&machine, self.seed_of(0), self.workers, steps)? {
                self.check(&machine)?;
                (enough, operations) = (steps, machine.disk.operations());
            } else {
                too_few = steps;
            }
        }
        Ok((enough, operations))
    }

    /// Runs through all cuts, the first of which may be given; returns how many there were.
    pub(crate) fn run(&self, first: Option<Cut>) -> Result<u64, String> {
        let mut machine = Machine::new(self.seed);
        let (mut cuts, mut workers) = (0, self.workers);
        loop {
            let mut steps = match first.filter(|_| cuts == 0) {
                Some(Cut::Step(step)) => step,
                Some(Cut::Operation(at)) => {
                    machine.disk.plan(Fault { at, lasting: false, what: What::Cut });
                    STEPS_IN_THE_DARK
                }
                None if cuts > 3 && machine.dice.between(0, 3) == 0 => MOST_STEPS,
                None => 1 << machine.dice.between(0, 12),
            };
            if first.is_none() && machine.dice.between(0, 3) == 0 {
                steps = steps.min(STEPS_IN_THE_DARK);
                let at = machine.disk.operations() + machine.dice.between(0, 60);
                machine.disk.plan(Fault { at, lasting: false, what: What::Cut });
            }
            let seed = self.seed_of(cuts);
            // What the job says when its disk is gone is of no interest; when it is not, it is.
            let attempt = match self.attempt(&machine, seed, workers, steps) {
                Err(_) if !machine.disk.has_power() => Ok(false),
                Ok(true) if !machine.disk.has_power() => Ok(false),
                other => other,
            };
            if attempt? {
                return self.check(&machine).map(|()| cuts);
            }
            machine.cut();
            cuts += 1;
            workers = 1 + machine.dice.between(0, 2);
            if cuts > MOST_CUTS {
                return Err("it makes no progress".to_owned());
            }
        }
    }

    /// The schedule of the attempt behind so many cuts.
    fn seed_of(&self, cuts: u64) -> u64 {
        self.seed.wrapping_mul(1_000).wrapping_add(cuts)
    }

    /// One attempt, cut off after so many steps; true if it came to its end before.
    fn attempt(
        &self,
        machine: &Machine,
        seed: u64,
        workers: u64,
        steps: u64,
    ) -> Result<bool, String> {
        let disk = SimDisk::new(machine.disk.beside());
        let auctions = self.auctions;
        let report = Sim::new(seed, usize::try_from(workers).expect("few"))
            .files(machine.files.clone())
            .checkpoints(&disk)
            .crash_after(steps)
            .run(move |t| bids(t, &auctions, Path::new("out")))
            .map_err(|error| chain(&error))?;
        Ok(!report.crashed)
    }

    fn check(&self, machine: &Machine) -> Result<(), String> {
        let found = machine.files.list("out/**/*").map_err(|error| error.to_string())?;
        let text = |path: PathBuf| {
            let bytes = machine.files.read(&path).unwrap_or_default();
            let name = path.strip_prefix("out").unwrap_or(&path).to_string_lossy().into_owned();
            (name, String::from_utf8_lossy(&bytes).into_owned())
        };
        self.auctions.check(&found.into_iter().map(text).collect::<Texts>())
    }
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| (**error).source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
