//! Checkpoints in a simulated run: when they begin, and when what of them is written, is drawn from the seed; the coordinator and what it keeps are the real ones.

use std::collections::{BTreeSet, VecDeque};
use std::path::Path;
use std::sync::Arc;

use thalweg_storage::TableName;
use thalweg_storage::segment::Suspects;

use super::SimDisk;
use super::random::Random;
use crate::checkpoint::{
    Action, Coordinator, Event, Found, FrozenPart, Keeper, Pace, Restored, StateShape, find,
    open_states,
};
use crate::error::{JobError, Result};
use crate::plan::Plan;
use crate::rt::driver::From;
use crate::runtime::epochs::EpochWish;
use crate::runtime::worker::Worker;

/// Where a simulated job keeps its checkpoints.
const DIRECTORY: &str = "state";
const RETAIN: usize = 2;
/// Small files: a simulated disk has all of them in memory, written or not.
const SEGMENT_BYTES: u64 = 64 << 10;

fn directory() -> &'static Path {
    Path::new(DIRECTORY)
}

/// What was found on the disk, before there is a plan.
pub(super) struct Start {
    disk: SimDisk,
    found: Found,
    suspects: Suspects,
    pub(super) restored: Arc<Restored>,
}

/// The coordinator of a run, and what waits to be done.
pub(super) struct Checkpoints {
    coordinator: Coordinator,
    keeper: Keeper,
    wish: Arc<EpochWish>,
    /// Parts that are not written yet.
    parts: VecDeque<(usize, FrozenPart)>,
    /// The epoch whose manifest is to be published.
    publishing: Option<u64>,
    through: Vec<bool>,
    pub(super) completed: u64,
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> JobError {
    JobError::Restore(Box::new(error))
}

impl Start {
    pub(super) fn find(mut disk: SimDisk, retired: BTreeSet<TableName>) -> Result<Self> {
        let suspects = Suspects::default();
        let found = find(&mut disk, directory(), &suspects).map_err(failed)?;
        let restored = found.manifest.clone().map(|manifest| Restored::new(manifest, retired));
        Ok(Self { disk, found, suspects, restored: Arc::new(restored.unwrap_or_default()) })
    }

    /// The checkpoint to go on from.
    pub(super) fn epoch(&self) -> Option<u64> {
        self.found.manifest.as_ref().map(|manifest| manifest.epoch)
    }

    /// True if there is a checkpoint to go on from.
    pub(super) fn is_restored(&self) -> bool {
        self.found.manifest.is_some()
    }

    /// What the workers go on from.
    pub(super) fn from(&self, workers: usize) -> Result<Option<From>> {
        let Some(manifest) = &self.found.manifest else { return Ok(None) };
        let mut disk = self.disk.clone();
        let states = open_states(&mut disk, directory(), manifest, workers, &self.suspects);
        let states = states.map_err(failed)?;
        Ok(Some(From { restored: Arc::clone(&self.restored), states }))
    }

    /// The coordinator of a run that begins.
    pub(super) fn coordinate(
        self,
        plan: &Plan,
        workers: usize,
        wish: &Arc<EpochWish>,
        random: &mut Random,
        now_ns: u64,
    ) -> Result<Checkpoints> {
        let Self { disk, found, suspects, .. } = self;
        let layouts = Arc::clone(&plan.layouts);
        let shape = StateShape { segment_bytes: Some(SEGMENT_BYTES), layouts, suspects };
        let keeper = Keeper::open(
            Box::new(disk),
            directory(),
            workers,
            (found.manifest.as_ref(), RETAIN),
            shape,
        );
        let keeper = keeper.map_err(failed)?;
        let interval_ns = 4_000 << random.small(6);
        // Some runs give up much of what they begin.
        let timeout_ns = match random.one_in(4) {
            true => 200_000 << random.small(3),
            false => 1_000_000_000,
        };
        let pace = Pace { interval_ns, timeout_ns, retain: RETAIN };
        let coordinator = Coordinator::new(pace, workers, keeper.kept(), found.next_epoch, now_ns);
        Ok(Checkpoints {
            coordinator,
            keeper,
            wish: Arc::clone(wish),
            parts: VecDeque::new(),
            publishing: None,
            through: vec![false; workers],
            completed: 0,
        })
    }
}

impl Checkpoints {
    /// True when the workers may end.
    pub(super) fn has_ended(&self) -> bool {
        self.coordinator.has_ended()
    }

    /// Lets a worker hear what it is told, and takes from it what it has to give; and does something of what waits. True if that was anything.
    pub(super) fn turn(
        &mut self,
        (index, worker): (usize, &mut Worker),
        random: &mut Random,
        now_ns: u64,
    ) -> Result<bool> {
        let mut is_progress = false;
        if worker.must_follow(&self.wish) && random.one_in(4) {
            worker.follow(&self.wish)?;
            is_progress = true;
        }
        if let Some(part) = worker.take_frozen() {
            self.parts.push_back((index, part));
            is_progress = true;
        }
        if !self.through[index] && worker.is_finished() {
            self.through[index] = true;
            self.on(Event::Through { worker: index }, now_ns)?;
        }
        if random.one_in(4) && now_ns >= self.coordinator.next_ns() {
            self.on(Event::Tick, now_ns)?;
            is_progress = true;
        }
        if !self.parts.is_empty() && random.one_in(4) {
            // Those of one worker come in their order.
            let (worker, _) = self.parts[random.below(self.parts.len())];
            let place = self.parts.iter().position(|(of, _)| *of == worker);
            let part = place.and_then(|place| self.parts.remove(place));
            let (worker, part) = part.expect("invariant: the worker has a part");
            self.write(worker, part, now_ns)?;
            is_progress = true;
        }
        if let Some(epoch) = self.publishing.filter(|_| random.one_in(4)) {
            self.publishing = None;
            self.publish(epoch, now_ns)?;
            is_progress = true;
        }
        Ok(is_progress)
    }

    fn write(&mut self, worker: usize, part: FrozenPart, now_ns: u64) -> Result<()> {
        let epoch = part.epoch;
        let event = match self.keeper.write(worker, part) {
            Ok(None) => return Ok(()),
            Ok(Some(_)) => Event::Acknowledged { worker, epoch },
            Err(_) => Event::Failed { epoch },
        };
        self.on(event, now_ns)
    }

    fn publish(&mut self, epoch: u64, now_ns: u64) -> Result<()> {
        use thalweg_storage::io::PublishError;

        let time_ns = i64::try_from(now_ns).unwrap_or(i64::MAX);
        match self.keeper.publish(time_ns) {
            Ok(()) => self.on(Event::Published { epoch }, now_ns),
            Err(PublishError::NotPublished { .. }) => {
                self.on(Event::NotPublished { epoch }, now_ns)
            }
            Err(error) => Err(failed(error)),
        }
    }

    fn on(&mut self, event: Event, now_ns: u64) -> Result<()> {
        let mut actions = Vec::new();
        self.coordinator.on(event, now_ns, &mut |action| actions.push(action));
        for action in actions {
            match action {
                Action::Raise(epoch) => {
                    self.keeper.begin(epoch);
                    self.wish.raise(epoch);
                }
                Action::Publish(epoch) => self.publishing = Some(epoch),
                Action::Commit(epoch) => {
                    self.completed += 1;
                    self.wish.commit(epoch);
                }
                Action::Abort(..) => {}
                // What is left over is found at the next start.
                Action::Retire(epochs) => drop(self.keeper.retire(&epochs)),
                Action::End => self.wish.end(),
            }
        }
        Ok(())
    }
}
