//! Aggregators that windows need beside those of [`crate::agg`]: a fold, reduce, and one that knows when its records were.

use std::cell::RefCell;
use std::marker::PhantomData;

use crate::operator::aggregate::Aggregator;
use crate::raw::scratch::Scratch;
use crate::raw::view::Rec;
use crate::record::Record;
use crate::time::EventTime;

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
    T: Record,
    F: Fn(T, &Rec<T>) -> T + 'static,
{
    type Accumulator = Option<T>;
    type Result = T;

    fn create(&self) -> Option<T> {
        None
    }

    fn add(&self, accumulator: &mut Option<T>, record: &Rec<T>, _: EventTime) {
        *accumulator = Some(match accumulator.take() {
            Some(value) => (self.reduce)(value, record),
            None => record.to_value(),
        });
    }

    fn merge(&self, accumulator: &mut Option<T>, later: Option<T>) {
        *accumulator = match (accumulator.take(), later) {
            (Some(value), Some(later)) => {
                Some((self.reduce)(value, self.scratch.borrow_mut().archive(&later)))
            }
            (value, later) => value.or(later),
        };
    }

    fn result(&self, accumulator: &Option<T>) -> T {
        let value = accumulator.as_ref().expect("invariant: a window that fires has a record");
        // A record need not be `Clone`: its archive is a copy of it.
        self.scratch.borrow_mut().archive(value).to_value()
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

    fn result(&self, Spanned { first, last, value }: &Self::Accumulator) -> Self::Result {
        Spanned { first: *first, last: *last, value: self.0.result(value) }
    }
}
