//! The coordinator: when a checkpoint begins, when it is complete, and what follows. A state machine without clock and disk.
//!
//! ```text
//!             Raise                all acknowledged: Publish         published: Commit, Retire
//!   resting ─────────▶ gathering ─────────────────────▶ publishing ─────────────────────▶ resting
//!      ▲                  │ fault, time-out: Abort          │ not published: Abort
//!      └──────────────────┴─────────────────────────────────┘
//! ```
//!
//! # Invariants
//!
//! 1. Epochs only grow, and no two manifests are published of one.
//! 2. One epoch at a time is gathered or published.
//! 3. An epoch is committed only after it was published, and published only after every worker has acknowledged it.
//! 4. When all workers are through with their input one more epoch is raised; they may end when one that was raised after that is committed. So what a job has
//!    written is committed when it has ended.

use std::collections::VecDeque;

/// What has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// Time has passed; asked again at the latest when [`Coordinator::next_ns`] says.
    Tick,
    /// Somebody wants a checkpoint now.
    Wish,
    /// The part of a worker is durable.
    Acknowledged { worker: usize, epoch: u64 },
    /// The part of a worker could not be written.
    Failed { epoch: u64 },
    /// The manifest is durable.
    Published { epoch: u64 },
    /// The manifest is not there, for certain.
    NotPublished { epoch: u64 },
    /// All tasks of a worker have ended.
    Through { worker: usize },
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// All workers are to decide the barrier of this epoch.
    Raise(u64),
    /// Its manifest is to be published.
    Publish(u64),
    /// All workers are told that it is complete.
    Commit(u64),
    /// It is given up; what was written of it belongs to the next.
    Abort(u64, Abort),
    /// These manifests are not kept any longer.
    Retire(Vec<u64>),
    /// The workers may end.
    End,
}

/// Why an epoch was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Abort {
    TimeOut,
    Fault,
}

/// When and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pace {
    /// From the beginning of one to that of the next.
    pub(crate) interval_ns: u64,
    /// An epoch that takes longer is given up.
    pub(crate) timeout_ns: u64,
    /// How many complete ones are kept; at least 1.
    pub(crate) retain: usize,
}

#[derive(Debug, PartialEq, Eq)]
enum Stage {
    Resting,
    Gathering { epoch: u64, since_ns: u64, acknowledged: Vec<bool> },
    Publishing { epoch: u64 },
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Coordinator {
    pace: Pace,
    stage: Stage,
    next_epoch: u64,
    /// When the next one begins.
    next_ns: u64,
    is_wished: bool,
    /// Complete ones, older first.
    kept: VecDeque<u64>,
    through: Vec<bool>,
    /// The first epoch that was raised when all workers were through.
    last: Option<u64>,
    has_ended: bool,
}

/// After a failure at the end of a job, the next attempt begins this soon at the latest: somebody waits for it.
const RETRY_NS: u64 = 1_000_000_000;

impl Coordinator {
    /// For `workers` workers, from `now_ns` on. `kept`: complete checkpoints that are there already, older first; `next_epoch` is higher than any that there ever was.
    pub(crate) fn new(
        pace: Pace,
        workers: usize,
        kept: impl IntoIterator<Item = u64>,
        next_epoch: u64,
        now_ns: u64,
    ) -> Self {
        Self {
            pace,
            stage: Stage::Resting,
            next_epoch,
            next_ns: now_ns.saturating_add(pace.interval_ns),
            is_wished: false,
            kept: kept.into_iter().collect(),
            through: vec![false; workers],
            last: None,
            has_ended: false,
        }
    }

    /// When [`Event::Tick`] is due.
    pub(crate) fn next_ns(&self) -> u64 {
        match &self.stage {
            Stage::Resting if self.has_ended => u64::MAX,
            Stage::Resting => self.next_ns,
            Stage::Gathering { since_ns, .. } => since_ns.saturating_add(self.pace.timeout_ns),
            Stage::Publishing { .. } => u64::MAX,
        }
    }

    /// True when the workers may end.
    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Takes an event; `then` gets what follows, in order.
    pub(crate) fn on(&mut self, event: Event, now_ns: u64, then: &mut impl FnMut(Action)) {
        match event {
            Event::Tick => {}
            Event::Wish => self.is_wished = true,
            Event::Through { worker } => self.through[worker] = true,
            Event::Acknowledged { worker, epoch } => self.acknowledge(worker, epoch, then),
            Event::Failed { epoch } => self.give_up(epoch, Abort::Fault, now_ns, then),
            Event::Published { epoch } => self.complete(epoch, then),
            Event::NotPublished { epoch } => {
                if self.stage == (Stage::Publishing { epoch }) {
                    self.abort(epoch, Abort::Fault, now_ns, then);
                }
            }
        }
        self.look_at_clock(now_ns, then);
    }

    fn look_at_clock(&mut self, now_ns: u64, then: &mut impl FnMut(Action)) {
        if let Stage::Gathering { epoch, since_ns, .. } = self.stage
            && now_ns >= since_ns.saturating_add(self.pace.timeout_ns)
        {
            self.abort(epoch, Abort::TimeOut, now_ns, then);
        }
        let is_over = self.through.iter().all(|through| *through);
        let is_last = is_over && self.last.is_none();
        let is_due = self.is_wished || is_last || now_ns >= self.next_ns;
        if self.stage == Stage::Resting && is_due && !self.has_ended {
            self.raise(is_over, now_ns, then);
        }
    }

    fn raise(&mut self, is_over: bool, now_ns: u64, then: &mut impl FnMut(Action)) {
        let epoch = self.next_epoch;
        self.next_epoch += 1;
        self.is_wished = false;
        self.next_ns = now_ns.saturating_add(self.pace.interval_ns);
        if is_over {
            self.last.get_or_insert(epoch);
        }
        let acknowledged = vec![false; self.through.len()];
        self.stage = Stage::Gathering { epoch, since_ns: now_ns, acknowledged };
        then(Action::Raise(epoch));
    }

    fn acknowledge(&mut self, worker: usize, of: u64, then: &mut impl FnMut(Action)) {
        let Stage::Gathering { epoch, acknowledged, .. } = &mut self.stage else { return };
        if *epoch != of {
            return;
        }
        acknowledged[worker] = true;
        if acknowledged.iter().all(|acknowledged| *acknowledged) {
            self.stage = Stage::Publishing { epoch: of };
            then(Action::Publish(of));
        }
    }

    fn complete(&mut self, epoch: u64, then: &mut impl FnMut(Action)) {
        if self.stage != (Stage::Publishing { epoch }) {
            return;
        }
        self.stage = Stage::Resting;
        self.kept.push_back(epoch);
        then(Action::Commit(epoch));
        let surplus = self.kept.len().saturating_sub(self.pace.retain.max(1));
        if surplus > 0 {
            then(Action::Retire(self.kept.drain(..surplus).collect()));
        }
        if self.last.is_some_and(|last| epoch >= last) {
            self.has_ended = true;
            then(Action::End);
        }
    }

    fn give_up(&mut self, of: u64, why: Abort, now_ns: u64, then: &mut impl FnMut(Action)) {
        if let Stage::Gathering { epoch, .. } = self.stage
            && epoch == of
        {
            self.abort(epoch, why, now_ns, then);
        }
    }

    fn abort(&mut self, epoch: u64, why: Abort, now_ns: u64, then: &mut impl FnMut(Action)) {
        self.stage = Stage::Resting;
        if self.last.is_some() {
            self.next_ns = self.next_ns.min(now_ns.saturating_add(RETRY_NS));
        }
        then(Action::Abort(epoch, why));
    }
}

#[cfg(test)]
mod tests;
