//! `map`: one record out for each record in. `try_map`: the same, and the closure may fail.

use std::marker::PhantomData;

use super::chain::{Emit, Link};
use crate::error::OperatorFault;
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

/// Made by `Stream::try_map`; the first error ends the job.
pub struct TryMap<F, U> {
    apply: F,
    fault: Option<OperatorFault>,
    marker: PhantomData<fn() -> U>,
}

super::opaque_debug!(TryMap<F, U>);

impl<F, U> TryMap<F, U> {
    /// The operator, for a chain by hand; streams make it by the method of its name.
    pub fn new(apply: F) -> Self {
        Self { apply, fault: None, marker: PhantomData }
    }
}

impl<T, U, F> Link<T> for TryMap<F, U>
where
    T: Record,
    U: Record,
    F: FnMut(&Rec<T>) -> Result<U, OperatorFault> + 'static,
{
    type Out = U;
    const NAME: &'static str = "try_map";

    #[inline]
    fn apply(&mut self, record: &Rec<T>, at: EventTime, emit: &mut impl Emit<U>) {
        // After the first error nothing more leaves: the job ends at the end of this page.
        if self.fault.is_some() {
            return;
        }
        match (self.apply)(record) {
            Ok(value) => emit.value(&value, at),
            Err(fault) => self.fault = Some(fault),
        }
    }

    fn fault(&mut self) -> Option<OperatorFault> {
        self.fault.take()
    }
}
