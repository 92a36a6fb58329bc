//! Panes that hold an accumulator.

use std::marker::PhantomData;

use super::TimeWindow;
use super::pane::{Add, Body, Site};
use super::result::{Finish, Fired};
use crate::checkpoint::Freezing;
use crate::operator::aggregate::Aggregator;
use crate::operator::output::Output;
use crate::raw::view::Rec;
use crate::record::Record;
use crate::time::EventTime;

/// An accumulator, and what is made of its result.
pub(crate) struct Aggregated<T, A: Aggregator<T>, F>
where
    T: Record,
{
    aggregator: A,
    finish: F,
    marker: PhantomData<fn(T)>,
}

impl<T: Record, A: Aggregator<T>, F> Aggregated<T, A, F> {
    pub(crate) fn new(aggregator: A, finish: F) -> Self {
        Self { aggregator, finish, marker: PhantomData }
    }
}

impl<T: Record, A: Aggregator<T>, F: Finish<A::Result>> Body for Aggregated<T, A, F> {
    type Value = A::Accumulator;
    type Out = F::Out;

    fn merge(
        &mut self,
        into: &mut Option<A::Accumulator>,
        _: &Site<'_>,
        from: A::Accumulator,
        _: TimeWindow,
    ) {
        match into {
            Some(value) => self.aggregator.merge(value, from),
            None => *into = Some(from),
        }
    }

    fn fire(
        &mut self,
        value: &mut Option<A::Accumulator>,
        fired: &Fired<'_>,
        _: &Site<'_>,
        _: bool,
        out: &mut Output<F::Out>,
    ) {
        if let Some(accumulator) = value {
            self.finish.finish(fired, self.aggregator.result(accumulator), out);
        }
    }

    fn freeze(&mut self, into: &mut Freezing<'_>) {
        self.finish.freeze(into);
    }

    fn forget_through(&mut self, end: EventTime) {
        self.finish.forget_through(end);
    }
}

impl<T: Record, A: Aggregator<T>, F: Finish<A::Result>> Add<T> for Aggregated<T, A, F> {
    #[inline]
    fn add(
        &mut self,
        value: &mut Option<A::Accumulator>,
        _: &Site<'_>,
        record: &Rec<T>,
        at: EventTime,
    ) {
        let accumulator = value.get_or_insert_with(|| self.aggregator.create());
        self.aggregator.add(accumulator, record, at);
    }
}
