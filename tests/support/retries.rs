//! A closure that fails some times for each record, with pauses between its attempts.

use std::time::Duration;

use thalweg::prelude::*;

use crate::records::Event;
use crate::settled::{Calls, Given};

/// Attaches the operator `call`, in which so many records may wait, and what looks at its results.
pub fn attach(
    events: Stream<Event>,
    calls: Calls,
    attempts: u32,
    (delay, most): (Duration, Duration),
    room: usize,
    given: &Given,
) {
    let guarded = events
        .try_map(move |e: &Rec<Event>| calls.call(e).1)
        .retry(attempts)
        .after(delay)
        .doubling_up_to(most)
        .capacity(room)
        .or_dead_letter("call");
    given.attach(guarded, attempts);
}
