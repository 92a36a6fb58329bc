//! `first` and `last`, in the order in which the records came.

use std::marker::PhantomData;

use super::Aggregator;
use crate::raw::view::Rec;
use crate::record::Record;
use crate::time::EventTime;

/// Why a result is there.
const SOME: &str = "invariant: a result is asked for after the first record";

/// Made by [`super::Of::first`].
pub struct First<F, V> {
    read: F,
    marker: PhantomData<fn() -> V>,
}

crate::operator::opaque_debug!(First<F, V>);

impl<F, V> First<F, V> {
    pub(super) fn new(read: F) -> Self {
        Self { read, marker: PhantomData }
    }
}

impl<T, V, F> Aggregator<T> for First<F, V>
where
    T: Record,
    V: Record + Clone,
    F: Fn(&Rec<T>) -> V + 'static,
{
    type Accumulator = Option<V>;
    type Result = V;

    fn create(&self) -> Option<V> {
        None
    }

    #[inline]
    fn add(&self, first: &mut Option<V>, record: &Rec<T>, _: EventTime) {
        first.get_or_insert_with(|| (self.read)(record));
    }

    fn merge(&self, first: &mut Option<V>, later: Option<V>) {
        if first.is_none() {
            *first = later;
        }
    }

    #[inline]
    fn result(&self, first: &Option<V>) -> V {
        first.clone().expect(SOME)
    }
}

/// Made by [`super::Of::last`].
pub struct Last<F, V> {
    read: F,
    marker: PhantomData<fn() -> V>,
}

crate::operator::opaque_debug!(Last<F, V>);

impl<F, V> Last<F, V> {
    pub(super) fn new(read: F) -> Self {
        Self { read, marker: PhantomData }
    }
}

impl<T, V, F> Aggregator<T> for Last<F, V>
where
    T: Record,
    V: Record + Clone,
    F: Fn(&Rec<T>) -> V + 'static,
{
    type Accumulator = Option<V>;
    type Result = V;

    fn create(&self) -> Option<V> {
        None
    }

    #[inline]
    fn add(&self, last: &mut Option<V>, record: &Rec<T>, _: EventTime) {
        *last = Some((self.read)(record));
    }

    fn merge(&self, last: &mut Option<V>, later: Option<V>) {
        if later.is_some() {
            *last = later;
        }
    }

    #[inline]
    fn result(&self, last: &Option<V>) -> V {
        last.clone().expect(SOME)
    }
}
