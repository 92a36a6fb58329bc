//! Over-aggregates: for each row of a key, what it and some rows before it come to, in an order of their own.
//!
//! SQL's `OVER (PARTITION BY key ORDER BY order ROWS BETWEEN n PRECEDING AND CURRENT ROW)`, kept true while rows come, change and go in any order:
//! a row that comes moves into the frames of up to `n` rows behind it, and what they come to is sent anew.
//!
//! The rows of a key are a list in the table `rows` of the operator, in their order. That is all the state.
//!
//! # Invariants
//!
//! 1. Rows of equal order stand as they came.
//! 2. A row's value is that of its frame as of the last change; the changes that were sent, applied in order, give exactly these values.

use std::marker::PhantomData;
use std::rc::Rc;

use super::aggregate::Aggregator;
use super::change::{Change, changes};
use super::output::{AnyOutput, Output};
use super::{Input, Operator, Progress};
use crate::checkpoint::Freezing;
use crate::error::OperatorFault;
use crate::exchange::{KeySelector, Records};
use crate::operator::ahead::each_ahead;
use crate::raw::scratch::Scratch;
use crate::raw::view::Rec;
use crate::record::{KeyScratch, Record};
use crate::state::ValueTable;
use crate::time::EventTime;

/// A row, and what it and the rows before it come to.
#[thalweg::record]
pub struct Over<T: Record, V: Record> {
    /// The row.
    pub row: T,
    /// The aggregate of its frame.
    pub value: V,
}

/// Values of frames.
struct Frames<T: Record, A> {
    preceding: usize,
    aggregator: A,
    /// The rows around a change, each archived once: it is in up to `preceding + 1` frames.
    archived: Vec<Scratch<T>>,
}

impl<T: Record, A: Aggregator<T>> Frames<T, A> {
    /// The values of the rows `from..to`.
    fn values<O>(
        &mut self,
        rows: &[(O, T)],
        (from, to): (usize, usize),
        at: EventTime,
        values: &mut Vec<A::Result>,
    ) {
        let Self { preceding, aggregator, archived } = self;
        values.clear();
        let to = to.min(rows.len());
        let first = from.saturating_sub(*preceding);
        let rows = &rows[first..to.max(first)];
        if archived.len() < rows.len() {
            archived.resize_with(rows.len(), Scratch::default);
        }
        let views = archived.iter_mut().zip(rows).map(|(scratch, (_, row))| scratch.archive(row));
        let views: Vec<&Rec<T>> = views.collect();
        for place in from..to {
            let mut accumulator = aggregator.create();
            for view in &views[place.saturating_sub(*preceding) - first..=place - first] {
                aggregator.add(&mut accumulator, view, at);
            }
            values.push(aggregator.result(&accumulator));
        }
    }

    /// The end of the rows into whose frames the row at `place` reaches.
    fn reach(&self, place: usize) -> usize {
        place.saturating_add(self.preceding).saturating_add(1)
    }
}

/// Made by `OverStream::aggregate`.
pub(crate) struct OverAggregate<T: Record, S, O: Record, F, A: Aggregator<T>> {
    selector: Rc<S>,
    rows: ValueTable<Vec<(O, T)>>,
    order: F,
    frames: Frames<T, A>,
    out: Output<Change<Over<T, A::Result>>>,
    key: KeyScratch,
    values: Values<A::Result>,
    marker: PhantomData<fn(T)>,
}

impl<T: Record, S, O: Record, F, A: Aggregator<T>> OverAggregate<T, S, O, F, A> {
    pub(crate) fn new(
        selector: Rc<S>,
        rows: ValueTable<Vec<(O, T)>>,
        (order, preceding): (F, usize),
        aggregator: A,
        out: Output<Change<Over<T, A::Result>>>,
    ) -> Self {
        let frames = Frames { preceding, aggregator, archived: Vec::new() };
        let (key, values, marker) = (KeyScratch::default(), Default::default(), PhantomData);
        Self { selector, rows, order, frames, out, key, values, marker }
    }
}

impl<T, S, O, F, A> Operator for OverAggregate<T, S, O, F, A>
where
    T: Record,
    S: KeySelector<Change<T>>,
    O: Record,
    F: 'static,
    A: Aggregator<T>,
{
    fn freeze(&mut self, into: &mut Freezing<'_>) -> Result<Progress, OperatorFault> {
        into.state(&mut self.rows);
        Ok(Progress::Done)
    }

    fn outputs(&mut self, each: &mut dyn FnMut(&mut dyn AnyOutput)) {
        each(&mut self.out);
    }
}

impl<T, S, O, F, A> Input<Change<T>, 0> for OverAggregate<T, S, O, F, A>
where
    T: Record + Clone + PartialEq,
    S: KeySelector<Change<T>>,
    O: Record + Ord,
    F: FnMut(&Rec<Change<T>>) -> O + 'static,
    A: Aggregator<T, Result: PartialEq>,
{
    fn records(&mut self, run: Records<'_, Change<T>>) -> Result<(), OperatorFault> {
        let Self { selector, rows, order, frames, out, key, values, .. } = self;
        let hash_of = |_, hash| hash;
        let mut fault = None;
        each_ahead(run, rows, hash_of, |table, hint, (record, at, hash)| {
            let bytes = selector.bytes(record, key);
            let (order, change) = (order(record), record.to_value());
            let is_empty = table.update((hash, hint), bytes, Vec::new, |rows| {
                let mut emit = |before: Option<Over<T, A::Result>>, after| {
                    changes(before, after, |change| out.value(&change, at));
                };
                if change.kind.adds() {
                    insert(rows, frames, (order, change.value), (at, values), &mut emit);
                } else if !remove(rows, frames, (&order, &change.value), (at, values), &mut emit) {
                    fault.get_or_insert(NOT_THERE);
                }
                rows.is_empty()
            });
            if is_empty {
                table.remove(hash, bytes);
            }
        });
        fault.map_or(Ok(()), |fault| Err(fault.into()))
    }
}

const NOT_THERE: &str = "a change takes back a row that is not there: changes of one row have to come in order, from one worker";

/// Values before a change and after it.
type Values<R> = (Vec<R>, Vec<R>);

fn over<T: Record + Clone, V: Record>(row: &T, value: V) -> Over<T, V> {
    Over { row: row.clone(), value }
}

/// Puts a row in its place, and says what that changes.
fn insert<T: Record + Clone, O: Ord, A: Aggregator<T>>(
    rows: &mut Vec<(O, T)>,
    frames: &mut Frames<T, A>,
    (order, row): (O, T),
    (at, (before, after)): (EventTime, &mut Values<A::Result>),
    emit: &mut impl FnMut(Option<Over<T, A::Result>>, Option<Over<T, A::Result>>),
) {
    let place = rows.partition_point(|(other, _)| *other <= order);
    frames.values(rows, (place, frames.reach(place) - 1), at, before);
    rows.insert(place, (order, row));
    frames.values(rows, (place, frames.reach(place)), at, after);
    let mut after = after.drain(..);
    emit(None, after.next().map(|value| over(&rows[place].1, value)));
    for ((_, row), (before, after)) in rows[place + 1..].iter().zip(before.drain(..).zip(after)) {
        emit(Some(over(row, before)), Some(over(row, after)));
    }
}

/// Takes a row out, and says what that changes; false if it is not there.
fn remove<T: Record + Clone + PartialEq, O: Ord, A: Aggregator<T>>(
    rows: &mut Vec<(O, T)>,
    frames: &mut Frames<T, A>,
    (order, row): (&O, &T),
    (at, (before, after)): (EventTime, &mut Values<A::Result>),
    emit: &mut impl FnMut(Option<Over<T, A::Result>>, Option<Over<T, A::Result>>),
) -> bool {
    let first = rows.partition_point(|(other, _)| other < order);
    let equals = rows[first..].iter().take_while(|(other, _)| other == order);
    let Some(place) =
        equals.zip(first..).find_map(|((_, other), place)| (other == row).then_some(place))
    else {
        return false;
    };
    frames.values(rows, (place, frames.reach(place)), at, before);
    rows.remove(place);
    frames.values(rows, (place, frames.reach(place) - 1), at, after);
    let mut before = before.drain(..);
    emit(before.next().map(|value| over(row, value)), None);
    for ((_, row), (before, after)) in rows[place..].iter().zip(before.zip(after.drain(..))) {
        emit(Some(over(row, before)), Some(over(row, after)));
    }
    true
}
