//! [`List`]: for each key, values in the order in which they came.

use std::rc::Rc;

use thalweg_storage::{Cursor, TimedTable};

use super::declare::{StateBuilder, StateField, Sweep, expiry};
use super::keys::Keys;
use super::scope::Scope;
use super::ttl::{Expires, Ttl, times};
use crate::checkpoint::Freezing;
use crate::raw::state_cells::ListCells;
use crate::raw::view::Rec;
use crate::record::{KeyHash, Record};
use crate::state::Hint;

/// For each key, values in the order in which they came.
///
/// Cost: adding one is O(1), whatever the length. With a time to live each value has its own; a list is written anew when half of it has
/// expired, so that costs no more than adding did, and what has expired holds no more memory than what lives.
#[derive(Debug)]
pub struct List<T: Record> {
    cells: ListCells<T>,
    /// When to write a list anew; derived from the lists, but for which of them has how many.
    due: Option<TimedTable>,
    scope: Rc<Scope>,
    ttl: Option<Ttl>,
}

impl<T: Record> List<T> {
    /// Adds a value at the end.
    pub fn push(&mut self, value: T) {
        let times = times(self.ttl, &self.scope);
        let (hash, key) = (self.scope.hash(), self.scope.key());
        if self.cells.push(hash, key.as_bytes(), times.until, &value) {
            note_new(&mut self.due, hash, key.as_bytes(), times.until);
        }
    }

    /// Adds a record at the end, by copying its archive.
    pub fn push_record(&mut self, record: &Rec<T>) {
        let times = times(self.ttl, &self.scope);
        let (hash, key) = (self.scope.hash(), self.scope.key());
        if self.cells.push_record(hash, key.as_bytes(), times.until, record) {
            note_new(&mut self.due, hash, key.as_bytes(), times.until);
        }
    }

    /// How many values there are. Cost: O(1); with a time to live O(values).
    pub fn len(&self) -> usize {
        if self.ttl.is_none() {
            return self.cells.count(self.scope.hash(), self.scope.key().as_bytes());
        }
        let mut count = 0;
        self.for_each(|_| count += 1);
        count
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Shows all values, oldest first, in place. Cost: O(values).
    pub fn for_each(&self, mut each: impl FnMut(&Rec<T>)) {
        let now = times(self.ttl, &self.scope).now;
        let (hash, key) = (self.scope.hash(), self.scope.key());
        self.cells.for_each(hash, key.as_bytes(), now, |value, _| each(value));
    }

    /// All values, oldest first.
    pub fn to_vec(&self) -> Vec<T> {
        let mut values = Vec::new();
        self.for_each(|value| values.push(value.to_value()));
        values
    }

    /// Removes all values; true if there were any.
    pub fn clear(&mut self) -> bool {
        let was_there = !self.is_empty();
        let (hash, key) = (self.scope.hash(), self.scope.key());
        self.cells.remove(hash, key.as_bytes());
        if let Some(due) = &mut self.due {
            due.cancel(hash.0, key.as_bytes());
        }
        was_there
    }
}

/// A list that is new is due when its first value expires.
fn note_new(due: &mut Option<TimedTable>, hash: KeyHash, key: &[u8], until: i64) {
    if let Some(due) = due {
        due.set(Hint::default(), hash.0, key, until);
    }
}

impl<T: Record> StateField for List<T> {
    fn declare(builder: &mut StateBuilder<'_>, name: &'static str, ttl: Option<Ttl>) -> Self {
        let due = ttl.map(|_| builder.deadlines(&format!("{name}.due")));
        let cells = ListCells::new(builder.table(name, ListCells::<T>::layout()));
        Self { cells, due, scope: builder.scope(), ttl }
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
        let Self { cells, due: Some(due), ttl, .. } = self else { return };
        sweep.run(
            *ttl,
            &mut (cells, due),
            |(_, due), to, budget, taken| due.take_due(to, budget, taken),
            |(cells, due), hash, taken, now| {
                if let Some(half) = cells.compact(hash, &taken.key, now) {
                    due.set(Hint::default(), hash.0, &taken.key, half);
                }
            },
        );
    }

    fn next_expiry(&self, by: Expires) -> Option<i64> {
        expiry(self.ttl, by, self.due.as_ref().and_then(TimedTable::next_due))
    }

    fn freeze(&mut self, into: &mut Freezing<'_>) {
        into.state(&mut self.cells);
        self.due.iter_mut().for_each(|due| into.state(due));
    }
}

impl<T: Record> Keys for List<T> {
    fn next_keys(
        &self,
        cursor: &mut Cursor,
        limit: usize,
        each: &mut dyn FnMut(KeyHash, &[u8]),
    ) -> bool {
        self.cells.next_keys(cursor, limit, each)
    }

    fn is_there(&self) -> bool {
        !self.is_empty()
    }
}
