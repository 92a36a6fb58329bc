//! [`Reducing`]: one value for each key, into which others are reduced.

use super::declare::{StateBuilder, StateField, Sweep};
use super::keys::{Keys, keys_of};
use super::ttl::{Expires, Ttl};
use super::value::Value;
use crate::checkpoint::Freezing;
use crate::raw::view::Rec;
use crate::record::{KeyHash, Record};

/// One value for each key, into which others are reduced: `#[state(reduce = |total, more| *total += more)] total: Reducing<u64>`.
///
/// Cost: as of a [`Value`].
#[derive(Debug)]
pub struct Reducing<T: Record> {
    value: Value<T>,
    reduce: Option<fn(&mut T, T)>,
}

impl<T: Record> Reducing<T> {
    /// What `#[state(reduce = ...)]` says.
    #[doc(hidden)]
    #[must_use]
    pub fn with_reduce(mut self, reduce: fn(&mut T, T)) -> Self {
        self.reduce = Some(reduce);
        self
    }

    /// Reduces `value` into what there is; the first one is what there is.
    #[inline]
    pub fn add(&mut self, value: T) {
        let reduce = self.reduce.expect("invariant: the derive asks for a reduce function");
        self.value.change_or_set(value, reduce);
    }

    /// What has been reduced so far; see [`Value::get`].
    pub fn get(&mut self) -> Option<T::View<'_>> {
        self.value.get()
    }

    /// Its whole archive; see [`Value::record`].
    pub fn record(&mut self) -> Option<&Rec<T>> {
        self.value.record()
    }

    /// Removes it; true if there was something.
    pub fn clear(&mut self) -> bool {
        self.value.clear()
    }

    /// Removes it and returns it.
    pub fn take(&mut self) -> Option<T> {
        self.value.take()
    }
}

impl<T: Record> StateField for Reducing<T> {
    fn declare(builder: &mut StateBuilder<'_>, name: &'static str, ttl: Option<Ttl>) -> Self {
        Self { value: Value::declare(builder, name, ttl), reduce: None }
    }

    #[inline(always)]
    fn prefetch_bucket(&self, hash: KeyHash) {
        self.value.prefetch_bucket(hash);
    }

    #[inline(always)]
    fn prefetch_entry(&self, hash: KeyHash) {
        self.value.prefetch_entry(hash);
    }

    fn expire(&mut self, sweep: &mut Sweep) {
        self.value.expire(sweep);
    }

    fn next_expiry(&self, by: Expires) -> Option<i64> {
        self.value.next_expiry(by)
    }

    fn freeze(&mut self, into: &mut Freezing<'_>) {
        self.value.freeze(into);
    }
}

impl<T: Record> Keys for Reducing<T> {
    keys_of!(value);
}
