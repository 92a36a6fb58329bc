//! The operator of an output in a job with checkpoints: hands records to the ring of a handle, and lays aside what the host does not take.
//!
//! What is in the ring is the host's. Nothing waits in front of it: what does not fit is laid [aside](Aside), where a checkpoint finds it; while one is under way the operator goes on taking
//! records, so that the barrier behind them can come, and a host that does not read holds up no checkpoint. When the input has ended it does: the end waits for what lies aside.
//!
//! # Invariants
//!
//! 1. First in, first out: while something lies aside nothing goes past it into the ring. Watermarks and idleness that come meanwhile are held, the last of each, and follow.
//! 2. A checkpoint has the records that are not in a published page of the ring.

use crate::checkpoint::{Freezing, Resuming};
use crate::error::OperatorFault;
use crate::exchange::Records;
use crate::exchange::lane::Lane;
use crate::operator::output::AnyOutput;
use crate::operator::{Input, Operator, Progress};
use crate::raw::page::Control;
use crate::record::{KeyHash, Record};
use crate::sink::operator::Aside;

/// Made by `Stream::output`.
pub(crate) struct HandOver<T: Record> {
    way: Way<T>,
}

/// The way to the host.
struct Way<T: Record> {
    /// `None` while the job is only planned.
    lane: Option<Lane<T>>,
    aside: Aside<T>,
    /// The last watermark, and whether the stream is idle, of which the host is not told yet.
    time: Option<Control>,
    idleness: Option<Control>,
    /// The last epoch that was decided, and the last one whose barrier has come. Between the two, what comes is laid aside if there is no room.
    decided: u64,
    frozen: u64,
    /// The job was stopped: what lies aside is in its last checkpoint, and not for the host any more.
    is_halted: bool,
    records: u64,
    bytes: u64,
}

impl<T: Record> HandOver<T> {
    /// `aside` is empty.
    pub(crate) fn new(lane: Option<Lane<T>>, aside: Aside<T>) -> Self {
        let way = Way {
            lane,
            aside,
            time: None,
            idleness: None,
            decided: 0,
            frozen: 0,
            is_halted: false,
            records: 0,
            bytes: 0,
        };
        Self { way }
    }
}

impl<T: Record> Way<T> {
    /// Hands over what waits, as far as there is room; true if nothing waits any more.
    fn go_on(&mut self) -> bool {
        let Self { lane: Some(lane), aside, time, idleness, is_halted, .. } = self else {
            return true;
        };
        if *is_halted {
            return lane.drain();
        }
        while let Some(run) = aside.front() {
            let taken =
                run.iter().take_while(|(record, at)| lane.offer_record(record, *at)).count();
            let is_all = taken == run.len();
            aside.pop(taken);
            if !is_all {
                return false;
            }
        }
        for held in [time, idleness] {
            if held.is_some_and(|control| lane.offer_control(control)) {
                *held = None;
            }
        }
        lane.drain() && !self.holds_controls()
    }

    fn holds_controls(&self) -> bool {
        self.time.is_some() || self.idleness.is_some()
    }

    fn waits(&self) -> bool {
        let is_full = self.lane.as_ref().is_some_and(Lane::is_blocked);
        is_full || !self.is_halted && (!self.aside.is_empty() || self.holds_controls())
    }

    /// Whether it takes records though the host does not.
    fn lays_aside(&self) -> bool {
        self.decided > self.frozen
    }
}

impl<T: Record> Operator for HandOver<T> {
    fn freeze(&mut self, into: &mut Freezing<'_>) -> Result<Progress, OperatorFault> {
        self.way.go_on();
        // A page that is open goes with this worker if it goes.
        let _ = AnyOutput::flush(&mut self.way);
        self.way.aside.freeze(into);
        self.way.frozen = into.epoch();
        Ok(Progress::Done)
    }

    fn await_barrier(&mut self, epoch: u64) {
        self.way.decided = epoch;
    }

    fn resume(&mut self, from: &Resuming<'_>) -> Result<(), OperatorFault> {
        self.way.aside.resume(from, true)
    }

    fn end(&mut self) -> Result<Progress, OperatorFault> {
        if self.way.go_on() {
            return Ok(Progress::Done);
        }
        // What is awaited comes behind the end.
        self.way.frozen = u64::MAX;
        Ok(Progress::More)
    }

    /// Comes when nothing waits any more.
    fn slice(&mut self, _: usize) -> Result<Progress, OperatorFault> {
        self.end()
    }

    fn outputs(&mut self, each: &mut dyn FnMut(&mut dyn AnyOutput)) {
        each(&mut self.way);
    }
}

impl<T: Record> Input<T, 0> for HandOver<T> {
    fn records(&mut self, run: Records<'_, T>) -> Result<(), OperatorFault> {
        let way = &mut self.way;
        way.records += run.len() as u64;
        way.go_on();
        for (record, at) in run.iter() {
            way.bytes += record.archive().len() as u64;
            let Some(lane) = &mut way.lane else { continue };
            if !way.aside.is_empty() || !lane.offer_record(record, at) {
                way.aside.add(record, at, KeyHash(0));
            }
        }
        Ok(())
    }
}

impl<T: Record> AnyOutput for Way<T> {
    fn end_step(&mut self) -> Result<(), OperatorFault> {
        Ok(())
    }

    fn flush(&mut self) -> bool {
        self.lane.as_mut().is_some_and(Lane::flush)
    }

    fn drain(&mut self) -> bool {
        self.go_on() || self.lays_aside()
    }

    fn is_blocked(&self) -> bool {
        self.waits() && !self.lays_aside()
    }

    fn is_hungry(&self) -> bool {
        false
    }

    fn has_open(&self) -> bool {
        self.lane.as_ref().is_some_and(Lane::has_open)
    }

    fn emit_control(&mut self, control: Control) {
        match control {
            Control::Watermark(_) => self.time = Some(control),
            Control::Idle | Control::Active => self.idleness = Some(control),
            // It tells the host nothing.
            Control::Barrier(_) => return,
            Control::End | Control::Halt => {
                self.is_halted |= control == Control::Halt;
                self.lane.iter_mut().for_each(|lane| lane.push_control(control));
            }
        }
        self.go_on();
    }

    fn emitted(&self) -> u64 {
        self.records
    }

    fn emitted_bytes(&self) -> u64 {
        self.bytes
    }

    fn stamp_origin(&mut self, origin_ns: u64) {
        self.lane.iter_mut().for_each(|lane| lane.stamp(origin_ns));
    }
}
