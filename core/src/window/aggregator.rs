//! How records become one value: fold, aggregator, reduce.
//!
//! A fold adds records to an accumulator, which is enough where each record is in windows that never become one. Sliding and cumulating
//! windows share slices, and sessions merge: there two accumulators have to become one, which an [`Aggregator`] can do.

use std::cell::RefCell;
use std::marker::PhantomData;

use super::tree::Merge;
use crate::operator::aggregate::Aggregator;
use crate::raw::scratch::Scratch;
use crate::raw::view::Rec;
use crate::record::Record;
use crate::time::EventTime;

/// An aggregator as the pane tree sees it.
pub(crate) struct Merger<'a, T, A> {
    pub(crate) aggregator: &'a A,
    marker: PhantomData<fn(T)>,
}

impl<'a, T, A> Merger<'a, T, A> {
    pub(crate) fn of(aggregator: &'a A) -> Self {
        Self { aggregator, marker: PhantomData }
    }
}

impl<T: Record, A: Aggregator<T>> Merge<A::Accumulator> for Merger<'_, T, A> {
    #[inline]
    fn create(&self) -> A::Accumulator {
        self.aggregator.create()
    }

    #[inline]
    fn merge(&mut self, into: &mut A::Accumulator, later: A::Accumulator) {
        self.aggregator.merge(into, later);
    }
}

/// Adds records and never merges: for windows whose accumulators stay apart; made by `WindowedStream::aggregate`.
pub(crate) struct FoldOnly<V, F> {
    add: F,
    marker: PhantomData<fn() -> V>,
}

impl<V, F> FoldOnly<V, F> {
    pub(crate) fn new(add: F) -> Self {
        Self { add, marker: PhantomData }
    }
}

impl<T, V, F> Aggregator<T> for FoldOnly<V, F>
where
    T: Record,
    V: Record + Default + Clone,
    F: Fn(&mut V, &Rec<T>) + 'static,
{
    type Accumulator = V;
    type Result = V;

    fn create(&self) -> V {
        V::default()
    }

    #[inline]
    fn add(&self, accumulator: &mut V, record: &Rec<T>, _: EventTime) {
        (self.add)(accumulator, record);
    }

    fn merge(&self, _: &mut V, _: V) {
        unreachable!("invariant: windows that merge or share slices were refused")
    }

    fn result(&self, accumulator: &V) -> V {
        accumulator.clone()
    }
}

/// Keeps one record, made of all; made by `WindowedStream::reduce`.
pub(crate) struct Reducing<T: Record, F> {
    reduce: F,
    scratch: RefCell<Scratch<T>>,
}

impl<T: Record, F> Reducing<T, F> {
    pub(crate) fn new(reduce: F) -> Self {
        Self { reduce, scratch: RefCell::default() }
    }
}

impl<T, F> Aggregator<T> for Reducing<T, F>
where
    T: Record + Clone,
    F: Fn(&mut T, &Rec<T>) + 'static,
    Option<T>: Record,
{
    type Accumulator = Option<T>;
    type Result = T;

    fn create(&self) -> Option<T> {
        None
    }

    fn add(&self, accumulator: &mut Option<T>, record: &Rec<T>, _: EventTime) {
        match accumulator {
            Some(value) => (self.reduce)(value, record),
            None => *accumulator = Some(record.to_value()),
        }
    }

    fn merge(&self, accumulator: &mut Option<T>, later: Option<T>) {
        match (accumulator, later) {
            (Some(value), Some(later)) => {
                (self.reduce)(value, self.scratch.borrow_mut().archive(&later))
            }
            (accumulator, later) => *accumulator = accumulator.take().or(later),
        }
    }

    fn result(&self, accumulator: &Option<T>) -> T {
        accumulator.clone().expect("invariant: a window that fires has a record")
    }
}

/// The accumulator of [`Spanning`].
#[thalweg::record]
pub(crate) struct Spanned<V: Record> {
    pub(crate) first: EventTime,
    pub(crate) last: EventTime,
    pub(crate) value: V,
}

/// An aggregation that also knows when its first and its last record were.
pub(crate) struct Spanning<A>(pub(crate) A);

impl<T: Record, A: Aggregator<T>> Aggregator<T> for Spanning<A> {
    type Accumulator = Spanned<A::Accumulator>;
    type Result = Spanned<A::Result>;

    fn create(&self) -> Self::Accumulator {
        Spanned { first: EventTime::MAX, last: EventTime::MIN, value: self.0.create() }
    }

    fn add(&self, accumulator: &mut Self::Accumulator, record: &Rec<T>, at: EventTime) {
        accumulator.first = accumulator.first.min(at);
        accumulator.last = accumulator.last.max(at);
        self.0.add(&mut accumulator.value, record, at);
    }

    fn merge(&self, accumulator: &mut Self::Accumulator, later: Self::Accumulator) {
        accumulator.first = accumulator.first.min(later.first);
        accumulator.last = accumulator.last.max(later.last);
        self.0.merge(&mut accumulator.value, later.value);
    }

    fn result(&self, spanned: &Self::Accumulator) -> Self::Result {
        let Spanned { first, last, value } = spanned;
        Spanned { first: *first, last: *last, value: self.0.result(value) }
    }
}
