//! Aggregates that can take a record out again.

use std::marker::PhantomData;

use super::{Aggregator, Count, Mean, Moments, Number, Sum};
use crate::raw::view::Rec;
use crate::record::Record;
use crate::time::EventTime;

/// An aggregator of a changelog: rows come, and are taken back.
///
/// Counts, sums and means are, tuples of them, and what [`super::Of::fold_and_retract`] makes. Extremes and lists are not: they would have to know
/// all rows.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot take records of type `{T}` back",
    note = "of a changelog one can have `count`, `sum`, `mean`, tuples of them, and `fold_and_retract`; or implement `Retract`"
)]
pub trait Retract<T: Record>: Aggregator<T> {
    /// Takes out a record that was added before. Records that were added since stay.
    fn retract(&self, accumulator: &mut Self::Accumulator, record: &Rec<T>, at: EventTime);
}

impl<T: Record> Retract<T> for Count {
    fn retract(&self, count: &mut u64, _: &Rec<T>, _: EventTime) {
        *count = count.saturating_sub(1);
    }
}

impl<T: Record, N: Number, F: Fn(&Rec<T>) -> N + 'static> Retract<T> for Sum<F, N> {
    #[inline]
    fn retract(&self, total: &mut N::Total, record: &Rec<T>, _: EventTime) {
        (self.read)(record).take_from(total);
    }
}

impl<T: Record, N: Number, F: Fn(&Rec<T>) -> N + 'static> Retract<T> for Mean<F, N> {
    #[inline]
    fn retract(&self, moments: &mut Moments, record: &Rec<T>, _: EventTime) {
        moments.take((self.read)(record).to_f64());
    }
}

/// Made by [`super::Of::fold_and_retract`].
pub struct FoldAndRetract<V, F, G> {
    add: F,
    retract: G,
    marker: PhantomData<fn() -> V>,
}

crate::operator::opaque_debug!(FoldAndRetract<V, F, G>);

impl<V, F, G> FoldAndRetract<V, F, G> {
    pub(super) fn new(add: F, retract: G) -> Self {
        Self { add, retract, marker: PhantomData }
    }
}

impl<T, V, F, G> Aggregator<T> for FoldAndRetract<V, F, G>
where
    T: Record,
    V: Record + Default + Clone,
    F: Fn(&mut V, &Rec<T>) + 'static,
    G: Fn(&mut V, &Rec<T>) + 'static,
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

    fn merge(&self, _: &mut V, _: V) {
        unreachable!("invariant: aggregates of changelogs are not put together")
    }

    #[inline]
    fn result(&self, value: &V) -> V {
        value.clone()
    }
}

impl<T, V, F, G> Retract<T> for FoldAndRetract<V, F, G>
where
    T: Record,
    V: Record + Default + Clone,
    F: Fn(&mut V, &Rec<T>) + 'static,
    G: Fn(&mut V, &Rec<T>) + 'static,
{
    #[inline]
    fn retract(&self, value: &mut V, record: &Rec<T>, _: EventTime) {
        (self.retract)(value, record);
    }
}

macro_rules! tuple {
    ($($part:ident $at:tt),*) => {
        impl<T: Record, $($part: Retract<T>),*> Retract<T> for ($($part,)*) {
            #[inline]
            fn retract(&self, accumulator: &mut Self::Accumulator, record: &Rec<T>, at: EventTime) {
                $(self.$at.retract(&mut accumulator.$at, record, at);)*
            }
        }
    };
}

tuple!(A 0);
tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);
tuple!(A 0, B 1, C 2, D 3, E 4);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5);
