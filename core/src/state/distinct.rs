//! [`Distinct`]: for each key, different values with marks, and how many of them have each mark.
//!
//! Each value is an entry of the store, by the key and the value together, and its marks are a word of it; the counts of a key are one more entry:
//!
//! ```text
//!  values  | key, value | → | marks |
//!  counts  | key        | → | how many values have mark 0, 1, ... 7 |
//! ```

use std::marker::PhantomData;
use std::rc::Rc;

use super::declare::{StateBuilder, StateField, Sweep, expiry};
use super::map::{Own, address, mixed, parts};
use super::scope::Scope;
use super::ttl::{Expires, Ttl, times};
use crate::checkpoint::Freezing;
use crate::raw::state_cells::{Cells, Times, word_of};
use crate::record::{Key, KeyHash, KeyRef, KeyScratch};

/// For each key, counts of different values: all of them, and those that meet conditions.
///
/// A value has up to eight marks. SQL's `COUNT(DISTINCT v)` beside `COUNT(DISTINCT v) FILTER (WHERE c)` is one `Distinct` in which each value is
/// [added](Self::add) with mark 0, and with mark 1 where `c` holds.
///
/// With a time to live a value is forgotten that long after it was last added, and counts no more soon after.
///
/// Cost: a look-up for a value that is there with its marks; two or three more for one that is not.
#[derive(Debug)]
pub struct Distinct<K: Key> {
    values: Cells<bool, 8>,
    counts: Cells<[u64; 8], 0>,
    scope: Rc<Scope>,
    ttl: Option<Ttl>,
    entry: KeyScratch,
    value: KeyScratch,
    marker: PhantomData<fn(K)>,
}

/// The times of what does not expire.
const FOREVER: Times = Times { now: i64::MIN, until: i64::MAX };

impl<K: Key> Distinct<K> {
    /// Adds `marks` to those of a value; gives those of them that it did not have.
    pub fn add(&mut self, value: impl KeyRef<Key = K>, marks: u8) -> u8 {
        let own = (self.scope.hash(), self.scope.key());
        let own = (own.0, own.1.as_bytes());
        let hash = address(&mut self.entry, own, value.bytes(&mut self.value));
        let entry = self.entry.as_bytes();
        let times = times(self.ttl, &self.scope);
        let there = self.values.word(hash, entry).map(low_byte);
        let is_live = there.is_some()
            && (self.ttl.is_none() || self.values.get(hash, entry, times.now).is_some());
        let before = if is_live { there.unwrap_or(0) } else { 0 };
        let (new, after) = (marks & !before, u64::from(before | marks));
        if !is_live || self.ttl.is_some() {
            self.values.put(hash, entry, times, after, &true);
        } else if new != 0 {
            self.values.set_word(hash, entry, after);
        }
        // What had expired and was still counted is counted anew.
        let expired = if is_live { 0 } else { there.unwrap_or(0) };
        if new != 0 || expired != 0 {
            change(&mut self.counts, own, |counts| {
                shift(counts, new, 1);
                shift(counts, expired, u64::MAX);
            });
        }
        new
    }

    /// How many values have each mark.
    pub fn counts(&self) -> [u64; 8] {
        let (hash, key) = (self.scope.hash(), self.scope.key());
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
        let values = Cells::new(builder.backing(name, ttl, Cells::<bool, 8>::layout()));
        let counts_name = format!("{name}.counts");
        let layout = Cells::<[u64; 8], 0>::layout();
        let counts = Cells::new(builder.backing(&counts_name, None, layout));
        let (entry, value) = (KeyScratch::new(), KeyScratch::new());
        Self { values, counts, scope: builder.scope(), ttl, entry, value, marker: PhantomData }
    }

    // Which value will be asked for is not known ahead.
    fn prefetch_bucket(&self, hash: KeyHash) {
        self.counts.prefetch_bucket(hash);
    }

    fn prefetch_entry(&self, hash: KeyHash) {
        self.counts.prefetch_entry(hash);
    }

    fn expire(&mut self, sweep: &mut Sweep) {
        let Self { values, counts, ttl, .. } = self;
        sweep.run(
            *ttl,
            &mut (values, counts),
            |(values, _), to, budget, taken| values.pop_expired(to, budget, taken),
            |(_, counts), hash, taken, _| {
                let (key, value) = parts(&taken.key);
                let own = mixed(hash, KeyHash::of_bytes(value).0);
                let marks = low_byte(word_of(&taken.payload));
                change(counts, (own, key), |counts| shift(counts, marks, u64::MAX));
            },
        );
    }

    fn next_expiry(&self, by: Expires) -> Option<i64> {
        expiry(self.ttl, by, self.values.next_expiry())
    }

    fn freeze(&mut self, into: &mut Freezing<'_>) {
        into.state(&mut self.values);
        into.state(&mut self.counts);
    }
}
