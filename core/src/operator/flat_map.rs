//! `filter_map`: at most one record out for each record in. `flat_map`: any number.

use std::marker::PhantomData;

use super::chain::{Emit, Link};
use crate::raw::view::Rec;
use crate::record::Record;
use crate::time::EventTime;

/// Made by `Stream::filter_map`.
pub struct FilterMap<F, U> {
    apply: F,
    marker: PhantomData<fn() -> U>,
}

super::opaque_debug!(FilterMap<F, U>);

impl<F, U> FilterMap<F, U> {
    pub(crate) fn new(apply: F) -> Self {
        Self { apply, marker: PhantomData }
    }
}

impl<T, U, F> Link<T> for FilterMap<F, U>
where
    T: Record,
    U: Record,
    F: FnMut(&Rec<T>) -> Option<U> + 'static,
{
    type Out = U;
    const NAME: &'static str = "filter_map";

    #[inline]
    fn apply(&mut self, record: &Rec<T>, at: EventTime, emit: &mut impl Emit<U>) {
        if let Some(value) = (self.apply)(record) {
            emit.value(&value, at);
        }
    }
}

/// Takes the results of a `flat_map` closure, one at a time, and serialises each where it goes.
pub struct Out<'a, U> {
    emit: &'a mut dyn FnMut(&U),
}

super::opaque_debug!(Out<'a, U>);

impl<'a, U> Out<'a, U> {
    pub(crate) fn new(emit: &'a mut dyn FnMut(&U)) -> Self {
        Self { emit }
    }

    /// Sends one record, with the event time of the record that came in.
    pub fn emit(&mut self, value: &U) {
        (self.emit)(value);
    }
}

/// Made by `Stream::flat_map`.
pub struct FlatMap<F, U> {
    apply: F,
    marker: PhantomData<fn() -> U>,
}

super::opaque_debug!(FlatMap<F, U>);

impl<F, U> FlatMap<F, U> {
    pub(crate) fn new(apply: F) -> Self {
        Self { apply, marker: PhantomData }
    }
}

impl<T, U, F> Link<T> for FlatMap<F, U>
where
    T: Record,
    U: Record,
    F: FnMut(&Rec<T>, &mut Out<'_, U>) + 'static,
{
    type Out = U;
    const NAME: &'static str = "flat_map";

    #[inline]
    fn apply(&mut self, record: &Rec<T>, at: EventTime, emit: &mut impl Emit<U>) {
        (self.apply)(record, &mut Out::new(&mut |value| emit.value(value, at)));
    }
}
