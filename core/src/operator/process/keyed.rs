//! `KeyedStream::process`.

use std::rc::Rc;

use super::FIRST_SLICE;
use super::shared::Keyed;
use super::side::show;
use super::traits::KeyedProcess;
use crate::checkpoint::{Freezing, Resuming};
use crate::error::OperatorFault;
use crate::exchange::{KeySelector, Records};
use crate::operator::output::AnyOutput;
use crate::operator::{Input, Operator, Progress};
use crate::record::KeyScratch;
use crate::time::{EventTime, ProcessingTime};

/// The parts of a [`KeyedProcess`].
pub(crate) type KeyedOf<P> = Keyed<
    <P as KeyedProcess>::Key,
    <P as KeyedProcess>::State,
    <P as KeyedProcess>::Timer,
    <P as KeyedProcess>::Out,
    <P as KeyedProcess>::Side,
>;

/// Made by `KeyedStream::process`.
pub(crate) struct KeyedProcessor<P: KeyedProcess, S> {
    process: P,
    selector: Rc<S>,
    keyed: KeyedOf<P>,
    key: KeyScratch,
}

impl<P: KeyedProcess, S> KeyedProcessor<P, S> {
    pub(crate) fn new(process: P, selector: Rc<S>, keyed: KeyedOf<P>) -> Self {
        Self { process, selector, keyed, key: KeyScratch::new() }
    }

    fn fire(&mut self, limit: usize) -> Result<Progress, OperatorFault> {
        let Self { process, keyed, .. } = self;
        keyed.fire(limit, |cx, timer, at| process.on_timer(cx, timer, at))
    }
}

impl<P: KeyedProcess, S: 'static> Operator for KeyedProcessor<P, S> {
    fn watermark(&mut self, at: EventTime) -> Result<Progress, OperatorFault> {
        self.keyed.advance(at);
        self.fire(FIRST_SLICE)
    }

    fn slice(&mut self, limit: usize) -> Result<Progress, OperatorFault> {
        self.fire(limit)
    }

    fn clock(&mut self, now: ProcessingTime) {
        self.keyed.clock(now);
    }

    fn alarm(&self) -> Option<ProcessingTime> {
        self.keyed.alarm()
    }

    fn on_alarm(&mut self, limit: usize) -> Result<(), OperatorFault> {
        let Self { process, keyed, .. } = self;
        keyed.fire_by_clock(limit, |cx, timer, at| process.on_processing_timer(cx, timer, at))
    }

    fn freeze(&mut self, into: &mut Freezing<'_>) -> Result<Progress, OperatorFault> {
        self.keyed.freeze(into);
        Ok(Progress::Done)
    }

    fn resume(&mut self, from: &Resuming<'_>) -> Result<(), OperatorFault> {
        self.keyed.resume(from.watermark());
        Ok(())
    }

    fn outputs(&mut self, each: &mut dyn FnMut(&mut dyn AnyOutput)) {
        show(&mut self.keyed.out, &mut self.keyed.side, each);
    }
}

impl<P: KeyedProcess, S: KeySelector<P::In>> Input<P::In, 0> for KeyedProcessor<P, S> {
    fn records(&mut self, run: Records<'_, P::In>) -> Result<(), OperatorFault> {
        let Self { process, selector, keyed, key } = self;
        keyed.each_record(run, &**selector, key, |cx, record| process.on_event(cx, record))
    }
}
