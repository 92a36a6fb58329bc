//! Aggregates that keep values: `collect`, `top_k` and the exact `distinct`.

use std::cmp::Ordering;
use std::marker::PhantomData;

use super::Aggregator;
use crate::raw::view::Rec;
use crate::record::Record;
use crate::time::EventTime;

/// Made by [`super::Of::collect`].
pub struct Collect<F, V> {
    read: F,
    marker: PhantomData<fn() -> V>,
}

crate::operator::opaque_debug!(Collect<F, V>);

impl<F, V> Collect<F, V> {
    pub(super) fn new(read: F) -> Self {
        Self { read, marker: PhantomData }
    }
}

impl<T, V, F> Aggregator<T> for Collect<F, V>
where
    T: Record,
    V: Record + Clone,
    F: Fn(&Rec<T>) -> V + 'static,
{
    type Accumulator = Vec<V>;
    type Result = Vec<V>;

    fn create(&self) -> Vec<V> {
        Vec::new()
    }

    #[inline]
    fn add(&self, values: &mut Vec<V>, record: &Rec<T>, _: EventTime) {
        values.push((self.read)(record));
    }

    fn merge(&self, values: &mut Vec<V>, mut later: Vec<V>) {
        values.append(&mut later);
    }

    fn result(&self, values: &Vec<V>) -> Vec<V> {
        values.clone()
    }
}

/// Made by [`super::Of::top_k`].
pub struct TopK<F, V> {
    k: usize,
    read: F,
    marker: PhantomData<fn() -> V>,
}

crate::operator::opaque_debug!(TopK<F, V>);

impl<F, V: PartialOrd> TopK<F, V> {
    pub(super) fn new(k: usize, read: F) -> Self {
        Self { k, read, marker: PhantomData }
    }

    /// Puts `value` after all that are greater or equal; what cannot be compared, as a NaN, is left out.
    #[inline]
    fn insert(&self, top: &mut Vec<V>, value: V) {
        if value.partial_cmp(&value).is_none() {
            return;
        }
        let is_before = |other: &V| other.partial_cmp(&value) != Some(Ordering::Less);
        let place = top.partition_point(is_before);
        if place < self.k {
            top.truncate(self.k - 1);
            top.insert(place, value);
        }
    }
}

impl<T, V, F> Aggregator<T> for TopK<F, V>
where
    T: Record,
    V: Record + PartialOrd + Clone,
    F: Fn(&Rec<T>) -> V + 'static,
{
    type Accumulator = Vec<V>;
    type Result = Vec<V>;

    fn create(&self) -> Vec<V> {
        Vec::new()
    }

    #[inline]
    fn add(&self, top: &mut Vec<V>, record: &Rec<T>, _: EventTime) {
        self.insert(top, (self.read)(record));
    }

    fn merge(&self, top: &mut Vec<V>, later: Vec<V>) {
        later.into_iter().for_each(|value| self.insert(top, value));
    }

    fn result(&self, top: &Vec<V>) -> Vec<V> {
        top.clone()
    }
}

/// Made by [`super::Of::distinct`]; the accumulator is the values, sorted.
pub struct CountDistinct<F, V> {
    read: F,
    marker: PhantomData<fn() -> V>,
}

crate::operator::opaque_debug!(CountDistinct<F, V>);

impl<F, V> CountDistinct<F, V> {
    pub(super) fn new(read: F) -> Self {
        Self { read, marker: PhantomData }
    }
}

impl<T, V, F> Aggregator<T> for CountDistinct<F, V>
where
    T: Record,
    V: Record + Ord + Clone,
    F: Fn(&Rec<T>) -> V + 'static,
{
    type Accumulator = Vec<V>;
    type Result = u64;

    fn create(&self) -> Vec<V> {
        Vec::new()
    }

    #[inline]
    fn add(&self, values: &mut Vec<V>, record: &Rec<T>, _: EventTime) {
        let value = (self.read)(record);
        if let Err(place) = values.binary_search(&value) {
            values.insert(place, value);
        }
    }

    fn merge(&self, values: &mut Vec<V>, mut later: Vec<V>) {
        values.append(&mut later);
        values.sort();
        values.dedup();
    }

    fn result(&self, values: &Vec<V>) -> u64 {
        values.len() as u64
    }
}
