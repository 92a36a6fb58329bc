//! The operator at the end of a stream that the host receives.

use super::outbox::{Outbox, OutputEnds};
use crate::checkpoint::{Freezing, Resuming};
use crate::error::OperatorFault;
use crate::exchange::Records;
use crate::operator::output::AnyOutput;
use crate::operator::{Input, Operator, Progress};
use crate::record::Record;
use crate::sink::InFlight;

/// Made by `Stream::output`.
pub(crate) struct HostOutput<T: Record> {
    outbox: Outbox<T>,
}

impl<T: Record> HostOutput<T> {
    /// `in_flight`: in a job with checkpoints.
    pub(crate) fn new(ends: OutputEnds<T>, in_flight: Option<InFlight<T>>) -> Self {
        Self { outbox: Outbox::new(ends, in_flight) }
    }
}

impl<T: Record> Operator for HostOutput<T> {
    fn await_barrier(&mut self, epoch: u64) {
        self.outbox.await_barrier(epoch);
    }

    fn freeze(&mut self, into: &mut Freezing<'_>) -> Result<Progress, OperatorFault> {
        self.outbox.freeze(into);
        Ok(Progress::Done)
    }

    fn resume(&mut self, from: &Resuming<'_>) -> Result<(), OperatorFault> {
        self.outbox.resume(from)
    }

    fn outputs(&mut self, each: &mut dyn FnMut(&mut dyn AnyOutput)) {
        each(&mut self.outbox);
    }
}

impl<T: Record> Input<T, 0> for HostOutput<T> {
    fn records(&mut self, run: Records<'_, T>) -> Result<(), OperatorFault> {
        self.outbox.push(run);
        Ok(())
    }
}
