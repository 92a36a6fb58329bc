//! `fold`: an aggregate from two closures.

use std::marker::PhantomData;

use super::Aggregator;
use crate::raw::view::Rec;
use crate::record::Record;
use crate::time::EventTime;

/// Made by [`super::Of::fold`].
pub struct Fold<V, F, M> {
    add: F,
    merge: M,
    marker: PhantomData<fn() -> V>,
}

crate::operator::opaque_debug!(Fold<V, F, M>);

impl<V, F, M> Fold<V, F, M> {
    pub(super) fn new(add: F, merge: M) -> Self {
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
