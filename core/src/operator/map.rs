//! `map`: one record out for each record in.

use std::marker::PhantomData;

use super::chain::{Emit, Link};
use crate::raw::view::Rec;
use crate::record::Record;
use crate::time::EventTime;

/// Made by `Stream::map`.
pub struct Map<F, U> {
    apply: F,
    marker: PhantomData<fn() -> U>,
}

super::opaque_debug!(Map<F, U>);

impl<F, U> Map<F, U> {
    /// The operator, for a chain by hand; streams make it by the method of its name.
    pub fn new(apply: F) -> Self {
        Self { apply, marker: PhantomData }
    }
}

impl<T, U, F> Link<T> for Map<F, U>
where
    T: Record,
    U: Record,
    F: FnMut(&Rec<T>) -> U + 'static,
{
    type Out = U;
    const NAME: &'static str = "map";

    #[inline]
    fn apply(&mut self, record: &Rec<T>, at: EventTime, emit: &mut impl Emit<U>) {
        emit.value(&(self.apply)(record), at);
    }
}
