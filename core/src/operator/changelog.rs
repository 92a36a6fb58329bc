//! Aggregates as changelogs, of streams and of changelogs.
//!
//! What the rows of a key come to is a row of a table itself; each change of it is sent on, as what it was and what it is. Rows that are taken back
//! are taken out of the aggregate ([`Retract`]); when a key has no row left, its aggregate is deleted and the key forgotten.
//!
//! All state is the accumulators, each with the number of its rows, in the table `accumulators` of the operator.

use std::marker::PhantomData;
use std::rc::Rc;

use super::aggregate::{Aggregator, Retract};
use super::change::{Change, changes};
use super::output::{AnyOutput, Output};
use super::running::Running;
use super::{Input, Operator, Progress};
use crate::checkpoint::Freezing;
use crate::error::OperatorFault;
use crate::exchange::{KeySelector, Records};
use crate::operator::ahead::each_ahead;
use crate::raw::view::Rec;
use crate::record::{Key, KeyScratch, Record};
use crate::state::ValueTable;
use crate::time::EventTime;

/// How a record changes the aggregate of its key.
pub(crate) trait Mode<T: Record, A: Aggregator<T>>: 'static {
    /// Adds the record, and is true, or takes it back.
    fn apply(
        aggregator: &A,
        accumulator: &mut A::Accumulator,
        record: &Rec<T>,
        at: EventTime,
    ) -> bool;
}

/// Every record is a row that comes and stays.
pub(crate) struct Appended;

impl<T: Record, A: Aggregator<T>> Mode<T, A> for Appended {
    #[inline]
    fn apply(
        aggregator: &A,
        accumulator: &mut A::Accumulator,
        record: &Rec<T>,
        at: EventTime,
    ) -> bool {
        aggregator.add(accumulator, record, at);
        true
    }
}

/// Every record is a change.
pub(crate) struct Changed;

impl<T: Record, A: Retract<Change<T>>> Mode<Change<T>, A> for Changed {
    #[inline]
    fn apply(
        aggregator: &A,
        accumulator: &mut A::Accumulator,
        record: &Rec<Change<T>>,
        at: EventTime,
    ) -> bool {
        if record.adds() {
            aggregator.add(accumulator, record, at);
        } else {
            aggregator.retract(accumulator, record, at);
        }
        record.adds()
    }
}

/// Made by `KeyedStream::aggregate_as_changes` and `KeyedStream::aggregate_changes`.
pub(crate) struct ChangelogAggregate<T: Record, S: KeySelector<T>, A: Aggregator<T>, M> {
    selector: Rc<S>,
    accumulators: ValueTable<(u64, A::Accumulator)>,
    aggregator: A,
    out: Output<Change<Running<S::Key, A::Result>>>,
    key: KeyScratch,
    marker: PhantomData<fn(M)>,
}

impl<T: Record, S: KeySelector<T>, A: Aggregator<T>, M> ChangelogAggregate<T, S, A, M> {
    pub(crate) fn new(
        selector: Rc<S>,
        accumulators: ValueTable<(u64, A::Accumulator)>,
        aggregator: A,
        out: Output<Change<Running<S::Key, A::Result>>>,
    ) -> Self {
        let (key, marker) = (KeyScratch::default(), PhantomData);
        Self { selector, accumulators, aggregator, out, key, marker }
    }
}

impl<T: Record, S: KeySelector<T>, A: Aggregator<T>, M: 'static> Operator
    for ChangelogAggregate<T, S, A, M>
{
    fn freeze(&mut self, into: &mut Freezing<'_>) -> Result<Progress, OperatorFault> {
        into.state(&mut self.accumulators);
        Ok(Progress::Done)
    }

    fn outputs(&mut self, each: &mut dyn FnMut(&mut dyn AnyOutput)) {
        each(&mut self.out);
    }
}

/// A changelog that does not belong together: it comes from a join or an aggregate that was dealt by another key in between.
const NOTHING_TO_TAKE_BACK: &str = "a change takes back a row that is not there: changes of one row have to come in order, from one worker";

impl<T, S, A, M> Input<T, 0> for ChangelogAggregate<T, S, A, M>
where
    T: Record,
    S: KeySelector<T>,
    A: Aggregator<T, Result: PartialEq>,
    M: Mode<T, A>,
{
    fn records(&mut self, run: Records<'_, T>) -> Result<(), OperatorFault> {
        let Self { selector, accumulators, aggregator, out, key, .. } = self;
        let hash_of = |_, hash| hash;
        let mut fault = None;
        each_ahead(run, accumulators, hash_of, |accumulators, hint, (record, at, hash)| {
            let bytes = selector.bytes(record, key);
            let create = || (0, aggregator.create());
            let change = |(rows, accumulator): &mut (u64, A::Accumulator)| {
                let before = (*rows > 0).then(|| aggregator.result(accumulator));
                if M::apply(aggregator, accumulator, record, at) {
                    *rows += 1;
                } else if *rows > 0 {
                    *rows -= 1;
                } else {
                    fault.get_or_insert(NOTHING_TO_TAKE_BACK);
                }
                (before, (*rows > 0).then(|| aggregator.result(accumulator)))
            };
            let (before, after) = accumulators.update((hash, hint), bytes, create, change);
            if after.is_none() {
                accumulators.remove(hash, bytes);
            }
            let running = |value| Running { key: S::Key::from_key_bytes(bytes), value };
            changes(before.map(running), after.map(running), |change| out.value(&change, at));
        });
        fault.map_or(Ok(()), |fault| Err(fault.into()))
    }
}
