//! `Stream::process`: user code over a stream without a key.

use std::rc::Rc;

use super::context::{Collector, PlainContext};
use super::side::show;
use super::traits::Process;
use crate::checkpoint::Resuming;
use crate::error::OperatorFault;
use crate::exchange::Records;
use crate::operator::output::{AnyOutput, Output};
use crate::operator::{Input, Operator, Progress};
use crate::state::Scope;
use crate::time::{EventTime, ProcessingTime};

/// Made by `Stream::process`.
pub(crate) struct PlainProcessor<P: Process> {
    process: P,
    scope: Rc<Scope>,
    out: Output<P::Out>,
    side: P::Side,
    watermark: EventTime,
}

impl<P: Process> PlainProcessor<P> {
    pub(crate) fn new(process: P, scope: Rc<Scope>, out: Output<P::Out>, side: P::Side) -> Self {
        Self { process, scope, out, side, watermark: EventTime::MIN }
    }
}

impl<P: Process> Operator for PlainProcessor<P> {
    fn watermark(&mut self, at: EventTime) -> Result<Progress, OperatorFault> {
        self.watermark = at;
        Ok(Progress::Done)
    }

    fn clock(&mut self, now: ProcessingTime) {
        self.scope.set_processing(now);
    }

    fn resume(&mut self, from: &Resuming<'_>) -> Result<(), OperatorFault> {
        self.watermark = from.watermark();
        Ok(())
    }

    fn outputs(&mut self, each: &mut dyn FnMut(&mut dyn AnyOutput)) {
        show(&mut self.out, &mut self.side, each);
    }
}

impl<P: Process> Input<P::In, 0> for PlainProcessor<P> {
    fn records(&mut self, run: Records<'_, P::In>) -> Result<(), OperatorFault> {
        let Self { process, scope, out, side, watermark } = self;
        for (record, at) in run.iter() {
            scope.set_times(at, at);
            let out = Collector::new(out, at);
            let mut cx = PlainContext { out, side, scope, watermark: *watermark };
            process.on_event(&mut cx, record)?;
        }
        Ok(())
    }
}
