//! `KeyedStream::connect(...).process(...)`: two inputs, one state.

use std::rc::Rc;

use super::FIRST_SLICE;
use super::shared::Keyed;
use super::side::show;
use super::traits::KeyedCoProcess;
use crate::checkpoint::{Freezing, Resuming};
use crate::error::OperatorFault;
use crate::exchange::{KeySelector, Records};
use crate::operator::output::AnyOutput;
use crate::operator::{Input, Operator, Progress};
use crate::record::KeyScratch;
use crate::time::{EventTime, ProcessingTime};

/// The parts of a [`KeyedCoProcess`].
pub(crate) type KeyedOf<P> = Keyed<
    <P as KeyedCoProcess>::Key,
    <P as KeyedCoProcess>::State,
    <P as KeyedCoProcess>::Timer,
    <P as KeyedCoProcess>::Out,
    <P as KeyedCoProcess>::Side,
>;

/// Made by `ConnectedKeyedStreams::process`.
pub(crate) struct CoProcessor<P: KeyedCoProcess, L, R> {
    process: P,
    left: Rc<L>,
    right: Rc<R>,
    keyed: KeyedOf<P>,
    key: KeyScratch,
}

impl<P: KeyedCoProcess, L, R> CoProcessor<P, L, R> {
    pub(crate) fn new(process: P, left: Rc<L>, right: Rc<R>, keyed: KeyedOf<P>) -> Self {
        Self { process, left, right, keyed, key: KeyScratch::new() }
    }

    fn fire(&mut self, limit: usize) -> Result<Progress, OperatorFault> {
        let Self { process, keyed, .. } = self;
        keyed.fire(limit, |cx, timer, at| process.on_timer(cx, timer, at))
    }
}

impl<P: KeyedCoProcess, L: 'static, R: 'static> Operator for CoProcessor<P, L, R> {
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

impl<P, L, R> Input<P::Left, 0> for CoProcessor<P, L, R>
where
    P: KeyedCoProcess,
    L: KeySelector<P::Left>,
    R: 'static,
{
    fn records(&mut self, run: Records<'_, P::Left>) -> Result<(), OperatorFault> {
        let Self { process, left, keyed, key, .. } = self;
        keyed.each_record(run, &**left, key, |cx, record| process.on_left(cx, record))
    }
}

impl<P, L, R> Input<P::Right, 1> for CoProcessor<P, L, R>
where
    P: KeyedCoProcess,
    L: 'static,
    R: KeySelector<P::Right>,
{
    fn records(&mut self, run: Records<'_, P::Right>) -> Result<(), OperatorFault> {
        let Self { process, right, keyed, key, .. } = self;
        keyed.each_record(run, &**right, key, |cx, record| process.on_right(cx, record))
    }
}
