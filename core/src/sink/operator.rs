//! The operator at the end of a stream: hands runs to a writer, and closes it.

use std::marker::PhantomData;

use super::{Sink, SinkWriter};
use crate::error::OperatorFault;
use crate::exchange::Records;
use crate::operator::output::AnyOutput;
use crate::operator::{Input, Operator, Progress};
use crate::record::Record;
use crate::source::OpenContext;

/// Made by `Stream::sink`; opens its writer with the first run, or at the end if there was none.
pub(crate) struct SinkOperator<T: Record, S: Sink<T>> {
    sink: S,
    context: OpenContext,
    /// On which worker the only writer runs, if there is only one.
    idle: bool,
    writer: Option<S::Writer>,
    marker: PhantomData<fn(T)>,
}

impl<T: Record, S: Sink<T>> SinkOperator<T, S> {
    /// `idle`: no record will come to this worker, and no writer is opened here.
    pub(crate) fn new(sink: S, context: OpenContext, idle: bool) -> Self {
        Self { sink, context, idle, writer: None, marker: PhantomData }
    }

    fn writer(&mut self) -> Result<&mut S::Writer, OperatorFault> {
        if self.writer.is_none() {
            self.writer = Some(self.sink.open(&self.context)?);
        }
        Ok(self.writer.as_mut().expect("invariant: opened above"))
    }
}

impl<T: Record, S: Sink<T>> Operator for SinkOperator<T, S> {
    fn end(&mut self) -> Result<Progress, OperatorFault> {
        if self.idle {
            return Ok(Progress::Done);
        }
        let closed = self.writer()?.poll_close()?;
        Ok(if closed { Progress::Done } else { Progress::More })
    }

    /// A sink holds nothing back: what it was given is all to be written.
    fn halt(&mut self) -> Result<Progress, OperatorFault> {
        self.end()
    }

    fn slice(&mut self, _: usize) -> Result<Progress, OperatorFault> {
        self.end()
    }

    fn outputs(&mut self, _: &mut dyn FnMut(&mut dyn AnyOutput)) {}
}

impl<T: Record, S: Sink<T>> Input<T, 0> for SinkOperator<T, S> {
    fn records(&mut self, run: Records<'_, T>) -> Result<(), OperatorFault> {
        self.writer()?.write(run)
    }
}
