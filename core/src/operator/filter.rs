//! `filter`: keeps the records for which a predicate holds. `inspect`: looks at each record and keeps it.

use super::chain::{Emit, Link};
use crate::raw::view::Rec;
use crate::record::Record;
use crate::time::EventTime;

/// Made by `Stream::filter`.
pub struct Filter<P> {
    keep: P,
}

super::opaque_debug!(Filter<P>);

impl<P> Filter<P> {
    /// The operator, for a chain by hand; streams make it by the method of its name.
    pub fn new(keep: P) -> Self {
        Self { keep }
    }
}

impl<T: Record, P: FnMut(&Rec<T>) -> bool + 'static> Link<T> for Filter<P> {
    type Out = T;
    const NAME: &'static str = "filter";

    #[inline]
    fn apply(&mut self, record: &Rec<T>, at: EventTime, emit: &mut impl Emit<T>) {
        if (self.keep)(record) {
            emit.record(record, at);
        }
    }
}

/// Made by `Stream::inspect`.
pub struct Inspect<F> {
    look: F,
}

super::opaque_debug!(Inspect<F>);

impl<F> Inspect<F> {
    /// The operator, for a chain by hand; streams make it by the method of its name.
    pub fn new(look: F) -> Self {
        Self { look }
    }
}

impl<T: Record, F: FnMut(&Rec<T>, EventTime) + 'static> Link<T> for Inspect<F> {
    type Out = T;
    const NAME: &'static str = "inspect";

    #[inline]
    fn apply(&mut self, record: &Rec<T>, at: EventTime, emit: &mut impl Emit<T>) {
        (self.look)(record, at);
        emit.record(record, at);
    }
}
