//! [`Value`]: one value for each key.

use std::cell::Cell;
use std::rc::Rc;

use thalweg_storage::Cursor;

use super::declare::{StateBuilder, StateField, Sweep, expiry};
use super::keys::Keys;
use super::scope::Scope;
use super::ttl::{Expires, Ttl, refreshes_on_read, times};
use crate::checkpoint::Freezing;
use crate::raw::state_cells::Cells;
use crate::raw::view::Rec;
use crate::record::{KeyHash, Record};

/// One value for each key.
///
/// Cost: a look-up for each access, which is asked for some records ahead; no allocation. A value whose archive keeps its length, such as numbers and
/// records of numbers, is changed in place.
#[derive(Debug)]
pub struct Value<T: Record> {
    cells: Cells<T, 0>,
    scope: Rc<Scope>,
    ttl: Option<Ttl>,
    default: Option<fn() -> T>,
}

impl<T: Record> Value<T> {
    /// What `#[state(default = ...)]` says.
    #[doc(hidden)]
    #[must_use]
    pub fn with_default(mut self, default: fn() -> T) -> Self {
        self.default = Some(default);
        self
    }

    /// The value, read in place: a number, a `&str`, a slice, or the archived form of a record.
    ///
    /// It takes `&mut self` because reading may let a value live on, see [`super::Refresh`].
    #[inline]
    pub fn get(&mut self) -> Option<T::View<'_>> {
        self.record().map(|record| T::view(record))
    }

    /// The value's whole archive, to be copied.
    #[inline]
    pub fn record(&mut self) -> Option<&Rec<T>> {
        let times = times(self.ttl, &self.scope);
        let (hash, key) = (self.scope.hash(), self.scope.key());
        if refreshes_on_read(self.ttl) {
            self.cells.touch(hash, key.as_bytes(), times);
        }
        self.cells.get(hash, key.as_bytes(), times.now)
    }

    /// True if there is a value.
    pub fn is_set(&mut self) -> bool {
        self.record().is_some()
    }

    /// Sets the value.
    #[inline]
    pub fn set(&mut self, value: T) {
        let times = times(self.ttl, &self.scope);
        self.cells.put(self.scope.hash(), self.scope.key().as_bytes(), times, 0, &value);
    }

    /// Sets the value to a record, by copying its archive.
    #[inline]
    pub fn set_record(&mut self, record: &Rec<T>) {
        let times = times(self.ttl, &self.scope);
        self.cells.put_record(self.scope.hash(), self.scope.key().as_bytes(), times, 0, record);
    }

    /// Changes the value, which is `default()` if there is none.
    #[inline]
    pub fn update_or<R>(
        &mut self,
        default: impl FnOnce() -> T,
        change: impl FnOnce(&mut T) -> R,
    ) -> R {
        let times = times(self.ttl, &self.scope);
        let (hash, key) = (self.scope.hash(), self.scope.key());
        match self.cells.change(hash.into(), key.as_bytes(), times, change) {
            Ok(result) => result,
            Err(change) => {
                let mut value = default();
                let result = change(&mut value);
                self.cells.put(hash, key.as_bytes(), times, 0, &value);
                result
            }
        }
    }

    /// Changes the value if there is one, and gives what `change` gives; `None` if there is none.
    ///
    /// Cost: one look-up, where [`Self::is_set`] and [`Self::update`] are two.
    #[inline]
    pub fn update_if_set<R>(&mut self, change: impl FnOnce(&mut T) -> R) -> Option<R> {
        let times = times(self.ttl, &self.scope);
        let (hash, key) = (self.scope.hash(), self.scope.key());
        self.cells.change(hash.into(), key.as_bytes(), times, change).ok()
    }

    /// Changes the value with `value`, or sets it if there is none.
    pub(super) fn change_or_set(&mut self, value: T, change: impl FnOnce(&mut T, T)) {
        // Either closure has it: the first, if there is none, the second else.
        let value = Cell::new(Some(value));
        let take = || value.take().expect("invariant: one of the two takes it");
        let is_new = Cell::new(false);
        self.update_or(
            || {
                is_new.set(true);
                take()
            },
            |total| {
                if !is_new.get() {
                    change(total, take());
                }
            },
        );
    }

    /// Removes the value; true if there was one.
    pub fn clear(&mut self) -> bool {
        let is_set = self.is_set();
        self.cells.remove(self.scope.hash(), self.scope.key().as_bytes());
        is_set
    }

    /// Removes the value and returns it.
    pub fn take(&mut self) -> Option<T> {
        let value = self.record()?.to_value();
        self.clear();
        Some(value)
    }
}

impl<T: Record + Default> Value<T> {
    /// Changes the value, which is that of `#[state(default = ...)]`, or the type's default, if there is none.
    #[inline]
    pub fn update<R>(&mut self, change: impl FnOnce(&mut T) -> R) -> R {
        let default = self.default;
        self.update_or(|| default.map_or_else(T::default, |default| default()), change)
    }

    /// The value, or that of `#[state(default = ...)]`, or the type's default.
    pub fn get_or_default(&mut self) -> T {
        let default = self.default;
        self.record().map_or_else(
            || default.map_or_else(T::default, |default| default()),
            |record| record.to_value(),
        )
    }
}

impl<T: Record> StateField for Value<T> {
    fn declare(builder: &mut StateBuilder<'_>, name: &'static str, ttl: Option<Ttl>) -> Self {
        let cells = Cells::new(builder.backing(name, ttl, Cells::<T, 0>::layout()));
        Self { cells, scope: builder.scope(), ttl, default: None }
    }

    #[inline(always)]
    fn prefetch_bucket(&self, hash: KeyHash) {
        self.cells.prefetch_bucket(hash);
    }

    #[inline(always)]
    fn prefetch_entry(&self, hash: KeyHash) {
        self.cells.prefetch_entry(hash);
    }

    fn expire(&mut self, sweep: &mut Sweep) {
        sweep.run(self.ttl, &mut self.cells, Cells::pop_expired, |_, _, _, _| {});
    }

    fn next_expiry(&self, by: Expires) -> Option<i64> {
        expiry(self.ttl, by, self.cells.next_expiry())
    }

    fn freeze(&mut self, into: &mut Freezing<'_>) {
        into.state(&mut self.cells);
    }
}

impl<T: Record> Keys for Value<T> {
    fn next_keys(
        &self,
        cursor: &mut Cursor,
        limit: usize,
        each: &mut dyn FnMut(KeyHash, &[u8]),
    ) -> bool {
        self.cells.next_keys(cursor, limit, each)
    }

    fn is_there(&self) -> bool {
        let now = times(self.ttl, &self.scope).now;
        self.cells.get(self.scope.hash(), self.scope.key().as_bytes(), now).is_some()
    }
}
