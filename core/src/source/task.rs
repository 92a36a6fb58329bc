//! The task of a source: polls its splits in turn, and makes their event time one.
//!
//! # Invariants
//!
//! 1. A watermark is made after every [`WATERMARK_STRIDE`] records of a split, counted from its start, and whenever the split runs
//!    dry; never at a batch boundary. So for input that does not run dry, batch sizes do not show.
//! 2. The source's watermark is the least of its open, busy splits, and never goes back. A split that waits for its turn
//!    does not hold it back.
//! 3. With an enumerator ([`super::enumerator`]) a look for new splits is one more thing to poll, in turn with the splits ([`DISCOVER`]).
//!    While there is none to read the source is idle; it ends when there will be none any more.
//! 4. A split is idle after a silence that is measured between polls: while the source is held back by a full ring it is not polled, and
//!    that time does not count.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::discovery::Discovery;
use super::{OpenContext, Polled, Position, Source, SplitReader};
use crate::error::OperatorFault;
use crate::metrics::TaskCounters;
use crate::operator::output::{AnyOutput, Output};
use crate::operator::task::{
    Choice, Done, PollOutcome, Sampling, StepContext, Task, Work, latency_histogram,
};
use crate::raw::page::Control;
use crate::record::Record;
use crate::time::{AllIdle, EventTime, WATERMARK_STRIDE, WatermarkGenerator, WatermarkStrategy};

/// Takes the records of one poll and writes them into the source's page.
pub struct Emitter<'a, T: Record> {
    out: &'a mut Output<T>,
    generator: Option<&'a mut dyn WatermarkGenerator<T>>,
    greatest: EventTime,
    wanted: usize,
    emitted: usize,
    is_replay: bool,
}

crate::operator::opaque_debug!(Emitter<'a, T: Record>);

impl<'a, T: Record> Emitter<'a, T> {
    /// For those that poll a reader without a task.
    pub(crate) fn new(out: &'a mut Output<T>, wanted: usize) -> Self {
        let greatest = EventTime::MIN;
        Self { out, generator: None, greatest, wanted, emitted: 0, is_replay: false }
    }

    /// True if this poll was recorded and is taken again: as many records as are wanted were there. A reader that follows a clock does not
    /// look at it now.
    pub fn is_replay(&self) -> bool {
        self.is_replay
    }

    /// How many records to emit at most; zero once they are emitted.
    pub fn wanted(&self) -> usize {
        self.wanted - self.emitted
    }

    /// Emits one record; its event time is that of the field marked `#[event_time]`.
    ///
    /// # Panics
    ///
    /// If more records are emitted than were wanted.
    #[inline(always)]
    pub fn emit(&mut self, value: &T) {
        assert!(self.emitted < self.wanted, "a reader emitted more records than were wanted");
        let Self { out, generator, greatest, .. } = self;
        out.timed(value, |record| {
            let at = T::event_time(record).unwrap_or(EventTime::MIN);
            *greatest = (*greatest).max(at);
            if let Some(generator) = generator {
                generator.on_record(record, at);
            }
            at
        });
        self.emitted += 1;
    }
}

/// One split that is being read.
struct OpenSplit<T: Record, R> {
    reader: R,
    generator: Box<dyn WatermarkGenerator<T>>,
    reads_records: bool,
    greatest: EventTime,
    watermark: EventTime,
    since_watermark: u64,
    idle: bool,
    ended: bool,
    /// Since when every poll found nothing; by the decided clock.
    dry_since_ns: Option<u64>,
}

/// Made by `Topology::source`.
pub(crate) struct SourceTask<S: Source, W> {
    name: Rc<str>,
    source: S,
    strategy: W,
    context: OpenContext,
    waiting: VecDeque<S::Split>,
    side_by_side: usize,
    open: Vec<OpenSplit<S::Out, S::Reader>>,
    next: usize,
    out: Output<S::Out>,
    watermark: EventTime,
    /// Every open split is idle, and the receivers know it.
    all_idle: bool,
    /// The decided clock when event time last moved with it.
    idle_clock_ns: u64,
    is_finished: bool,
    records_in: u64,
    /// Records rejected by readers that have ended.
    rejected: u64,
    sampling: Sampling,
    latency: Histogram<u64>,
    /// Finds splits while the job runs.
    discovery: Option<Discovery<S::Split>>,
}

/// The slot of a look for new splits; no split ever gets it.
const DISCOVER: u16 = u16::MAX;

impl<S: Source, W: WatermarkStrategy<S::Out>> SourceTask<S, W> {
    pub(crate) fn new(
        source: S,
        strategy: W,
        splits: Vec<S::Split>,
        context: OpenContext,
        out: Output<S::Out>,
    ) -> Self {
        Self {
            name: Rc::clone(&context.operator),
            discovery: source.enumerator(&context).map(Discovery::new),
            side_by_side: source.side_by_side().max(1),
            source,
            strategy,
            context,
            waiting: splits.into(),
            open: Vec::new(),
            next: 0,
            out,
            watermark: EventTime::MIN,
            all_idle: false,
            idle_clock_ns: 0,
            is_finished: false,
            records_in: 0,
            rejected: 0,
            sampling: Sampling::default(),
            latency: latency_histogram(),
        }
    }

    /// Slots that may be polled: without a split, and without a way to get one, the first poll ends the source.
    fn polled_slots(&self) -> usize {
        self.slots().max(usize::from(!self.discovers()))
    }

    /// Places for splits that are read now or can be opened.
    fn slots(&self) -> usize {
        (self.open.len() + self.waiting.len()).min(self.side_by_side)
    }

    /// True if new splits may still be found.
    fn discovers(&self) -> bool {
        self.discovery.as_ref().is_some_and(|discovery| !discovery.is_complete())
    }

    /// Looks for new splits, and opens those that find a place.
    fn discover(&mut self, work: Work, now_ns: u64) -> Result<Done, OperatorFault> {
        let ended = work.replay == Some(PollOutcome::End);
        let discovery = self.discovery.as_mut().expect("invariant: only then there is this choice");
        let found = discovery.look(now_ns, ended)?;
        let is_last = discovery.is_complete();
        let amount = u32::try_from(found.len()).expect("invariant: fewer than 2^32 splits");
        self.waiting.extend(found);
        for slot in 0..self.open.len() {
            if self.open[slot].ended {
                self.open_next_in(slot)?;
            }
        }
        self.open_slots()?;
        let mut said = false;
        if self.open.iter().all(|split| split.ended) {
            if is_last {
                self.finish();
            } else {
                said = self.settle_idle(now_ns);
            }
        }
        self.out.end_step()?;
        let outcome = if is_last { PollOutcome::End } else { PollOutcome::Full };
        Ok(Done { amount, outcome, counts: amount > 0 || is_last || said })
    }

    /// Puts the next split that waits into a slot whose split has ended.
    fn open_next_in(&mut self, slot: usize) -> Result<(), OperatorFault> {
        if let Some(split) = self.waiting.pop_front() {
            self.open[slot] = self.open_split(&split)?;
        }
        Ok(())
    }

    /// True if slot `slot` has something to poll; the first poll of a source without splits ends it.
    fn is_pollable(&self, slot: usize) -> bool {
        self.open.get(slot).is_none_or(|split| !split.ended)
    }

    /// Opens all splits that are read side by side, before the first of them is polled: one that is not open yet would not hold event
    /// time back, and its records would be late behind its neighbour's (invariant 2).
    fn open_slots(&mut self) -> Result<(), OperatorFault> {
        while self.open.len() < self.slots() {
            let split = self.waiting.pop_front().expect("invariant: a slot has a split");
            let opened = self.open_split(&split)?;
            self.open.push(opened);
        }
        Ok(())
    }

    fn open_split(&self, split: &S::Split) -> Result<OpenSplit<S::Out, S::Reader>, OperatorFault> {
        let reader = self.source.open(split, &self.context)?;
        let generator = self.strategy.generator();
        Ok(OpenSplit {
            reader,
            reads_records: generator.reads_records(),
            generator,
            greatest: EventTime::MIN,
            watermark: EventTime::MIN,
            since_watermark: 0,
            idle: false,
            ended: false,
            dry_since_ns: None,
        })
    }

    /// Polls slot `slot` for `limit` records, in pieces that end where a watermark is due.
    fn poll(&mut self, slot: usize, work: Work) -> Result<(u32, Polled), OperatorFault> {
        let limit = work.limit as usize;
        if limit == 0 {
            // A replay of a poll that found nothing: the reader is not asked, it may have something by now.
            return Ok((0, Polled::Dry));
        }
        let mut total = 0;
        loop {
            let split = &mut self.open[slot];
            let due = usize::try_from(WATERMARK_STRIDE - split.since_watermark).unwrap_or(limit);
            let wanted = due.min(limit - total);
            let generator = match split.reads_records {
                true => Some(&mut *split.generator as &mut dyn WatermarkGenerator<S::Out>),
                false => None,
            };
            let mut emitter = Emitter {
                out: &mut self.out,
                generator,
                greatest: split.greatest,
                wanted,
                emitted: 0,
                is_replay: work.replay.is_some(),
            };
            let polled = split.reader.poll(&mut emitter)?;
            let emitted = emitter.emitted;
            split.greatest = emitter.greatest;
            split.since_watermark += emitted as u64;
            total += emitted;
            if emitted > 0 {
                self.wake(slot);
            }
            if self.open[slot].since_watermark == WATERMARK_STRIDE {
                self.make_watermark(slot);
            }
            // A replay knows how many records came and asks until it has them.
            let is_short = matches!(polled, Polled::Dry | Polled::Pending) && total < limit;
            let waits = work.replay.is_some() && is_short;
            if (polled != Polled::More || total == limit) && !waits {
                let total = u32::try_from(total).expect("invariant: at most the limit, a u32");
                return Ok((total, polled));
            }
        }
    }

    /// A record of this split has come: it takes part in event time again.
    fn wake(&mut self, slot: usize) {
        let split = &mut self.open[slot];
        split.dry_since_ns = None;
        split.idle = false;
        if self.all_idle {
            self.all_idle = false;
            self.out.control(Control::Active);
        }
    }

    fn make_watermark(&mut self, slot: usize) {
        let split = &mut self.open[slot];
        split.since_watermark = 0;
        let at = split.generator.watermark(split.greatest);
        split.watermark = split.watermark.max(at);
        self.settle();
    }

    /// Passes on the least watermark of the busy splits.
    fn settle(&mut self) {
        let busy = self.open.iter().filter(|split| !split.idle && !split.ended);
        if let Some(at) = busy.map(|split| split.watermark).min() {
            self.advance(at);
        }
    }

    fn advance(&mut self, at: EventTime) {
        if at > self.watermark {
            self.watermark = at;
            self.out.control(Control::Watermark(at));
        }
    }

    /// A poll found nothing.
    fn on_dry(&mut self, slot: usize, emitted: u32, work: Work, now_ns: u64) -> PollOutcome {
        if self.open[slot].since_watermark > 0 {
            self.make_watermark(slot);
        }
        let split = &mut self.open[slot];
        if emitted > 0 {
            return PollOutcome::Dry;
        }
        let since_ns = *split.dry_since_ns.get_or_insert(now_ns);
        let is_silent = self.strategy.idle_timeout().is_some_and(|silence| {
            Duration::from_nanos(now_ns.saturating_sub(since_ns)) >= silence
        });
        let is_idle = match work.replay {
            Some(outcome) => outcome == PollOutcome::Idle,
            None => is_silent,
        };
        if !is_idle {
            return PollOutcome::Dry;
        }
        let was_idle = std::mem::replace(&mut split.idle, true);
        self.settle();
        // Nothing new is nothing done: a worker may sleep beside an idle split.
        if self.settle_idle(now_ns) || !was_idle { PollOutcome::Idle } else { PollOutcome::Dry }
    }

    /// If every split is idle: says so once, and lets event time follow the clock if the strategy wants it; true if the
    /// receivers were told anything.
    fn settle_idle(&mut self, now_ns: u64) -> bool {
        let mut open = self.open.iter().filter(|split| !split.ended);
        if !open.all(|split| split.idle) {
            return false;
        }
        let farthest = self.open.iter().filter(|s| !s.ended).map(|s| s.watermark).max();
        let is_new = !self.all_idle;
        if is_new {
            self.advance(farthest.unwrap_or(EventTime::MIN));
            self.out.control(Control::Idle);
            self.all_idle = true;
            self.idle_clock_ns = now_ns;
        }
        let passed = Duration::from_nanos(now_ns.saturating_sub(self.idle_clock_ns));
        let follows = self.strategy.all_idle() == AllIdle::AdvanceWithClock;
        let is_due = follows && passed >= IDLE_STEP && self.watermark > EventTime::MIN;
        if is_due {
            self.idle_clock_ns = now_ns;
            self.advance(self.watermark.saturating_add(passed));
        }
        is_new || is_due
    }

    fn on_end(&mut self, slot: usize) -> Result<(), OperatorFault> {
        let ended = &mut self.open[slot];
        ended.ended = true;
        self.rejected += ended.reader.rejected();
        self.open_next_in(slot)?;
        let is_last = self.waiting.is_empty() && !self.discovers();
        if self.open.iter().all(|split| split.ended) && is_last {
            self.finish();
        } else {
            self.settle();
        }
        Ok(())
    }

    fn finish(&mut self) {
        self.is_finished = true;
        self.advance(EventTime::MAX);
        self.out.control(Control::End);
    }
}

/// How often event time follows the clock while all splits are idle.
const IDLE_STEP: Duration = Duration::from_millis(10);

impl<S: Source, W: WatermarkStrategy<S::Out>> Task for SourceTask<S, W> {
    fn name(&self) -> &Rc<str> {
        &self.name
    }

    fn choices(&mut self, into: &mut Vec<Choice>) {
        if self.is_finished {
            return;
        }
        if self.discovers() {
            into.push(Choice::Poll(DISCOVER));
        }
        for slot in 0..self.polled_slots() {
            if self.is_pollable(slot) {
                into.push(Choice::Poll(u16::try_from(slot).expect("invariant: few splits")));
            }
        }
    }

    fn choose(&mut self) -> Option<Choice> {
        if self.is_finished {
            return None;
        }
        let slots = self.polled_slots();
        // One more than the slots: there new splits are looked for, first of all.
        let discovers = usize::from(self.discovers());
        for turn in 0..slots + discovers {
            let place = (self.next + turn) % (slots + discovers);
            if place < discovers {
                self.next = 1;
                return Some(Choice::Poll(DISCOVER));
            }
            let slot = place - discovers;
            if self.is_pollable(slot) {
                self.next = place + 1;
                return Some(Choice::Poll(u16::try_from(slot).expect("invariant: few splits")));
            }
        }
        None
    }

    fn step(&mut self, work: Work, context: StepContext<'_>) -> Result<Done, OperatorFault> {
        let Choice::Poll(slot) = work.choice else {
            unreachable!("invariant: a source has nothing but splits");
        };
        if slot == DISCOVER {
            return self.discover(work, context.now_ns);
        }
        let slot = usize::from(slot);
        if self.slots() == 0 {
            self.finish();
            self.out.end_step()?;
            return Ok(Done { amount: 0, outcome: PollOutcome::End, counts: true });
        }
        self.open_slots()?;
        // A poll that finds nothing makes a watermark of what came before it; a recording must mention it.
        let is_unsaid = self.open[slot].since_watermark > 0;
        let polled_ns = context.clock.now_ns();
        self.out.stamp(polled_ns);
        let (amount, polled) = self.poll(slot, work)?;
        self.records_in += u64::from(amount);
        if let Some(origin_ns) = self.open[slot].reader.origin_ns() {
            self.out.stamp(origin_ns);
        }
        let outcome = match polled {
            Polled::End => {
                self.on_end(slot)?;
                PollOutcome::End
            }
            Polled::Dry => self.on_dry(slot, amount, work, context.now_ns),
            Polled::More | Polled::Pending => match work.replay {
                Some(PollOutcome::Dry | PollOutcome::Idle) => {
                    self.on_dry(slot, amount, work, context.now_ns)
                }
                _ => PollOutcome::Full,
            },
        };
        self.out.end_step()?;
        if amount > 0 && self.sampling.is_due() {
            let latency_ns = context.clock.now_ns().saturating_sub(polled_ns);
            self.latency.saturating_record_n(latency_ns.max(1), u64::from(amount));
        }
        let counts = match outcome {
            PollOutcome::Full => amount > 0,
            PollOutcome::Dry => amount > 0 || is_unsaid,
            PollOutcome::Idle | PollOutcome::End => true,
        };
        Ok(Done { amount, outcome, counts })
    }

    fn outputs(&mut self, each: &mut dyn FnMut(&mut dyn AnyOutput)) {
        each(&mut self.out);
    }

    fn is_finished(&mut self) -> bool {
        self.is_finished && !self.out.is_blocked() && !self.out.has_open()
    }

    fn counters(&mut self) -> TaskCounters {
        let open = self.open.iter().filter(|split| !split.ended);
        TaskCounters {
            records_in: self.records_in,
            records_out: self.out.records(),
            late: 0,
            rejected: self.rejected + open.map(|split| split.reader.rejected()).sum::<u64>(),
            watermark_ns: self.watermark.as_nanos(),
        }
    }

    fn latency(&self) -> &Histogram<u64> {
        &self.latency
    }

    fn take_found(&mut self) -> Vec<Position> {
        self.discovery.as_mut().map(Discovery::take_found).unwrap_or_default()
    }

    fn replay_found(&mut self, splits: Vec<Position>) {
        if let Some(discovery) = &mut self.discovery {
            discovery.replay(splits);
        }
    }
}

#[cfg(test)]
mod tests;
