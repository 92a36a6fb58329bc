//! `filter_map`: at most one record out for each record in. `flat_map`: any number.

use std::marker::PhantomData;

use super::chain::{Emit, Link};
use crate::raw::scratch::Scratch;
use crate::raw::view::Rec;
use crate::record::{ArchivesAs, Record};
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
pub struct Out<'a, U: Record> {
    emit: &'a mut dyn FnMut(Emitted<'_, U>),
    scratch: &'a mut Scratch<U>,
}

/// What a closure has sent.
pub(crate) enum Emitted<'a, U: Record> {
    Value(&'a U),
    Record(&'a Rec<U>),
}

super::opaque_debug!(Out<'a, U: Record>);

impl<'a, U: Record> Out<'a, U> {
    pub(crate) fn new(
        scratch: &'a mut Scratch<U>,
        emit: &'a mut dyn FnMut(Emitted<'_, U>),
    ) -> Self {
        Self { emit, scratch }
    }

    /// Sends one record, with the event time of the record that came in.
    pub fn emit(&mut self, value: &U) {
        (self.emit)(Emitted::Value(value));
    }

    /// As [`Self::emit`], of a twin of the record, whose texts are references; see [`ArchivesAs`].
    pub fn emit_as(&mut self, value: &impl ArchivesAs<U>) {
        (self.emit)(Emitted::Record(self.scratch.archive(value)));
    }

    /// Sends a record that is archived already, by copying its bytes.
    pub fn emit_record(&mut self, record: &Rec<U>) {
        (self.emit)(Emitted::Record(record));
    }
}

impl<U: Record> Emitted<'_, U> {
    /// Hands it on.
    #[inline]
    pub(crate) fn into_emit(self, at: EventTime, emit: &mut impl Emit<U>) {
        match self {
            Self::Value(value) => emit.value(value, at),
            Self::Record(record) => emit.record(record, at),
        }
    }
}

/// Made by `Stream::flat_map`.
pub struct FlatMap<F, U: Record> {
    apply: F,
    scratch: Scratch<U>,
}

super::opaque_debug!(FlatMap<F, U: Record>);

impl<F, U: Record> FlatMap<F, U> {
    pub(crate) fn new(apply: F) -> Self {
        Self { apply, scratch: Scratch::default() }
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
        let Self { apply, scratch } = self;
        apply(record, &mut Out::new(scratch, &mut |emitted| emitted.into_emit(at, emit)));
    }
}
