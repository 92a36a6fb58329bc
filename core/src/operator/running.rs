//! Running aggregates: each record changes what its key's records come to, and what they come to now is sent on.
//!
//! The accumulator of a key is all there is, and it lies in the table `accumulators` of the operator. It is kept for as long as the job
//! runs: keys that come and go belong into windows.

use std::marker::PhantomData;
use std::rc::Rc;

use super::aggregate::Aggregator;
use super::output::{AnyOutput, Output};
use super::two_phase::{Early, EarlyOf, Part};
use super::{Input, Operator, Progress};
use crate::checkpoint::Freezing;
use crate::error::OperatorFault;
use crate::exchange::{KeySelector, Records};
use crate::operator::ahead::each_ahead;
use crate::raw::view::Rec;
use crate::record::{Key, KeyRef, KeyScratch, Record};
use crate::state::ValueTable;

/// What the records of a key come to so far.
#[thalweg::record]
pub struct Running<K: Key, V: Record> {
    /// The key.
    pub key: K,
    /// The aggregate of all its records, with the one that has just come.
    pub value: V,
}

/// Made by `KeyedStream::aggregate`.
pub(crate) struct RunningAggregate<T: Record, S: KeySelector<T>, A: Aggregator<T>> {
    selector: Rc<S>,
    accumulators: ValueTable<A::Accumulator>,
    aggregator: A,
    out: Output<Running<S::Key, A::Result>>,
    key: KeyScratch,
}

impl<T: Record, S: KeySelector<T>, A: Aggregator<T>> RunningAggregate<T, S, A> {
    pub(crate) fn new(
        selector: Rc<S>,
        accumulators: ValueTable<A::Accumulator>,
        aggregator: A,
        out: Output<Running<S::Key, A::Result>>,
    ) -> Self {
        Self { selector, accumulators, aggregator, out, key: KeyScratch::default() }
    }
}

impl<T: Record, S: KeySelector<T>, A: Aggregator<T>> Operator for RunningAggregate<T, S, A> {
    fn freeze(&mut self, into: &mut Freezing<'_>) -> Result<Progress, OperatorFault> {
        into.state(&mut self.accumulators);
        Ok(Progress::Done)
    }

    fn outputs(&mut self, each: &mut dyn FnMut(&mut dyn AnyOutput)) {
        each(&mut self.out);
    }
}

impl<T: Record, S: KeySelector<T>, A: Aggregator<T>> Input<T, 0> for RunningAggregate<T, S, A> {
    fn records(&mut self, run: Records<'_, T>) -> Result<(), OperatorFault> {
        let Self { selector, accumulators, aggregator, out, key } = self;
        let hash_of = |_, hash| hash;
        each_ahead(run, accumulators, hash_of, |accumulators, hint, (record, at, hash)| {
            let bytes = selector.bytes(record, key);
            let create = || aggregator.create();
            let value = accumulators.update((hash, hint), bytes, create, |accumulator| {
                aggregator.add(accumulator, record, at);
                aggregator.result(accumulator)
            });
            out.value(&Running { key: S::Key::from_key_bytes(bytes), value }, at);
        });
        Ok(())
    }
}

/// Those of two phases: what some records of a key have come to elsewhere.
impl<T, S, A> Input<EarlyOf<T, S, A>, 0> for RunningAggregate<T, S, A>
where
    T: Record,
    S: KeySelector<T>,
    A: Aggregator<T>,
{
    fn records(&mut self, run: Records<'_, EarlyOf<T, S, A>>) -> Result<(), OperatorFault> {
        let Self { accumulators, aggregator, out, key: scratch, .. } = self;
        let hash_of = |_, hash| hash;
        each_ahead(run, accumulators, hash_of, |accumulators, hint, (early, at, hash)| {
            let Early::Part(Part { key, value: part, .. }) = early.to_value() else {
                unreachable!("invariant: no record is late for a running aggregate")
            };
            let (bytes, create) = (KeyRef::bytes(&key, scratch), || aggregator.create());
            let value = accumulators.update((hash, hint), bytes, create, |accumulator| {
                aggregator.merge(accumulator, part);
                aggregator.result(accumulator)
            });
            out.value(&Running { key, value }, at);
        });
        Ok(())
    }
}

/// Made by `KeyedStream::reduce`: the accumulator is a record like those that come in.
pub(crate) struct Reduce<T: Record, S, F> {
    selector: Rc<S>,
    accumulators: ValueTable<Option<T>>,
    reduce: F,
    out: Output<T>,
    key: KeyScratch,
    marker: PhantomData<fn(T)>,
}

impl<T: Record, S, F> Reduce<T, S, F> {
    pub(crate) fn new(
        selector: Rc<S>,
        accumulators: ValueTable<Option<T>>,
        reduce: F,
        out: Output<T>,
    ) -> Self {
        let (key, marker) = (KeyScratch::default(), PhantomData);
        Self { selector, accumulators, reduce, out, key, marker }
    }
}

impl<T, S, F> Operator for Reduce<T, S, F>
where
    T: Record,
    S: KeySelector<T>,
    F: FnMut(T, &Rec<T>) -> T + 'static,
{
    fn freeze(&mut self, into: &mut Freezing<'_>) -> Result<Progress, OperatorFault> {
        into.state(&mut self.accumulators);
        Ok(Progress::Done)
    }

    fn outputs(&mut self, each: &mut dyn FnMut(&mut dyn AnyOutput)) {
        each(&mut self.out);
    }
}

impl<T, S, F> Input<T, 0> for Reduce<T, S, F>
where
    T: Record,
    S: KeySelector<T>,
    F: FnMut(T, &Rec<T>) -> T + 'static,
{
    fn records(&mut self, run: Records<'_, T>) -> Result<(), OperatorFault> {
        let Self { selector, accumulators, reduce, out, key, .. } = self;
        let hash_of = |_, hash| hash;
        each_ahead(run, accumulators, hash_of, |accumulators, hint, (record, at, hash)| {
            let bytes = selector.bytes(record, key);
            accumulators.update(
                (hash, hint),
                bytes,
                || None,
                |accumulator| {
                    let next = match accumulator.take() {
                        None => record.to_value(),
                        Some(old) => reduce(old, record),
                    };
                    out.value(accumulator.insert(next), at);
                },
            );
        });
        Ok(())
    }
}
