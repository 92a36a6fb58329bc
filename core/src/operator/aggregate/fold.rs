//! `fold`: an aggregate from two closures.

use std::marker::PhantomData;

use super::Aggregator;
use crate::raw::view::Rec;
use crate::record::Record;
use crate::time::EventTime;

/// An accumulator that is its own result, and two closures; made by [`super::Of::fold`] and [`Fold::of`].
pub struct Fold<V, F, M> {
    add: F,
    merge: M,
    marker: PhantomData<fn() -> V>,
}

crate::operator::opaque_debug!(Fold<V, F, M>);

impl<V, F, M> Fold<V, F, M> {
    /// `add` adds a record to an accumulator that begins as its default, `merge` adds a later accumulator to an earlier one.
    ///
    /// ```
    /// use thalweg::agg::Fold;
    /// use thalweg::prelude::*;
    ///
    /// let sum = Fold::of(|sum: &mut i64, n: &Rec<i64>| *sum += n.to_native(), |sum, later| *sum += later);
    /// # let _ = sum;
    /// ```
    pub fn of<T>(add: F, merge: M) -> Self
    where
        T: Record,
        V: Record + Default + Clone,
        F: Fn(&mut V, &Rec<T>) + 'static,
        M: Fn(&mut V, V) + 'static,
    {
        Self { add, merge, marker: PhantomData }
    }
}

impl<T, V, F, M> Aggregator<T> for Fold<V, F, M>
where
    T: Record,
    V: Record + Default + Clone,
    F: Fn(&mut V, &Rec<T>) + 'static,
    M: Fn(&mut V, V) + 'static,
{
    type Accumulator = V;
    type Result = V;

    fn create(&self) -> V {
        V::default()
    }

    #[inline]
    fn add(&self, value: &mut V, record: &Rec<T>, _: EventTime) {
        (self.add)(value, record);
    }

    fn merge(&self, value: &mut V, later: V) {
        (self.merge)(value, later);
    }

    #[inline]
    fn result(&self, value: &V) -> V {
        value.clone()
    }
}
