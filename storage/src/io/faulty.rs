//! A disk that fails: by plan, at the n-th operation, or by chance, from a seed; and that can lose power.
//!
//! Operations in flight complete in any order. What survives a [cut](Faulty::cut) is what the model in `image.rs` says: all that was synced, and of the rest
//! whatever the seed lets through, torn at sectors. The same seed and the same operations give the same run.
//!
//! What a fault does to an operation:
//!
//! | fault | write | sync | others |
//! | --- | --- | --- | --- |
//! | [`What::Error`] | some sectors of it are there | what it covers is lost, if it is a file's; the next one would succeed | a rename, removal or creation may have happened |
//! | [`What::Cut`] | power is off before it completes; whatever is in flight may have happened | | |
//! | [`What::Rot`] | | | a read turns over a bit of what it reads, for good |
//! | [`What::Short`] | | | a read gives fewer bytes than there are |
//! | [`What::Slow`] | it completes that many polls later | | |
//! | [`What::Lie`] | | it succeeds and nothing is durable | |

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::dice::Dice;
use super::engine::{Engine, Executor, Job, Outcome};
use super::image::{Image, Inode};
use super::{Mapped, Ticket, memory};

/// A disk in memory that fails.
pub type Faulty = Engine<Mishaps>;

/// What goes wrong with an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// It fails with this number (`EIO`, `ENOSPC`, …).
    Error(i32),
    /// Power goes off; this and all later operations fail until [`Faulty::cut`].
    Cut,
    /// A read turns over a bit.
    Rot,
    /// A read gives fewer bytes than there are.
    Short,
    /// It completes this many polls later.
    Slow(u32),
    /// A sync claims what it has not done.
    Lie,
}

/// Something that goes wrong by plan.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// At which operation, counted from 0 over all disks with the same files.
    pub at: u64,
    /// At all later ones too.
    pub lasting: bool,
    /// What.
    pub what: What,
}

/// How often something goes wrong by chance, of a thousand operations.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rates {
    /// `EIO`.
    pub error: u32,
    /// A bit turned over by a read.
    pub rot: u32,
    /// Reads that are short.
    pub short: u32,
    /// Completions that are late, by up to eight polls.
    pub slow: u32,
    /// Syncs that lie.
    pub lie: u32,
}

/// Carries jobs out, or not.
#[derive(Debug)]
pub struct Mishaps {
    world: Arc<Mutex<World>>,
    waiting: Vec<Waiting>,
}

#[derive(Debug)]
struct World {
    image: Image,
    dice: Dice,
    faults: Vec<Fault>,
    rates: Rates,
    operations: u64,
    power: bool,
}

#[derive(Debug)]
struct Waiting {
    ticket: Ticket,
    job: Job<Inode>,
    fault: Option<What>,
    /// Polls it still sleeps through.
    polls: u32,
    /// A sync covers changes before this number.
    covers: u64,
}

impl Faulty {
    /// An empty disk on which nothing fails yet, but whatever is left to chance is drawn from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let world = World {
            image: Image::default(),
            dice: Dice::new(seed),
            faults: Vec::new(),
            rates: Rates::default(),
            operations: 0,
            power: true,
        };
        Self::over(Mishaps { world: Arc::new(Mutex::new(world)), waiting: Vec::new() })
    }

    /// Another disk with the same files, the same plan and the same seed, for another worker.
    #[must_use]
    pub fn beside(&self) -> Self {
        let world = Arc::clone(&self.executor.world);
        Self::over(Mishaps { world, waiting: Vec::new() })
    }

    /// Plans a fault.
    pub fn plan(&mut self, fault: Fault) {
        self.world().faults.push(fault);
    }

    /// Leaves faults to chance.
    pub fn chance(&mut self, rates: Rates) {
        self.world().rates = rates;
    }

    /// Lets all files together have so many bytes; creating more is `ENOSPC`.
    pub fn room(&mut self, bytes: u64) {
        self.world().image.room = Some(bytes);
    }

    /// Operations submitted so far, over all disks with the same files.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.world().operations
    }

    /// Whether power is on.
    #[must_use]
    pub fn has_power(&self) -> bool {
        self.world().power
    }

    /// Loses power, if it is not off already, and starts again with what survived: nothing is in flight or open, nothing is planned or left to chance.
    pub fn cut(&mut self) {
        self.lose_power();
        self.forget();
        let mut world = self.world();
        let World { image, dice, .. } = &mut *world;
        image.cut(dice);
        world.power = true;
        world.faults.clear();
        world.rates = Rates::default();
    }

    /// Ends the process and starts it again: what was in flight may have happened, and everything that was seen stays. Plan and chances end.
    pub fn kill(&mut self) {
        self.lose_power();
        self.forget();
        let mut world = self.world();
        world.power = true;
        world.faults.clear();
        world.rates = Rates::default();
    }

    /// Turns over a bit of a file.
    pub fn flip(&mut self, path: &Path, byte: usize, bit: u32) {
        self.world().image.flip(path, byte, bit);
    }

    /// What a file holds; `None` if there is none.
    #[must_use]
    pub fn peek(&self, path: &Path) -> Option<Vec<u8>> {
        self.world().image.seen(path).ok().map(<[u8]>::to_vec)
    }

    /// Puts a durable file there, in place of what had its name.
    pub fn plant(&mut self, path: &Path, bytes: Vec<u8>) {
        self.world().image.plant(path, bytes);
    }

    /// All files.
    #[must_use]
    pub fn paths(&self) -> Vec<PathBuf> {
        self.world().image.paths()
    }

    fn world(&self) -> MutexGuard<'_, World> {
        locked(&self.executor.world)
    }

    fn lose_power(&mut self) {
        let waiting = std::mem::take(&mut self.executor.waiting);
        let mut world = self.world();
        world.power = false;
        for waiting in waiting {
            world.lose(waiting);
        }
    }
}

fn locked(world: &Mutex<World>) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Executor for Mishaps {
    type Handle = Inode;

    fn start(&mut self, ticket: Ticket, job: Job<Inode>) {
        let mut world = locked(&self.world);
        let fault = world.fault_for(&job);
        let polls = match fault {
            Some(What::Slow(polls)) => polls,
            _ => 0,
        };
        let covers = world.image.now();
        self.waiting.push(Waiting { ticket, job, fault, polls, covers });
    }

    fn reap(&mut self, wait: bool, end: &mut dyn FnMut(Ticket, io::Result<Outcome<Inode>>)) {
        let mut world = locked(&self.world);
        let mut ended = false;
        while !ended && !self.waiting.is_empty() {
            for _ in 0..self.waiting.len() {
                let at = world.dice.index(self.waiting.len());
                let chosen = &mut self.waiting[at];
                if world.power && chosen.polls > 0 {
                    chosen.polls -= 1;
                    continue;
                }
                let chosen = self.waiting.swap_remove(at);
                end(chosen.ticket, world.carry_out(chosen));
                ended = true;
            }
            if !wait {
                break;
            }
        }
    }

    fn map(&mut self, path: &Path, bytes: u64) -> io::Result<Mapped> {
        memory::map(&locked(&self.world).image, path, bytes)
    }
}

impl World {
    fn fault_for(&mut self, job: &Job<Inode>) -> Option<What> {
        let number = self.operations;
        self.operations += 1;
        let planned = |fault: &&Fault| fault.at == number || fault.lasting && fault.at < number;
        if let Some(fault) = self.faults.iter().find(planned) {
            self.power &= fault.what != What::Cut;
            return Some(fault.what);
        }
        let Rates { error, rot, short, slow, lie } = self.rates;
        let is_read = matches!(job, Job::Read { .. });
        let is_sync = matches!(job, Job::Sync { .. } | Job::SyncDirectory { .. });
        if self.dice.chance(error) {
            return Some(What::Error(libc::EIO));
        }
        if is_read && self.dice.chance(rot) {
            return Some(What::Rot);
        }
        if is_read && self.dice.chance(short) {
            return Some(What::Short);
        }
        if is_sync && self.dice.chance(lie) {
            return Some(What::Lie);
        }
        if self.dice.chance(slow) {
            let polls = self.dice.below(8);
            return Some(What::Slow(u32::try_from(polls).expect("invariant: below eight")));
        }
        None
    }

    fn carry_out(&mut self, waiting: Waiting) -> io::Result<Outcome<Inode>> {
        if !self.power {
            self.lose(waiting);
            return Err(io::Error::other("the power is off"));
        }
        let Waiting { job, fault, covers, .. } = waiting;
        match (fault, job) {
            (Some(What::Error(number)), job) => {
                self.fail(job, covers);
                Err(io::Error::from_raw_os_error(number))
            }
            (Some(What::Rot), Job::Read { file, offset, buffer, bytes }) => {
                let offset_index = usize::try_from(offset).expect("invariant: it is in memory");
                let byte = offset_index + self.dice.index(bytes);
                let bit = u32::try_from(self.dice.below(8)).expect("invariant: below eight");
                self.image.flip_in(&file, byte, bit);
                self.image.perform(Job::Read { file, offset, buffer, bytes }, covers)
            }
            (Some(What::Short), Job::Read { file, offset, buffer, bytes }) => {
                let bytes = 1 + self.dice.index(bytes.saturating_sub(1));
                self.image.perform(Job::Read { file, offset, buffer, bytes }, covers)
            }
            (Some(What::Lie), Job::Sync { .. } | Job::SyncDirectory { .. }) => Ok(Outcome::Done),
            (_, job) => self.image.perform(job, covers),
        }
    }

    /// What a failing operation does all the same.
    fn fail(&mut self, job: Job<Inode>, covers: u64) {
        match job {
            Job::Write { file, offset, bytes } => {
                self.image.fail_write(&file, offset, &bytes, &mut self.dice);
            }
            Job::Sync { file, .. } => self.image.fail_sync(&file, covers, &mut self.dice),
            Job::Create { .. } | Job::Rename { .. } | Job::Remove { .. } => {
                self.perhaps(job, covers)
            }
            _ => {}
        }
    }

    fn perhaps(&mut self, job: Job<Inode>, covers: u64) {
        if self.dice.chance(500) {
            // Its own failure, say for want of the file, changes nothing.
            let _ = self.image.perform(job, covers);
        }
    }

    /// What an operation that is in flight when power goes does all the same. A sync may have got some of its changes through, as any time without one.
    fn lose(&mut self, waiting: Waiting) {
        let Waiting { job, covers, .. } = waiting;
        match job {
            Job::Write { file, offset, bytes } => {
                self.image.fail_write(&file, offset, &bytes, &mut self.dice);
            }
            Job::Create { .. }
            | Job::Rename { .. }
            | Job::Remove { .. }
            | Job::Sync { .. }
            | Job::SyncDirectory { .. } => self.perhaps(job, covers),
            _ => {}
        }
    }
}
