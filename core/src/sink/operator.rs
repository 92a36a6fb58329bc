//! The operator at the end of a stream: hands runs to a writer, and closes it.
//!
//! Towards the task the writer behaves like an output ([`AnyOutput`]): one that takes no more is an output that waits for room, so the task reads
//! nothing; one that holds something back is an open page, which is sent on when the worker runs dry.

use std::marker::PhantomData;

use super::{Sink, SinkWriter};
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
    outside: Outside<T, S::Writer>,
}

/// The writer, seen as an output.
struct Outside<T, W> {
    writer: Option<W>,
    state: State,
    /// It has said that it takes a run, and was not given one since. Tasks are asked for room more often than they use it: a writer that counts
    /// the questions, or has room only now and then, must not spend its yes on one that nobody acts on.
    is_ready: bool,
    /// An error that came when nobody could be told; the next call is.
    fault: Option<OperatorFault>,
    marker: PhantomData<fn(T)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// Asked to send on what it holds back.
    Flushing,
    /// It takes no more for now.
    Full,
    /// The input has ended.
    Closing,
    Closed,
}

impl<T: Record, S: Sink<T>> SinkOperator<T, S> {
    /// `idle`: no record will come to this worker, and no writer is opened here.
    pub(crate) fn new(sink: S, context: OpenContext, idle: bool) -> Self {
        let outside = Outside {
            writer: None,
            state: State::Open,
            is_ready: false,
            fault: None,
            marker: PhantomData,
        };
        Self { sink, context, idle, outside }
    }

    fn writer(&mut self) -> Result<&mut S::Writer, OperatorFault> {
        if self.outside.writer.is_none() {
            self.outside.writer = Some(self.sink.open(&self.context)?);
        }
        Ok(self.outside.writer.as_mut().expect("invariant: opened above"))
    }
}

impl<T: Record, W: SinkWriter<T>> Outside<T, W> {
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
            State::Flushing => {
                if writer.poll_flush()? {
                    self.state = State::Open;
                }
            }
            State::Open | State::Full => {}
        }
        let ready = self.is_ready || writer.poll_ready()?;
        self.is_ready = ready;
        self.state = match (ready, self.state) {
            (true, State::Full) => State::Open,
            (false, State::Open) => State::Full,
            (_, state) => state,
        };
        Ok(ready)
    }
}

impl<T: Record, S: Sink<T>> Operator for SinkOperator<T, S> {
    fn end(&mut self) -> Result<Progress, OperatorFault> {
        if self.idle {
            return Ok(Progress::Done);
        }
        self.writer()?;
        if self.outside.state != State::Closed {
            self.outside.state = State::Closing;
        }
        self.slice(0)
    }

    /// Comes only when the writer is closed, or has failed: until then the output is not free.
    fn slice(&mut self, _: usize) -> Result<Progress, OperatorFault> {
        self.outside.fault.take().map_or(Ok(()), Err)?;
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
        self.outside.is_ready = false;
        self.writer()?.write(run)
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
        self.go_on().unwrap_or_else(|fault| {
            self.fault = Some(fault);
            true
        })
    }

    fn is_blocked(&self) -> bool {
        matches!(self.state, State::Full | State::Closing)
    }

    fn is_hungry(&self) -> bool {
        false
    }

    fn has_open(&self) -> bool {
        self.state == State::Open && self.writer.as_ref().is_some_and(SinkWriter::holds_back)
    }

    fn waits_outside(&self) -> bool {
        matches!(self.state, State::Full | State::Closing | State::Flushing)
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
