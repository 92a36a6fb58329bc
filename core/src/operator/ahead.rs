//! Looks up the state of the records to come while the current ones are worked on; see [`thalweg_storage::look_ahead`].

use crate::exchange::Records;
use crate::raw::view::Rec;
use crate::record::{KeyHash, Record};
use crate::state::{Hint, Prefetch};
use crate::time::EventTime;

/// Calls `each` with every record of `run`, in order, with what is known about where its state lies.
#[inline]
pub(crate) fn each_ahead<T: Record, S: Prefetch>(
    run: Records<'_, T>,
    state: &mut S,
    key_of: impl Fn(EventTime, KeyHash) -> S::Key,
    each: impl FnMut(&mut S, Hint, (&Rec<T>, EventTime, KeyHash)),
) {
    let keys = run.keys().map(|(at, hash)| key_of(at, hash));
    thalweg_storage::look_ahead(keys, run.keyed(), state, each);
}
