//! The task of a source: polls its splits in turn, and makes their event time one.
//!
//! # Invariants
//!
//! 1. A split is idle after a silence that is measured while it can be polled: the time in which the source is held back by a full ring, or the split by
//!    alignment, does not count.
//! 2. All splits that are read side by side are opened before the first of them is polled: one that is not open yet would not hold event
//!    time back, and its records would be late behind its neighbour's.
//! 3. With an enumerator ([`super::enumerator`]) a look for new splits is one more thing to poll, in turn with the splits ([`DISCOVER`]).
//!    While there is none to read the source is idle; it ends when there will be none any more.
//! 4. How a poll ended is recorded, not found out again: a replay asks the reader for as many records as came.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use thalweg_storage::checkpoint;

use super::discovery::Discovery;
use super::kept::{self, ToRead};
use super::outputs::SourceOutputs;
use super::source_time::SourceTime;
use super::split::OpenSplit;
use super::{OpenContext, Polled, Position, Source, SplitReader};
use crate::checkpoint::Restored;
use crate::error::OperatorFault;
use crate::metrics::{LatencyHistogram, SplitCounters, TaskCounters};
use crate::operator::output::AnyOutput;
use crate::operator::task::{Choice, Done, HopLatency, PollOutcome, StepContext, Task, Work};
use crate::raw::page::Control;
use crate::time::alignment::Boards;
use crate::time::{EventTime, WatermarkOptions, WatermarkStrategy};

/// The splits that one worker reads, each with its number among all, and the source's board and those it is aligned with.
#[derive(Debug)]
pub(crate) struct OwnSplits<S> {
    pub(crate) splits: VecDeque<ToRead<S>>,
    /// Splits that were read to their end before a checkpoint.
    pub(crate) done: Vec<S>,
    pub(crate) boards: Boards,
}

/// Made by `Topology::source`.
pub(crate) struct SourceTask<S: Source, W> {
    name: Rc<str>,
    source: S,
    strategy: W,
    options: WatermarkOptions,
    context: OpenContext,
    waiting: VecDeque<ToRead<S::Split>>,
    /// The split in each slot, and its number; the last one if it has ended.
    reading: Vec<Option<(usize, S::Split)>>,
    /// Splits that were read to their end, and those who found them find them again.
    done: Vec<S::Split>,
    /// Where splits were when the job was stopped.
    stopped: Vec<checkpoint::Position>,
    side_by_side: usize,
    open: Vec<Open<S>>,
    time: SourceTime,
    next: usize,
    out: SourceOutputs<S::Out>,
    is_finished: bool,
    /// When it was stepped last, if its output was blocked after that; and for how long it was blocked so far. By the decided clock.
    blocked_since_ns: Option<u64>,
    blocked_ns: u64,
    records_in: u64,
    /// Of splits that are closed: bytes, and records that could not be decoded or lay too far in the future.
    bytes: u64,
    rejected: u64,
    far_future: u64,
    latency: HopLatency,
    /// Finds splits while the job runs.
    discovery: Option<Discovery<S::Split>>,
}

/// Under which name a source notes how far its enumerator is.
const ENUMERATOR: &str = "splits found";
/// The slot of a look for new splits; no split ever gets it.
const DISCOVER: u16 = u16::MAX;
/// Splits that are found while the job runs are numbered from here; those that were there before it are fewer.
pub(crate) const FOUND: usize = 1 << 32;

/// A slot: an open split, or what is left of one that has ended.
type Open<S> = Option<OpenSplit<<S as Source>::Out, <S as Source>::Reader>>;

impl<S: Source, W: WatermarkStrategy<S::Out>> SourceTask<S, W> {
    pub(crate) fn new(
        source: S,
        strategy: W,
        own: OwnSplits<S::Split>,
        context: OpenContext,
        out: SourceOutputs<S::Out>,
    ) -> Self {
        let options = strategy.options();
        Self {
            name: Rc::clone(&context.operator),
            discovery: source.enumerator(&context).map(Discovery::new),
            side_by_side: source.side_by_side().max(1),
            source,
            strategy,
            time: SourceTime::new(&options, context.worker, own.boards),
            options,
            context,
            waiting: own.splits,
            reading: Vec::new(),
            done: own.done,
            stopped: Vec::new(),
            open: Vec::new(),
            next: 0,
            out,
            is_finished: false,
            blocked_since_ns: None,
            blocked_ns: 0,
            records_in: 0,
            bytes: 0,
            rejected: 0,
            far_future: 0,
            latency: HopLatency::default(),
        }
    }

    /// True if new splits may still be found.
    fn discovers(&self) -> bool {
        self.discovery.as_ref().is_some_and(|discovery| !discovery.is_complete())
    }

    /// Looks for new splits, and opens those that find a place.
    fn discover(&mut self, work: Work, now_ns: u64) -> Result<Done, OperatorFault> {
        let ended = work.replay == Some(PollOutcome::End);
        let discovery = self.discovery.as_mut().expect("invariant: only then there is this choice");
        let first = FOUND + discovery.count();
        let found = discovery.look(now_ns, ended)?;
        let is_last = discovery.is_complete();
        let amount = u32::try_from(found.len()).expect("invariant: fewer than 2^32 splits");
        let to_read = |(number, split)| ToRead { number, split, from: None };
        self.waiting.extend((first..).zip(found).map(to_read));
        for slot in (0..self.open.len()).filter(|_| amount > 0) {
            if self.open[slot].is_none() {
                self.open_next(slot, now_ns)?;
            }
        }
        self.open_slots(now_ns)?;
        let mut said = false;
        if self.open.iter().all(Option::is_none) {
            if is_last {
                self.finish(now_ns);
            } else {
                said = self.time.settle_idle(now_ns, &mut self.out);
            }
        }
        self.end_step(now_ns)?;
        let outcome = if is_last { PollOutcome::End } else { PollOutcome::Full };
        Ok(Done { amount, outcome, counts: amount > 0 || is_last || said })
    }

    /// Slots that may be polled: without a split, and without a way to get one, the first poll ends the source.
    fn polled_slots(&self) -> usize {
        self.slots().max(usize::from(!self.discovers()))
    }

    /// Places for splits that are read now or can be opened.
    fn slots(&self) -> usize {
        (self.open.len() + self.waiting.len()).min(self.side_by_side)
    }

    /// True if slot `slot` has something to poll; the first poll of a source without splits ends it.
    fn is_pollable(&mut self, slot: usize) -> bool {
        match self.open.get(slot) {
            None => true,
            Some(None) => false,
            Some(Some(_)) => !self.time.is_held(slot),
        }
    }

    fn open_slots(&mut self, now_ns: u64) -> Result<(), OperatorFault> {
        while self.open.len() < self.slots() {
            self.open.push(None);
            self.reading.push(None);
            self.open_next(self.open.len() - 1, now_ns)?;
        }
        Ok(())
    }

    /// Opens the next split, if there is one, in an empty slot.
    fn open_next(&mut self, slot: usize, now_ns: u64) -> Result<(), OperatorFault> {
        let Some(ToRead { number, split, from }) = self.waiting.pop_front() else { return Ok(()) };
        let position = from.as_ref().and_then(|from| from.position.as_ref());
        let reader = match position {
            None => self.source.open(&split, &self.context)?,
            Some(position) => self.source.resume(&split, position, &self.context)?,
        };
        let mut opened = OpenSplit::new(reader, self.strategy.generator(), &self.options);
        let mut watermark = EventTime::MIN;
        if let Some(from) = from {
            opened.resume(from.time);
            watermark = from.time.watermark();
        }
        self.open[slot] = Some(opened);
        self.reading[slot] = Some((number, split));
        self.time.open(slot, number, watermark, now_ns);
        Ok(())
    }

    fn split(&mut self, slot: usize) -> &mut OpenSplit<S::Out, S::Reader> {
        self.open[slot].as_mut().expect("invariant: only an open split is polled")
    }

    /// Polls slot `slot` for `limit` records, in pieces that end where a watermark is due.
    fn poll(
        &mut self,
        slot: usize,
        work: Work,
        context: StepContext<'_>,
    ) -> Result<(u32, Polled), OperatorFault> {
        let StepContext { now_ns, now, .. } = context;
        let limit = work.limit as usize;
        if limit == 0 {
            // A replay of a poll that found nothing: the reader is not asked, it may have something by now.
            return Ok((0, Polled::Dry));
        }
        let mut total = 0;
        loop {
            let was_idle = self.time.is_idle();
            let Self { open, out, time, .. } = self;
            let split = open[slot].as_mut().expect("invariant: only an open split is polled");
            let (emitted, polled) =
                split.poll(limit - total, was_idle, work.replay.is_some(), now, out)?;
            total += emitted;
            if emitted > 0 {
                time.wake(slot);
            }
            let is_due = split.is_due();
            if is_due {
                time.advance(slot, split.watermark(), now_ns, out);
            }
            // A replay knows how many records came and asks until it has them.
            let is_short = matches!(polled, Polled::Dry | Polled::Pending) && total < limit;
            let waits = work.replay.is_some() && is_short;
            // A split that has come too far ahead stops at once; a replay knows where that was.
            let is_held = is_due && work.replay.is_none() && self.time.is_held(slot);
            if (polled != Polled::More || total == limit || is_held) && !waits {
                let total = u32::try_from(total).expect("invariant: at most the limit, a u32");
                return Ok((total, polled));
            }
        }
    }

    /// The instant of the poll; 0, that is unknown, where nobody would miss it. After a poll in vain the next is likely to be so too, and where a reader says itself
    /// when its records came the look at the clock is a good part of all that it takes.
    fn polled_ns(&mut self, slot: usize, context: StepContext<'_>) -> u64 {
        let is_measured = self.latency.will_be_due();
        let split = self.split(slot);
        if !is_measured && split.dry_since_ns.is_some() && split.reader.origin_ns().is_some() {
            return 0;
        }
        context.clock.now_ns()
    }

    /// A poll found nothing.
    fn on_dry(&mut self, slot: usize, emitted: u32, work: Work, now_ns: u64) -> PollOutcome {
        let active_ns = now_ns.saturating_sub(self.blocked_ns);
        let Self { open, out, time, options, .. } = self;
        let split = open[slot].as_mut().expect("invariant: only an open split is polled");
        if split.is_unsaid() {
            time.advance(slot, split.watermark(), now_ns, out);
        }
        if emitted > 0 {
            return PollOutcome::Dry;
        }
        let since_ns = *split.dry_since_ns.get_or_insert(active_ns);
        let silence = Duration::from_nanos(active_ns.saturating_sub(since_ns));
        let is_idle = match work.replay {
            Some(outcome) => outcome == PollOutcome::Idle,
            None => options.idle_after.is_some_and(|idle_after| silence >= idle_after),
        };
        // Nothing new is nothing done: a worker may sleep beside an idle split.
        match is_idle && time.set_idle(slot, now_ns, out) {
            true => PollOutcome::Idle,
            false => PollOutcome::Dry,
        }
    }

    fn on_end(&mut self, slot: usize, now_ns: u64) -> Result<(), OperatorFault> {
        self.close(slot);
        // One that was found while the job ran will not be listed again, so nobody has to remember that it is done.
        let listed = self.reading[slot].take().filter(|(number, _)| *number < FOUND);
        self.done.extend(listed.map(|(_, split)| split));
        self.time.end(slot);
        self.open_next(slot, now_ns)?;
        if self.open.iter().all(Option::is_none) && !self.discovers() {
            self.finish(now_ns);
        } else {
            self.time.settle(now_ns, &mut self.out);
        }
        Ok(())
    }

    /// Where all splits are: those that are done, that are read, and that wait and would not be listed again.
    fn positions(&self) -> Result<Vec<checkpoint::Position>, OperatorFault> {
        let source = (&self.source, &*self.name);
        let mut positions = self.stopped.clone();
        for split in &self.done {
            positions.push(kept::done(source, split)?);
        }
        for (slot, (open, reading)) in self.open.iter().zip(&self.reading).enumerate() {
            if let (Some(open), Some((_, split))) = (open, reading) {
                let time = open.time(self.time.watermark_of(slot));
                positions.push(kept::open(source, split, open.reader.position(), time)?);
            }
        }
        for to_read in &self.waiting {
            if to_read.from.is_some() || to_read.number >= FOUND {
                positions.push(kept::waiting(source, to_read)?);
            }
        }
        Ok(positions)
    }

    /// Drops a split's reader and keeps its counts.
    fn close(&mut self, slot: usize) {
        if let Some(split) = self.open[slot].take() {
            self.bytes += split.reader.bytes();
            self.rejected += split.reader.rejected();
            self.far_future += split.far_future();
        }
    }

    fn finish(&mut self, now_ns: u64) {
        self.is_finished = true;
        self.time.finish(now_ns, &mut self.out);
        self.out.control(Control::End);
    }

    /// Counts the time in which the source could not be polled because its output was blocked.
    fn note_block(&mut self, now_ns: u64) {
        if let Some(since_ns) = self.blocked_since_ns.take() {
            self.blocked_ns += now_ns.saturating_sub(since_ns);
        }
    }

    fn end_step(&mut self, now_ns: u64) -> Result<(), OperatorFault> {
        self.out.end_step()?;
        self.blocked_since_ns = self.out.is_blocked().then_some(now_ns);
        Ok(())
    }
}

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

    fn must_be_polled(&self) -> bool {
        !self.is_finished
    }

    fn step(&mut self, work: Work, context: StepContext<'_>) -> Result<Done, OperatorFault> {
        let Choice::Poll(slot) = work.choice else {
            unreachable!("invariant: a source has nothing but splits");
        };
        let now_ns = context.now_ns;
        self.note_block(now_ns);
        if slot == DISCOVER {
            return self.discover(work, now_ns);
        }
        let slot = usize::from(slot);
        if self.slots() == 0 {
            self.finish(now_ns);
            self.end_step(now_ns)?;
            return Ok(Done { amount: 0, outcome: PollOutcome::End, counts: true });
        }
        self.open_slots(now_ns)?;
        if self.time.release(slot) {
            self.split(slot).dry_since_ns = None;
        }
        // A poll that finds nothing makes a watermark of what came before it; a recording must mention it.
        let is_unsaid = self.split(slot).is_unsaid();
        let polled_ns = self.polled_ns(slot, context);
        self.out.stamp(polled_ns);
        let (amount, polled) = self.poll(slot, work, context)?;
        self.records_in += u64::from(amount);
        if let Some(origin_ns) = self.split(slot).reader.origin_ns() {
            self.out.stamp(origin_ns);
        }
        let outcome = match polled {
            Polled::End => {
                self.on_end(slot, now_ns)?;
                PollOutcome::End
            }
            Polled::Dry => self.on_dry(slot, amount, work, now_ns),
            Polled::More | Polled::Pending => match work.replay {
                Some(PollOutcome::Dry | PollOutcome::Idle) => {
                    self.on_dry(slot, amount, work, now_ns)
                }
                _ => PollOutcome::Full,
            },
        };
        self.end_step(now_ns)?;
        if amount > 0 && self.latency.is_due() && polled_ns != 0 {
            self.latency.note(polled_ns, context.clock.now_ns(), u64::from(amount));
        }
        let counts = match outcome {
            PollOutcome::Full => amount > 0,
            PollOutcome::Dry => amount > 0 || is_unsaid,
            PollOutcome::Idle | PollOutcome::End => true,
        };
        Ok(Done { amount, outcome, counts })
    }

    fn barrier(&mut self, epoch: u64, context: StepContext<'_>) -> Result<(), OperatorFault> {
        if !self.is_finished {
            self.out.control(Control::Barrier(epoch));
            self.end_step(context.now_ns)?;
        }
        let mut contribution = context.contribution.borrow_mut();
        for position in self.positions()? {
            contribution.position(epoch, position);
        }
        if let Some(position) = self.discovery.as_ref().and_then(Discovery::position) {
            let mut freezing = contribution.freezing(epoch, &self.name);
            freezing.note(ENUMERATOR, &position.into_text());
        }
        contribution.done(epoch, &self.name, 0);
        Ok(())
    }

    fn resume(&mut self, from: &Restored) -> Result<(), OperatorFault> {
        let Some(discovery) = &mut self.discovery else { return Ok(()) };
        let positions: Vec<String> = from.notes(&self.name, ENUMERATOR)?;
        let positions: Vec<_> = positions.into_iter().map(Position::from_text).collect();
        let known = self.waiting.iter().filter(|to_read| to_read.number >= FOUND).count();
        discovery.resume(known, &positions)
    }

    fn stop(&mut self, last: Control, now_ns: u64) -> Result<bool, OperatorFault> {
        if self.is_finished {
            return Ok(false);
        }
        if last == Control::Halt {
            // The job may go on from here.
            self.stopped = self.positions()?;
            self.done.clear();
        } else {
            // It is as if all input had ended here.
            let reading = self.reading.drain(..).flatten().map(|(_, split)| split);
            let waiting = self.waiting.drain(..).map(|to_read| to_read.split);
            self.done.extend(reading.chain(waiting));
        }
        self.waiting.clear();
        (0..self.open.len()).for_each(|slot| self.close(slot));
        match last {
            Control::End => self.finish(now_ns),
            last => {
                self.is_finished = true;
                self.time.halt();
                self.out.control(last);
            }
        }
        self.end_step(now_ns)?;
        Ok(true)
    }

    fn outputs(&mut self, each: &mut dyn FnMut(&mut dyn AnyOutput)) {
        self.out.each(each);
    }

    fn is_finished(&mut self) -> bool {
        self.is_finished && !self.out.is_blocked() && !self.out.has_open()
    }

    fn counters(&mut self) -> TaskCounters {
        let open = || self.open.iter().flatten();
        TaskCounters {
            // What was polled and is no record was no record to begin with.
            records_in: self.records_in - self.out.dead_letters(),
            dead_lettered: self.out.dead_letters(),
            records_out: self.out.records(),
            bytes_in: self.bytes + open().map(|split| split.reader.bytes()).sum::<u64>(),
            bytes_out: self.out.bytes(),
            rejected: self.rejected + open().map(|split| split.reader.rejected()).sum::<u64>(),
            far_future: self.far_future + open().map(OpenSplit::far_future).sum::<u64>(),
            watermark_ns: self.time.watermark().as_nanos(),
            moved_ns: self.time.moved_ns(),
            is_blocked: self.out.is_blocked(),
            is_idle: self.time.is_idle(),
            is_halted: self.is_finished && self.time.watermark() < EventTime::MAX,
            held_by: self.time.slowest().map(|split| split as u64),
            ..TaskCounters::default()
        }
    }

    fn splits(&self, each: &mut dyn FnMut(usize, SplitCounters)) {
        self.time.splits(each);
    }

    fn take_found(&mut self) -> Vec<String> {
        let found = self.discovery.as_mut().map(Discovery::take_found).unwrap_or_default();
        found.into_iter().map(Position::into_text).collect()
    }

    fn replay_found(&mut self, splits: Vec<String>) {
        if let Some(discovery) = &mut self.discovery {
            discovery.replay(splits.into_iter().map(Position::from_text).collect());
        }
    }

    fn measure_nothing(&mut self) {
        self.latency.turn_off();
    }

    fn latency(&mut self) -> &mut LatencyHistogram {
        self.latency.histogram()
    }
}

#[cfg(test)]
mod tests;
