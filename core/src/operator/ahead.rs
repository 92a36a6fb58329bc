//! Looks up the state of the records to come while the current one is worked on.
//!
//! A lookup is two cache misses, one after the other. Asked for [`AHEAD`] and twice as many records before they are needed, the
//! misses of many records overlap and none is waited for; only the start of a batch is exposed. Measured on the keyed count with 100,000 keys, against asking for
//! 32 at a time and then working on them: see `bench/README.md`.

use crate::exchange::Records;
use crate::raw::view::Rec;
use crate::record::{KeyHash, Record};
use crate::state::{Hint, Prefetch};
use crate::time::EventTime;

/// Records between asking for an entry and using it; twice as many for what leads to it. A core has some 24 misses under way at most.
const AHEAD: usize = 16;

/// Calls `each` with every record of `run`, in order, with what is known about where its state lies.
#[inline]
pub(crate) fn each_ahead<T: Record, S: Prefetch>(
    run: Records<'_, T>,
    state: &mut S,
    key_of: impl Fn(EventTime, KeyHash) -> S::Key,
    mut each: impl FnMut(&mut S, Hint, (&Rec<T>, EventTime, KeyHash)),
) {
    let count = run.len();
    let key = |index: usize| key_of(run.event_time(index), run.hash(index));
    for index in 0..count.min(2 * AHEAD) {
        state.bucket(key(index));
    }
    let mut hints = [Hint::default(); AHEAD];
    for (index, hint) in hints.iter_mut().enumerate().take(count) {
        *hint = state.entry(key(index));
    }
    for (index, record) in run.keyed().enumerate() {
        let hint = hints[index % AHEAD];
        if index + AHEAD < count {
            hints[index % AHEAD] = state.entry(key(index + AHEAD));
        }
        if index + 2 * AHEAD < count {
            state.bucket(key(index + 2 * AHEAD));
        }
        each(state, hint, record);
    }
}
