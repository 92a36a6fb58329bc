//! [`Aggregating`]: what the records of each key come to, kept as an accumulator.

use std::rc::Rc;

use crate::checkpoint::Freezing;
use crate::operator::aggregate::Aggregator;
use crate::raw::view::Rec;
use crate::record::{KeyHash, Record};
use crate::state::{Expires, Keys, Scope, StateBuilder, StateField, Sweep, Ttl, Value, keys_of};

/// What records of type `T` come to, for each key, in the terms of an [`Aggregator`]: `#[state(aggregate = Count)] seen: Aggregating<Bid, Count>`.
///
/// Cost: as of a [`Value`] of the accumulator.
#[derive(Debug)]
pub struct Aggregating<T: Record, A: Aggregator<T>> {
    accumulator: Value<A::Accumulator>,
    aggregator: Option<A>,
    scope: Rc<Scope>,
}

impl<T: Record, A: Aggregator<T>> Aggregating<T, A> {
    /// What `#[state(aggregate = ...)]` says.
    #[doc(hidden)]
    #[must_use]
    pub fn with_aggregator(mut self, aggregator: A) -> Self {
        self.aggregator = Some(aggregator);
        self
    }

    /// Adds a record, with the time of what is being handled.
    pub fn add(&mut self, record: &Rec<T>) {
        let (aggregator, at) = (aggregator(&self.aggregator), self.scope.emit_at());
        self.accumulator.update_or(
            || aggregator.create(),
            |accumulator| aggregator.add(accumulator, record, at),
        );
    }

    /// What the records so far come to; `None` if there were none.
    pub fn get(&mut self) -> Option<A::Result> {
        let accumulator = self.accumulator.record()?.to_value();
        Some(aggregator(&self.aggregator).result(&accumulator))
    }

    /// Forgets all records; true if there were any.
    pub fn clear(&mut self) -> bool {
        self.accumulator.clear()
    }
}

fn aggregator<A>(aggregator: &Option<A>) -> &A {
    aggregator.as_ref().expect("invariant: the derive asks for an aggregator")
}

impl<T: Record, A: Aggregator<T>> StateField for Aggregating<T, A> {
    fn declare(builder: &mut StateBuilder<'_>, name: &'static str, ttl: Option<Ttl>) -> Self {
        let accumulator = Value::declare(builder, name, ttl);
        Self { accumulator, aggregator: None, scope: builder.scope() }
    }

    #[inline(always)]
    fn prefetch_bucket(&self, hash: KeyHash) {
        self.accumulator.prefetch_bucket(hash);
    }

    #[inline(always)]
    fn prefetch_entry(&self, hash: KeyHash) {
        self.accumulator.prefetch_entry(hash);
    }

    fn expire(&mut self, sweep: &mut Sweep) {
        self.accumulator.expire(sweep);
    }

    fn next_expiry(&self, by: Expires) -> Option<i64> {
        self.accumulator.next_expiry(by)
    }

    fn freeze(&mut self, into: &mut Freezing<'_>) {
        self.accumulator.freeze(into);
    }
}

impl<T: Record, A: Aggregator<T>> Keys for Aggregating<T, A> {
    keys_of!(accumulator);
}
