//! The event time of a source on one worker: that of its slowest split that is neither idle nor through.
//!
//! # Invariants
//!
//! 1. The source's watermark is the least of its open, busy splits, and never goes back. A split that waits for its turn
//!    does not hold it back.
//! 2. With alignment, a split that is more than the drift ahead of the slowest busy split of any worker, and of any source aligned with this one, is held: not polled. The slowest
//!    is not held itself, so there is always one that goes on; idle and ended splits hold nobody.
//! 3. What is read from the board decides which split is polled, and nothing else (see [`crate::time::alignment`]).

use std::time::Duration;

use super::outputs::SourceOutputs;
use crate::metrics::{SplitCounters, SplitState};
use crate::raw::page::Control;
use crate::record::Record;
use crate::time::alignment::Boards;
use crate::time::{AllIdle, EventTime, WatermarkOptions};

/// How often event time follows the clock while all splits are idle.
const IDLE_STEP: Duration = Duration::from_millis(10);

/// The event time of the split in one slot.
#[derive(Debug)]
struct Slot {
    /// The split's number among all of the source.
    split: usize,
    watermark: EventTime,
    /// The decided clock when the watermark last moved.
    moved_ns: u64,
    is_idle: bool,
    is_ended: bool,
    /// It was last found too far ahead to be polled.
    was_held: bool,
}

impl Slot {
    fn is_busy(&self) -> bool {
        !self.is_idle && !self.is_ended
    }

    fn state(&self) -> SplitState {
        match (self.is_ended, self.is_idle, self.was_held) {
            (true, ..) => SplitState::Ended,
            (_, true, _) => SplitState::Idle,
            (.., true) => SplitState::Held,
            _ => SplitState::Open,
        }
    }
}

/// What a worker knows of the others' event time.
#[derive(Debug)]
struct Alignment {
    drift: Duration,
    worker: usize,
    boards: Boards,
    others: EventTime,
}

/// The event time of a source's splits on one worker.
#[derive(Debug)]
pub(super) struct SourceTime {
    slots: Vec<Slot>,
    watermark: EventTime,
    moved_ns: u64,
    /// The least watermark of the busy splits; the end of time if there is none.
    least: EventTime,
    /// Every open split is idle, and the receivers know it.
    all_idle: bool,
    policy: AllIdle,
    /// The decided clock when event time last moved with it.
    idle_clock_ns: u64,
    alignment: Option<Alignment>,
}

impl SourceTime {
    pub(super) fn new(options: &WatermarkOptions, worker: usize, boards: Boards) -> Self {
        let others = EventTime::MIN;
        let alignment =
            options.aligned_within.map(|drift| Alignment { drift, worker, boards, others });
        Self {
            slots: Vec::new(),
            watermark: EventTime::MIN,
            moved_ns: 0,
            least: EventTime::MIN,
            all_idle: false,
            policy: options.all_idle,
            idle_clock_ns: 0,
            alignment,
        }
    }

    pub(super) fn watermark(&self) -> EventTime {
        self.watermark
    }

    /// The decided clock when the watermark last moved.
    pub(super) fn moved_ns(&self) -> u64 {
        self.moved_ns
    }

    /// The receivers were told not to wait for this source.
    pub(super) fn is_idle(&self) -> bool {
        self.all_idle
    }

    /// Begins split number `split` in `slot`, which is the next one or one whose split has ended; `watermark` is where it was before, if it goes on.
    pub(super) fn open(&mut self, slot: usize, split: usize, watermark: EventTime, now_ns: u64) {
        let (is_idle, is_ended, was_held) = (false, false, false);
        let opened = Slot { split, watermark, moved_ns: now_ns, is_idle, is_ended, was_held };
        match self.slots.get_mut(slot) {
            Some(ended) => *ended = opened,
            None => self.slots.push(opened),
        }
        self.weigh();
    }

    /// How far the split in `slot` is.
    pub(super) fn watermark_of(&self, slot: usize) -> EventTime {
        self.slots[slot].watermark
    }

    /// The split has come to `at`.
    pub(super) fn advance<T: Record>(
        &mut self,
        slot: usize,
        at: EventTime,
        now_ns: u64,
        out: &mut SourceOutputs<T>,
    ) {
        let slot = &mut self.slots[slot];
        if at > slot.watermark {
            slot.watermark = at;
            slot.moved_ns = now_ns;
            self.settle(now_ns, out);
        }
    }

    /// A record of the split has come: it takes part in event time again. The receivers know already.
    pub(super) fn wake(&mut self, slot: usize) {
        self.all_idle = false;
        if self.slots[slot].is_idle {
            self.slots[slot].is_idle = false;
            self.weigh();
        }
    }

    /// The split is silent; true if the receivers were told anything, or it was not known yet.
    pub(super) fn set_idle<T: Record>(
        &mut self,
        slot: usize,
        now_ns: u64,
        out: &mut SourceOutputs<T>,
    ) -> bool {
        let was_idle = std::mem::replace(&mut self.slots[slot].is_idle, true);
        if !was_idle {
            self.settle(now_ns, out);
        }
        self.settle_idle(now_ns, out) || !was_idle
    }

    /// The split has ended.
    pub(super) fn end(&mut self, slot: usize) {
        self.slots[slot].is_ended = true;
        self.weigh();
    }

    /// Passes on the least watermark of the busy splits.
    pub(super) fn settle<T: Record>(&mut self, now_ns: u64, out: &mut SourceOutputs<T>) {
        self.weigh();
        if self.slots.iter().any(Slot::is_busy) {
            self.pass_on(self.least, now_ns, out);
        }
    }

    /// Nothing will come any more: event time is at its end.
    pub(super) fn finish<T: Record>(&mut self, now_ns: u64, out: &mut SourceOutputs<T>) {
        self.slots.iter_mut().for_each(|slot| slot.is_ended = true);
        self.weigh();
        self.pass_on(EventTime::MAX, now_ns, out);
    }

    /// Nothing will come any more, and event time stays where it is.
    pub(super) fn halt(&mut self) {
        self.slots.iter_mut().for_each(|slot| slot.is_ended = true);
        self.weigh();
    }

    /// Finds the least watermark again, and tells the other workers if it has moved.
    fn weigh(&mut self) {
        let busy = self.slots.iter().filter(|slot| slot.is_busy());
        let least = busy.map(|slot| slot.watermark).min().unwrap_or(EventTime::MAX);
        if least == self.least {
            return;
        }
        self.least = least;
        if let Some(Alignment { boards, worker, .. }) = &self.alignment {
            boards.publish(*worker, least);
        }
    }

    fn pass_on<T: Record>(&mut self, at: EventTime, now_ns: u64, out: &mut SourceOutputs<T>) {
        if at > self.watermark {
            self.watermark = at;
            self.moved_ns = now_ns;
            out.control(Control::Watermark(at));
        }
    }

    /// If every split is idle: says so once, and lets event time follow the clock if the strategy wants it; true if the
    /// receivers were told anything.
    pub(super) fn settle_idle<T: Record>(
        &mut self,
        now_ns: u64,
        out: &mut SourceOutputs<T>,
    ) -> bool {
        let open = || self.slots.iter().filter(|slot| !slot.is_ended);
        if !open().all(|slot| slot.is_idle) {
            return false;
        }
        let farthest = open().map(|slot| slot.watermark).max();
        let is_new = !self.all_idle;
        if is_new {
            self.pass_on(farthest.unwrap_or(EventTime::MIN), now_ns, out);
            out.control(Control::Idle);
            self.all_idle = true;
            self.idle_clock_ns = now_ns;
        }
        let passed = Duration::from_nanos(now_ns.saturating_sub(self.idle_clock_ns));
        let follows = self.policy == AllIdle::AdvanceWithClock;
        let is_due = follows && passed >= IDLE_STEP && self.watermark > EventTime::MIN;
        if is_due {
            self.idle_clock_ns = now_ns;
            self.pass_on(self.watermark.saturating_add(passed), now_ns, out);
        }
        is_new || is_due
    }

    /// True if the split is too far ahead of the others to be polled. Looks at the board only if what is known of it says so.
    pub(super) fn is_held(&mut self, slot: usize) -> bool {
        let Self { slots, least, alignment: Some(alignment), .. } = self else { return false };
        let slot = &mut slots[slot];
        let bound = |others: EventTime| others.min(*least).saturating_add(alignment.drift);
        let is_ahead = |others| slot.is_busy() && slot.watermark > bound(others);
        if !is_ahead(alignment.others) {
            return false;
        }
        alignment.others = alignment.boards.least_of_others(alignment.worker);
        let is_held = is_ahead(alignment.others);
        slot.was_held |= is_held;
        is_held
    }

    /// The split is polled; true if it was held back since the last time.
    pub(super) fn release(&mut self, slot: usize) -> bool {
        if let Some(alignment) = &mut self.alignment {
            alignment.others = alignment.boards.least_of_others(alignment.worker);
        }
        std::mem::take(&mut self.slots[slot].was_held)
    }

    /// How far each split is, for metrics.
    pub(super) fn splits(&self, each: &mut dyn FnMut(usize, SplitCounters)) {
        for slot in &self.slots {
            let (watermark_ns, moved_ns) = (slot.watermark.as_nanos(), slot.moved_ns);
            each(slot.split, SplitCounters { watermark_ns, moved_ns, state: slot.state() });
        }
    }

    /// The number of the split that holds event time back.
    pub(super) fn slowest(&self) -> Option<usize> {
        let busy = self.slots.iter().filter(|slot| slot.is_busy());
        busy.min_by_key(|slot| slot.watermark).map(|slot| slot.split)
    }
}
