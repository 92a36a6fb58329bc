//! Looks up the state of the records to come while the current ones are worked on.
//!
//! A lookup is two cache misses, one after the other. Records are taken in groups of [`GROUP`]: before one is worked on, the entries of
//! the next are asked for, and the buckets of the one after that. So the misses of many records overlap and none is waited for; only the start of a
//! batch is exposed. Measured on the keyed count, against 32 at a time and then working on them, and against one record at a
//! time in all three stages: see `bench/README.md`.

use std::ops::Range;

use crate::exchange::Records;
use crate::raw::view::Rec;
use crate::record::{KeyHash, Record};
use crate::state::{Hint, Prefetch};
use crate::time::EventTime;

/// Records of a group. A core has some 24 misses under way at most.
const GROUP: usize = 16;

/// Calls `each` with every record of `run`, in order, with what is known about where its state lies.
#[inline]
pub(crate) fn each_ahead<T: Record, S: Prefetch>(
    run: Records<'_, T>,
    state: &mut S,
    key_of: impl Fn(EventTime, KeyHash) -> S::Key,
    mut each: impl FnMut(&mut S, Hint, (&Rec<T>, EventTime, KeyHash)),
) {
    let count = run.len();
    // Of this group and the next, in turn.
    let mut hints = [[Hint::default(); GROUP]; 2];
    let nth = |group: usize| (group * GROUP).min(count)..((group + 1) * GROUP).min(count);
    buckets(&run, nth(0), state, &key_of);
    buckets(&run, nth(1), state, &key_of);
    entries(&run, nth(0), state, &key_of, &mut hints[0]);
    let mut records = run.keyed();
    for group in 0..count.div_ceil(GROUP) {
        entries(&run, nth(group + 1), state, &key_of, &mut hints[(group + 1) % 2]);
        buckets(&run, nth(group + 2), state, &key_of);
        for (hint, record) in hints[group % 2].iter().zip(records.by_ref()) {
            each(state, *hint, record);
        }
    }
}

/// First step, for the records in `range`.
#[inline(always)]
fn buckets<T: Record, S: Prefetch>(
    run: &Records<'_, T>,
    range: Range<usize>,
    state: &S,
    key_of: impl Fn(EventTime, KeyHash) -> S::Key,
) {
    run.keys(range.start, range.end).for_each(|(at, hash)| state.bucket(key_of(at, hash)));
}

/// Second step, for the records in `range`, a group or less.
#[inline(always)]
fn entries<T: Record, S: Prefetch>(
    run: &Records<'_, T>,
    range: Range<usize>,
    state: &S,
    key_of: impl Fn(EventTime, KeyHash) -> S::Key,
    hints: &mut [Hint; GROUP],
) {
    for (hint, (at, hash)) in hints.iter_mut().zip(run.keys(range.start, range.end)) {
        *hint = state.entry(key_of(at, hash));
    }
}
