//! [`Marks`] and [`Distinct`]: for each key, different values with marks, and how many of them have each mark.
//!
//! Each value is an entry of the store, by the key and the value together, and its marks are a word of it; the counts of a key are one more entry:
//!
//! ```text
//!  values  | key, value | → | marks |
//!  counts  | key        | → | how many values have mark 0, 1, ... 7 |
//! ```

use std::marker::PhantomData;
use std::rc::Rc;

use thalweg_storage::Cursor;

use super::declare::{StateBuilder, StateField, Sweep, expiry};
use super::keys::Keys;
use super::map::{Own, address, mixed, parts};
use super::scope::Scope;
use super::ttl::{Expires, Ttl, times};
use crate::checkpoint::Freezing;
use crate::raw::state_cells::{Cells, Times, word_of};
use crate::record::{Key, KeyHash, KeyRef, KeyScratch};

/// For each key, a set of values, each with up to eight marks.
///
/// With a time to live a value is forgotten that long after it was last added.
///
/// Cost: a look-up for a value that is there with its marks; one or two more for one that is not.
#[derive(Debug)]
pub struct Marks<K: Key> {
    values: Cells<bool, 8>,
    scope: Rc<Scope>,
    ttl: Option<Ttl>,
    entry: KeyScratch,
    value: KeyScratch,
    marker: PhantomData<fn(K)>,
}

/// What adding a value has changed.
struct Added {
    /// Marks that it did not have.
    new: u8,
    /// Marks that it had until it expired, if that was not noted yet.
    expired: u8,
}

impl<K: Key> Marks<K> {
    /// Adds `marks` to those of a value; gives those of them that it did not have.
    pub fn add(&mut self, value: impl KeyRef<Key = K>, marks: u8) -> u8 {
        self.note(&value, marks).new
    }

    fn note(&mut self, value: &impl KeyRef<Key = K>, marks: u8) -> Added {
        let own = (self.scope.hash(), self.scope.key());
        let own = (own.0, own.1.as_bytes());
        let hash = address(&mut self.entry, own, value.bytes(&mut self.value));
        let entry = self.entry.as_bytes();
        let times = times(self.ttl, &self.scope);
        let there = self.values.word(hash, entry).map(low_byte);
        let is_live = there.is_some()
            && (self.ttl.is_none() || self.values.get(hash, entry, times.now).is_some());
        let (before, expired) = match (is_live, there.unwrap_or(0)) {
            (true, marks) => (marks, 0),
            (false, marks) => (0, marks),
        };
        let (new, after) = (marks & !before, u64::from(before | marks));
        if !is_live || self.ttl.is_some() {
            self.values.put(hash, entry, times, after, &true);
        } else if new != 0 {
            self.values.set_word(hash, entry, after);
        }
        Added { new, expired }
    }

    /// Frees what has expired; `each` gets the key and the marks of each value.
    fn sweep(&mut self, sweep: &mut Sweep, mut each: impl FnMut(Own<'_>, u8)) {
        sweep.run(self.ttl, &mut self.values, Cells::pop_expired, |_, hash, taken, _| {
            let (key, value) = parts(&taken.key);
            let own = mixed(hash, KeyHash::of_bytes(value).0);
            each((own, key), low_byte(word_of(&taken.payload)));
        });
    }
}

impl<K: Key> StateField for Marks<K> {
    fn declare(builder: &mut StateBuilder<'_>, name: &'static str, ttl: Option<Ttl>) -> Self {
        let values = Cells::new(builder.backing(name, ttl, Cells::<bool, 8>::layout()));
        let (entry, value) = (KeyScratch::new(), KeyScratch::new());
        Self { values, scope: builder.scope(), ttl, entry, value, marker: PhantomData }
    }

    // Which value will be asked for is not known ahead.
    fn prefetch_bucket(&self, _: KeyHash) {}

    fn prefetch_entry(&self, _: KeyHash) {}

    fn expire(&mut self, sweep: &mut Sweep) {
        self.sweep(sweep, |_, _| {});
    }

    fn next_expiry(&self, by: Expires) -> Option<i64> {
        expiry(self.ttl, by, self.values.next_expiry())
    }

    fn freeze(&mut self, into: &mut Freezing<'_>) {
        into.state(&mut self.values);
    }
}

/// For each key, counts of different values: all of them, and those that meet conditions.
///
/// A value has up to eight marks. SQL's `COUNT(DISTINCT v)` beside `COUNT(DISTINCT v) FILTER (WHERE c)` is one `Distinct` in which each value is
/// [added](Self::add) with mark 0, and with mark 1 where `c` holds. Where values stay for good, [`Marks`] and counts of one's own do it, too, with a look-up
/// less.
///
/// With a time to live a value is forgotten that long after it was last added, and counts no more soon after.
///
/// Cost: as of [`Marks`], and one or two look-ups more for a mark that is new.
#[derive(Debug)]
pub struct Distinct<K: Key> {
    marks: Marks<K>,
    counts: Cells<[u64; 8], 0>,
}

/// The times of what does not expire.
const FOREVER: Times = Times { now: i64::MIN, until: i64::MAX };

impl<K: Key> Distinct<K> {
    /// Adds `marks` to those of a value; gives those of them that it did not have.
    pub fn add(&mut self, value: impl KeyRef<Key = K>, marks: u8) -> u8 {
        let Added { new, expired } = self.marks.note(&value, marks);
        if new != 0 || expired != 0 {
            let own = (self.marks.scope.hash(), self.marks.scope.key());
            // What had expired and was still counted is counted anew.
            change(&mut self.counts, (own.0, own.1.as_bytes()), |counts| {
                shift(counts, new, 1);
                shift(counts, expired, u64::MAX);
            });
        }
        new
    }

    /// How many values have each mark.
    pub fn counts(&self) -> [u64; 8] {
        let (hash, key) = (self.marks.scope.hash(), self.marks.scope.key());
        let counts = self.counts.get(hash, key.as_bytes(), FOREVER.now);
        counts.map_or([0; 8], |counts| counts.to_value())
    }

    /// How many values have mark `mark`, which is below 8.
    pub fn count(&self, mark: usize) -> u64 {
        self.counts()[mark]
    }
}

#[expect(clippy::cast_possible_truncation, reason = "marks are a byte")]
fn low_byte(word: u64) -> u8 {
    word as u8
}

/// Adds to the count of each of `marks`.
fn shift(counts: &mut [u64; 8], marks: u8, by: u64) {
    for (mark, count) in counts.iter_mut().enumerate() {
        if marks >> mark & 1 == 1 {
            *count = count.wrapping_add(by);
        }
    }
}

/// Changes the counts of a key; none are kept of one that has no values.
fn change(
    cells: &mut Cells<[u64; 8], 0>,
    (hash, key): Own<'_>,
    change: impl FnOnce(&mut [u64; 8]),
) {
    let is_none = |counts: &[u64; 8]| counts.iter().all(|count| *count == 0);
    let changed = cells.change(hash.into(), key, FOREVER, |counts| {
        change(counts);
        is_none(counts)
    });
    match changed {
        Ok(false) => {}
        Ok(true) => drop(cells.remove(hash, key)),
        Err(closure) => {
            let mut counts = [0; 8];
            if !closure(&mut counts) {
                cells.put(hash, key, FOREVER, 0, &counts);
            }
        }
    }
}

impl<K: Key> StateField for Distinct<K> {
    fn declare(builder: &mut StateBuilder<'_>, name: &'static str, ttl: Option<Ttl>) -> Self {
        let marks = Marks::declare(builder, name, ttl);
        let counts_name = format!("{name}.counts");
        let layout = Cells::<[u64; 8], 0>::layout();
        Self { marks, counts: Cells::new(builder.backing(&counts_name, None, layout)) }
    }

    fn prefetch_bucket(&self, hash: KeyHash) {
        self.counts.prefetch_bucket(hash);
    }

    fn prefetch_entry(&self, hash: KeyHash) {
        self.counts.prefetch_entry(hash);
    }

    fn expire(&mut self, sweep: &mut Sweep) {
        let Self { marks, counts } = self;
        marks.sweep(sweep, |own, marks| {
            change(counts, own, |counts| shift(counts, marks, u64::MAX))
        });
    }

    fn next_expiry(&self, by: Expires) -> Option<i64> {
        self.marks.next_expiry(by)
    }

    fn freeze(&mut self, into: &mut Freezing<'_>) {
        self.marks.freeze(into);
        into.state(&mut self.counts);
    }
}

impl<K: Key> Keys for Distinct<K> {
    fn next_keys(
        &self,
        cursor: &mut Cursor,
        limit: usize,
        each: &mut dyn FnMut(KeyHash, &[u8]),
    ) -> bool {
        self.counts.next_keys(cursor, limit, each)
    }

    fn is_there(&self) -> bool {
        self.counts().iter().any(|count| *count > 0)
    }
}
