//! The operator at the end of a stream: hands runs to a writer, and closes it.
//!
//! Towards the task the writer behaves like an output ([`AnyOutput`]): one that takes no more is an output that waits for room, so the task reads
//! nothing; one that holds something back is an open page, which is sent on when the worker runs dry; one that prepares for a checkpoint, or closes,
//! is an output that waits for room, too: the task goes on when it has done so.
//!
//! While a checkpoint is under way it takes records of a task though the writer takes none: they are laid [aside], and are state until they are written.
//!
//! # Invariants
//!
//! 1. Between the first question whether it is prepared and the yes the writer is asked nothing else and is given nothing.
//! 2. In a job with checkpoints a writer that delivers exactly once is closed when what it had written last was committed, and not before.
//! 3. What such a writer had prepared last is in every checkpoint after that: others go on, and a restart asks what is outside.

mod aside;

use aside::Aside;

use super::in_flight::InFlight;
use super::{Delivery, Prepared, Sink, SinkWriter};
use crate::canary;
use crate::checkpoint::{Freezing, Resuming};
use crate::error::OperatorFault;
use crate::exchange::Records;
use crate::operator::output::AnyOutput;
use crate::operator::{Input, Operator, Progress};
use crate::raw::page::Control;
use crate::record::Record;
use crate::source::OpenContext;

/// Made by `Stream::sink`; opens its writer with the first run, or at the end if there was none.
pub(crate) struct SinkOperator<T: Record, S: Sink<T>> {
    sink: S,
    context: OpenContext,
    /// No record will come to this worker, and no writer is opened here: the only one runs elsewhere.
    idle: bool,
    /// It is closed by a commit, not by the end of its input.
    closes_late: bool,
    end: End,
    /// What a writer that has closed late had prepared last: later checkpoints have to know it, too.
    last: Option<Prepared>,
    /// The input has ended, and something lies aside still.
    is_ending: bool,
    outside: Outside<T, S::Writer>,
}

/// The writer, seen as an output.
struct Outside<T: Record, W> {
    writer: Option<W>,
    state: State,
    /// It has said that it takes a run, and was not given one since. Tasks are asked for room more often than they use it: a writer that counts
    /// the questions, or has room only now and then, must not spend its yes on one that nobody acts on.
    is_ready: bool,
    /// It has said no when it was asked last.
    refuses: bool,
    /// In a job with checkpoints: what it has no room for.
    aside: Option<Aside<T>>,
    /// The last epoch that was decided, and the last one whose barrier has come. Between the two, what comes is laid aside if there is no room.
    decided: u64,
    frozen: u64,
    /// What was prepared, until it is asked for.
    prepared: Option<Prepared>,
    /// An error that came when nobody could be told; the next call is.
    fault: Option<OperatorFault>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// Asked to send on what it holds back.
    Flushing,
    /// It takes no more for now.
    Full,
    /// Asked to prepare for an epoch.
    Preparing(u64),
    /// The input has ended.
    Closing,
    Closed,
}

/// How the input of a writer that closes late has ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Not,
    /// It has, and its last records belong to no epoch yet.
    Ended,
    /// They belong to this one.
    In(u64),
}

impl<T: Record, S: Sink<T>> SinkOperator<T, S> {
    /// `idle`: no record will come to this worker, and no writer is opened here. `in_flight`: in a job with checkpoints.
    pub(crate) fn new(
        sink: S,
        context: OpenContext,
        idle: bool,
        in_flight: Option<InFlight<T>>,
    ) -> Self {
        let outside = Outside {
            writer: None,
            state: State::Open,
            is_ready: false,
            refuses: false,
            aside: in_flight.map(Aside::new),
            decided: 0,
            frozen: 0,
            prepared: None,
            fault: None,
        };
        let closes_late = context.checkpoints && sink.delivery() == Delivery::ExactlyOnce;
        let (end, last, is_ending) = (End::Not, None, false);
        Self { sink, context, idle, closes_late, end, last, is_ending, outside }
    }

    /// What the writer prepares for an epoch; `None` to be asked again when the output is free.
    fn prepare(&mut self, epoch: u64) -> Result<Option<Prepared>, OperatorFault> {
        if self.idle {
            return Ok(Some(Prepared::nothing()));
        }
        self.outside.fault.take().map_or(Ok(()), Err)?;
        self.writer()?;
        self.outside.prepare(epoch)?;
        let prepared = self.outside.prepared.take();
        if self.closes_late && self.outside.state == State::Closed {
            return Ok(prepared.and(self.last.clone()));
        }
        if prepared.is_some() && self.end != End::Not {
            self.end = End::In(epoch);
            self.last.clone_from(&prepared);
        }
        Ok(prepared)
    }

    fn writer(&mut self) -> Result<&mut S::Writer, OperatorFault> {
        if self.outside.writer.is_none() {
            self.outside.writer = Some(self.sink.open(&self.context)?);
        }
        Ok(self.outside.writer.as_mut().expect("invariant: opened above"))
    }
}

impl<T: Record, W: SinkWriter<T>> Outside<T, W> {
    /// Whether it takes records though the writer does not.
    fn lays_aside(&self) -> bool {
        let is_open = matches!(self.state, State::Open | State::Flushing | State::Full);
        let has_place = self.aside.as_ref().is_some_and(|aside| !aside.is_full());
        self.decided > self.frozen && has_place && is_open && self.prepared.is_none()
    }

    fn has_aside(&self) -> bool {
        self.aside.as_ref().is_some_and(|aside| !aside.is_empty())
    }

    fn write(&mut self, run: Records<'_, T>) -> Result<(), OperatorFault> {
        self.is_ready = false;
        if let Some(aside) = self.aside.as_mut().filter(|aside| self.refuses || !aside.is_empty()) {
            aside.push(run);
            return Ok(());
        }
        self.writer.as_mut().expect("invariant: opened before").write(run)
    }

    /// Asks the writer to prepare, if it was not asked.
    fn prepare(&mut self, epoch: u64) -> Result<(), OperatorFault> {
        match self.state {
            State::Closed => self.prepared = Some(Prepared::nothing()),
            _ if self.prepared.is_some() => {}
            // What closes gives everything away, and has nothing to prepare then.
            State::Closing => drop(self.go_on()?),
            _ => {
                self.state = State::Preparing(epoch);
                self.go_on()?;
            }
        }
        Ok(())
    }

    /// Asks the writer to close, if it was not asked.
    fn close(&mut self) -> Result<bool, OperatorFault> {
        if self.state != State::Closed {
            self.state = State::Closing;
        }
        self.go_on()
    }

    /// Goes on with what was begun; true if the writer takes more, or has nothing left to do.
    fn go_on(&mut self) -> Result<bool, OperatorFault> {
        let Some(writer) = &mut self.writer else { return Ok(true) };
        match self.state {
            State::Closed => return Ok(true),
            State::Closing => {
                let closed = writer.poll_close()?;
                self.state = if closed { State::Closed } else { State::Closing };
                return Ok(closed);
            }
            State::Preparing(epoch) => {
                self.prepared = writer.poll_prepare(epoch)?;
                if self.prepared.is_none() {
                    return Ok(false);
                }
                self.state = State::Open;
            }
            State::Flushing => {
                if writer.poll_flush()? {
                    self.state = State::Open;
                }
            }
            State::Open | State::Full => {}
        }
        if self.prepared.is_some() {
            // It is fetched before anything is written.
            return Ok(true);
        }
        let mut ready = self.is_ready || writer.poll_ready()?;
        while ready && let Some(run) = self.aside.as_ref().and_then(Aside::front) {
            self.is_ready = false;
            writer.write(run)?;
            self.aside.iter_mut().for_each(Aside::pop);
            ready = writer.poll_ready()?;
        }
        (self.is_ready, self.refuses) = (ready, !ready);
        self.state = match (ready, self.state) {
            (true, State::Full) => State::Open,
            (false, State::Open) => State::Full,
            (_, state) => state,
        };
        Ok(ready)
    }
}

/// Under which name what was prepared is noted in a checkpoint.
pub(crate) const PREPARED: &str = "prepared";

impl<T: Record, S: Sink<T>> Operator for SinkOperator<T, S> {
    fn freeze(&mut self, into: &mut Freezing<'_>) -> Result<Progress, OperatorFault> {
        let Some(prepared) = self.prepare(into.epoch())? else { return Ok(Progress::More) };
        if canary::sings("early-commit") {
            self.commit(into.epoch())?;
        }
        if !prepared.is_nothing() {
            into.note(PREPARED, &prepared);
        }
        self.outside.aside.iter_mut().for_each(|aside| aside.freeze(into));
        self.outside.frozen = into.epoch();
        Ok(Progress::Done)
    }

    fn await_barrier(&mut self, epoch: u64) {
        self.outside.decided = epoch;
    }

    fn recover(&mut self, from: &Resuming<'_>) -> Result<(), OperatorFault> {
        let prepared: Vec<Prepared> = from.notes(PREPARED)?;
        self.sink.recover(&prepared, &self.context)
    }

    fn resume(&mut self, from: &Resuming<'_>) -> Result<(), OperatorFault> {
        self.context.restored = from.notes(PREPARED)?.into();
        let Self { outside, idle, .. } = self;
        outside.aside.iter_mut().try_for_each(|aside| aside.resume(from, !*idle))?;
        // Not before the first record: what lies aside does not wait for one.
        if outside.has_aside() {
            self.writer()?;
        }
        Ok(())
    }

    fn commit(&mut self, epoch: u64) -> Result<(), OperatorFault> {
        let Some(writer) = &mut self.outside.writer else { return Ok(()) };
        if self.outside.state == State::Closed {
            return Ok(());
        }
        writer.commit(epoch)?;
        if matches!(self.end, End::In(last) if last <= epoch) {
            self.outside.close()?;
        }
        Ok(())
    }

    fn end(&mut self) -> Result<Progress, OperatorFault> {
        if self.idle {
            return Ok(Progress::Done);
        }
        self.writer()?;
        self.is_ending = self.outside.has_aside();
        if self.is_ending {
            // The output is free again when all of it is written; what is awaited comes behind the end.
            self.outside.frozen = u64::MAX;
            return Ok(Progress::More);
        }
        if self.closes_late {
            self.end = End::Ended;
            return Ok(Progress::Done);
        }
        self.outside.close().map(Progress::from)
    }

    /// Comes only when nothing lies aside, and then when the writer is closed, or has failed: until then the output is not free.
    fn slice(&mut self, _: usize) -> Result<Progress, OperatorFault> {
        self.outside.fault.take().map_or(Ok(()), Err)?;
        if self.is_ending {
            return self.end();
        }
        let closed = self.outside.go_on()?;
        Ok(if closed { Progress::Done } else { Progress::More })
    }

    fn outputs(&mut self, each: &mut dyn FnMut(&mut dyn AnyOutput)) {
        each(&mut self.outside);
    }

    /// A sink holds nothing back: what it was given is all to be written.
    fn halt(&mut self) -> Result<Progress, OperatorFault> {
        self.end()
    }
}

impl<T: Record, S: Sink<T>> Input<T, 0> for SinkOperator<T, S> {
    fn records(&mut self, run: Records<'_, T>) -> Result<(), OperatorFault> {
        self.outside.fault.take().map_or(Ok(()), Err)?;
        let is_first = self.outside.writer.is_none();
        self.writer()?;
        if is_first {
            // It could not be asked before it was open.
            self.outside.go_on()?;
        }
        self.outside.write(run)
    }
}

impl<T: Record, W: SinkWriter<T>> AnyOutput for Outside<T, W> {
    fn end_step(&mut self) -> Result<(), OperatorFault> {
        self.fault.take().map_or(Ok(()), Err)
    }

    fn flush(&mut self) -> bool {
        let holds_back = self.has_open();
        if holds_back {
            self.state = State::Flushing;
            self.drain();
        }
        holds_back
    }

    /// After an error the task is free: it is told with the next thing that it does.
    fn drain(&mut self) -> bool {
        if self.fault.is_some() {
            return true;
        }
        let free = self.go_on().unwrap_or_else(|fault| {
            self.fault = Some(fault);
            true
        });
        free || self.lays_aside()
    }

    fn is_blocked(&self) -> bool {
        match self.state {
            State::Full => !self.lays_aside(),
            State::Preparing(_) | State::Closing => true,
            State::Open | State::Flushing | State::Closed => false,
        }
    }

    fn is_hungry(&mut self) -> bool {
        false
    }

    fn has_open(&self) -> bool {
        self.state == State::Open && self.writer.as_ref().is_some_and(SinkWriter::holds_back)
    }

    fn waits_outside(&self) -> bool {
        !matches!(self.state, State::Open | State::Closed)
    }

    fn emit_control(&mut self, _: Control) {}

    fn emitted(&self) -> u64 {
        0
    }

    fn emitted_bytes(&self) -> u64 {
        0
    }

    fn stamp_origin(&mut self, _: u64) {}
}

#[cfg(test)]
mod tests;
