//! The task of an input: reads what the handles of the host have sent, and makes their event time one.
//!
//! # Invariants
//!
//! 1. What is done is a function of the pages, of how many elements of which were read when, and of the polls: those are recorded. That a
//!    ring was *empty* is told by a poll alone, and so is what follows from it: a watermark now, idleness, the end of a handle that was dropped.
//! 2. A watermark is made after every [`crate::time::WATERMARK_STRIDE`] records of a handle, and when it runs dry. What the host says itself
//!    holds too: the later of both counts.
//! 3. The input's watermark is the least of its open, busy handles, and never goes back.

mod life;

use std::rc::Rc;
use std::time::Duration;

use super::InputEnds;
use crate::error::OperatorFault;
use crate::exchange::lane::LaneRx;
use crate::exchange::recorded::{PageLog, RecordedInput};
use crate::metrics::{LatencyHistogram, SplitCounters, TaskCounters};
use crate::operator::output::{AnyOutput, Output};
use crate::operator::task::{Choice, Done, HopLatency, PollOutcome, StepContext, Task, Work};
use crate::raw::doorbell::Ringer;
use crate::raw::page::{Control, Element};
use crate::record::Record;
use crate::time::{AllIdle, EventTime, ProcessingTime, WatermarkStrategy};
use life::{Life, Merged};

/// What one handle has sent, and how far it is read.
struct GateLane<T: Record> {
    handle: usize,
    rx: LaneRx<T>,
    /// Elements of the front page that were read already.
    cursor: usize,
    life: Life<T>,
}

/// Made by `Topology::input`.
pub(crate) struct GateTask<T: Record> {
    name: Rc<str>,
    lanes: Vec<GateLane<T>>,
    next: usize,
    merged: Merged<T>,
    idle_after: Option<Duration>,
    all_idle: AllIdle,
    records_in: u64,
    /// Bytes of the pages that were read.
    bytes_in: u64,
    latency: HopLatency,
    /// What was read of handles that were cut off.
    cut: Vec<RecordedInput>,
}

impl<T: Record> GateTask<T> {
    /// `record`: whether what is read is kept for a replay.
    pub(crate) fn new(
        name: Rc<str>,
        ends: InputEnds<T>,
        strategy: &impl WatermarkStrategy<T>,
        out: Output<T>,
        record: bool,
    ) -> Self {
        let merged = Merged::new(ends.len(), out);
        let lane = |(handle, rx)| {
            let life = Life::new(strategy.generator(), record.then(PageLog::default));
            GateLane { handle, rx, cursor: 0, life }
        };
        Self {
            name,
            lanes: ends.into_iter().map(lane).collect(),
            next: 0,
            merged,
            idle_after: strategy.options().idle_after,
            all_idle: strategy.options().all_idle,
            records_in: 0,
            bytes_in: 0,
            latency: HopLatency::default(),
            cut: Vec::new(),
        }
    }

    /// Reads up to `limit` elements of the front page of a lane.
    fn read(&mut self, index: usize, limit: usize, now: ProcessingTime) -> usize {
        let Self { lanes, merged, records_in, bytes_in, .. } = self;
        let GateLane { rx, cursor, life, .. } = &mut lanes[index];
        let Some(page) = rx.pages.front() else { return 0 };
        life.last = Some(now);
        let first = *cursor;
        let end = page.len().min(first + limit);
        while *cursor < end {
            let to = page.run_end(*cursor).min(end);
            if to > *cursor {
                life.records(index, page, *cursor..to, merged);
                *records_in += (to - *cursor) as u64;
                *cursor = to;
                continue;
            }
            match page.element(*cursor) {
                Element::Control(control) => life.control(index, control, merged),
                Element::Large(..) => {
                    let large = rx.large.recv();
                    let large = large.expect("invariant: a large record was sent before its mark");
                    life.records(index, large.view(), 0..1, merged);
                    *records_in += 1;
                    *bytes_in += large.view().used_bytes() as u64;
                }
                Element::Record(..) => unreachable!("invariant: a run of records was read above"),
            }
            *cursor += 1;
        }
        let read = *cursor - first;
        if *cursor == page.len() {
            *cursor = 0;
            *bytes_in += page.used_bytes() as u64;
            life.end_page();
            rx.release();
        }
        read
    }

    /// A ring was found empty, or, in a replay, had been.
    fn poll(&mut self, index: usize, replay: Option<PollOutcome>) -> PollOutcome {
        let Some(lane) = self.lanes.get_mut(index) else {
            self.merged.stop(Control::End);
            return PollOutcome::End;
        };
        let is_over = lane.rx.pages.is_finished();
        let outcome = replay.unwrap_or(match lane.life.is_suspect {
            _ if is_over => PollOutcome::End,
            true => PollOutcome::Idle,
            false => PollOutcome::Dry,
        });
        lane.life.dry(index, outcome, &mut self.merged);
        outcome
    }

    /// What the clock alone brings about: handles that were silent for too long are to be looked at; while all are idle, event time follows.
    fn on_alarm(&mut self, now: ProcessingTime) {
        for lane in &mut self.lanes {
            lane.life.suspect(now, self.idle_after);
        }
        if self.follows_clock() {
            self.merged.follow_clock(now);
        }
    }

    /// True if event time goes with the clock: every handle that is open is idle.
    fn follows_clock(&self) -> bool {
        let mut open = self.lanes.iter().filter(|lane| !lane.life.is_ended).peekable();
        self.all_idle == AllIdle::AdvanceWithClock
            && self.merged.watermark > EventTime::MIN
            && open.peek().is_some()
            && open.all(|lane| lane.life.is_idle)
    }

    fn has_poll(&mut self, index: usize) -> bool {
        let GateLane { life, rx, .. } = &mut self.lanes[index];
        let is_due = life.since_watermark > 0 || life.is_suspect;
        !life.is_ended && (is_due || rx.pages.is_finished())
    }

    /// Drops the ends of all rings, so that who sends is told; what was read is kept, if it is recorded.
    fn cut_off(&mut self) {
        for GateLane { handle, rx, life, .. } in self.lanes.drain(..) {
            let sender = rx.sender.clone();
            drop(rx);
            // After the ring's end is gone: who waits for room looks again, and finds nobody.
            sender.iter().for_each(Ringer::ring);
            let log = life.log;
            self.cut.extend(log.map(|log| RecordedInput::new(self.name.to_string(), handle, log)));
        }
    }

    fn number(index: usize) -> u16 {
        u16::try_from(index).expect("invariant: fewer than 65,536 handles")
    }
}

impl<T: Record> Task for GateTask<T> {
    fn name(&self) -> &Rc<str> {
        &self.name
    }

    fn choices(&mut self, into: &mut Vec<Choice>) {
        if self.merged.is_finished {
            return;
        }
        if self.lanes.is_empty() {
            into.push(Choice::Poll(0));
        }
        for index in 0..self.lanes.len() {
            if self.lanes[index].rx.pages.is_ready() {
                into.push(Choice::Lane(Self::number(index)));
            } else if self.has_poll(index) {
                into.push(Choice::Poll(Self::number(index)));
            }
        }
    }

    fn choose(&mut self) -> Option<Choice> {
        if self.merged.is_finished {
            return None;
        }
        let lanes = self.lanes.len();
        if lanes == 0 {
            return Some(Choice::Poll(0));
        }
        for turn in 0..lanes {
            let index = (self.next + turn) % lanes;
            if self.lanes[index].rx.pages.is_ready() {
                self.next = index + 1;
                return Some(Choice::Lane(Self::number(index)));
            }
        }
        let index = (0..lanes).find(|&index| self.has_poll(index))?;
        Some(Choice::Poll(Self::number(index)))
    }

    /// What the host has sent is gone when it was read, so nothing is said of where the handles are.
    fn barrier(&mut self, epoch: u64, context: StepContext<'_>) -> Result<(), OperatorFault> {
        if !self.merged.is_finished {
            self.merged.out.control(Control::Barrier(epoch));
            self.merged.out.end_step()?;
        }
        context.contribution.borrow_mut().done(epoch, &self.name, 0);
        Ok(())
    }

    /// What waits in the rings is not read any more, and who sends more is told that the job has ended.
    fn stop(&mut self, last: Control, now_ns: u64) -> Result<bool, OperatorFault> {
        if self.merged.is_finished {
            return Ok(false);
        }
        self.merged.now_ns = now_ns;
        self.merged.stop(last);
        self.cut_off();
        self.merged.out.end_step()?;
        Ok(true)
    }

    fn alarm(&self) -> Option<ProcessingTime> {
        if self.merged.is_finished {
            return None;
        }
        let silent = self.idle_after.and_then(|after| {
            self.lanes.iter().filter_map(|lane| lane.life.silent_at(after)).min()
        });
        let step = self.follows_clock().then(|| self.merged.next_step());
        silent.into_iter().chain(step).min()
    }

    fn step(&mut self, work: Work, context: StepContext<'_>) -> Result<Done, OperatorFault> {
        let polled_ns = context.clock.now_ns();
        self.merged.out.stamp(polled_ns);
        self.merged.now_ns = context.now_ns;
        let mut done = Done { amount: 0, outcome: PollOutcome::Full, counts: true };
        match work.choice {
            Choice::Lane(lane) => {
                let read = self.read(usize::from(lane), work.limit as usize, context.now);
                done.amount = u32::try_from(read).expect("invariant: at most the limit, a u32");
            }
            Choice::Poll(lane) => done.outcome = self.poll(usize::from(lane), work.replay),
            Choice::Alarm => self.on_alarm(context.now),
            Choice::Slice => unreachable!("invariant: an input has no long firings"),
        }
        self.merged.out.end_step()?;
        if done.amount > 0 && self.latency.is_due() {
            self.latency.note(polled_ns, context.clock.now_ns(), u64::from(done.amount));
        }
        Ok(done)
    }

    fn outputs(&mut self, each: &mut dyn FnMut(&mut dyn AnyOutput)) {
        each(&mut self.merged.out);
    }

    fn is_finished(&mut self) -> bool {
        self.merged.is_finished && !self.merged.out.is_blocked() && !self.merged.out.has_open()
    }

    fn counters(&mut self) -> TaskCounters {
        let Self { merged, .. } = self;
        TaskCounters {
            records_in: self.records_in,
            records_out: merged.out.records(),
            bytes_in: self.bytes_in,
            bytes_out: merged.out.emitted_bytes(),
            watermark_ns: merged.watermark.as_nanos(),
            moved_ns: merged.moved_ns,
            is_blocked: merged.out.is_blocked(),
            is_idle: merged.is_idle(),
            is_halted: merged.is_finished && merged.watermark < EventTime::MAX,
            held_by: merged.slowest().and_then(|lane| Some(self.lanes.get(lane)?.handle as u64)),
            ..TaskCounters::default()
        }
    }

    fn splits(&self, each: &mut dyn FnMut(usize, SplitCounters)) {
        self.lanes.iter().for_each(|lane| each(lane.handle, lane.life.counters()));
    }

    fn measure_nothing(&mut self) {
        self.latency.turn_off();
    }

    fn latency(&mut self) -> &mut LatencyHistogram {
        self.latency.histogram()
    }

    fn take_recorded(&mut self) -> Vec<RecordedInput> {
        self.cut_off();
        std::mem::take(&mut self.cut)
    }
}
