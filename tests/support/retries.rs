//! A closure that fails some times for each record, with pauses between its attempts, and windows over what comes of it.

use std::collections::BTreeMap;
use std::time::Duration;

use thalweg::prelude::*;

use crate::oracle::sorted;
use crate::records::Event;

/// How wide the windows are.
const WIDTH: Duration = Duration::from_millis(20);

/// What came: of each window its start, its group and how many records; dead letters; late records and letters.
pub type Outcome = (Vec<(EventTime, u32, u64)>, Vec<u64>, usize);

/// What a job has given.
#[derive(Debug, Default, Clone)]
pub struct Given {
    counts: Collected<(EventTime, u32, u64)>,
    dead: Collected<u64>,
    late: Collected<u64>,
}

impl Given {
    /// Everything since the last time.
    pub fn take(&self) -> Outcome {
        (sorted(self.counts.take()), sorted(self.dead.take()), self.late.take().len())
    }
}

/// A record fails as often as its number divided by six leaves over.
fn failures(id: u64) -> u64 {
    id % 6
}

/// Attaches the operator `call`, in which so many records may wait, and what looks at its results.
pub fn attach(
    events: Stream<Event>,
    attempts: u32,
    (delay, most): (Duration, Duration),
    room: usize,
    given: &Given,
) {
    let mut calls = BTreeMap::<u64, u64>::new();
    let Guarded { stream, dead } = events
        .try_map(move |e: &Rec<Event>| {
            let calls = calls.entry(e.id()).or_default();
            *calls += 1;
            match *calls > failures(e.id()) {
                true => Ok(e.to_value()),
                false => Err(format!("call {calls}").into()),
            }
        })
        .retry(attempts)
        .after(delay)
        .doubling_up_to(most)
        .capacity(room)
        .or_dead_letter("call");
    let Windowed { on_time, late } = stream
        .key_by_value(|e| e.group())
        .window("counts", Tumbling::of(WIDTH))
        .aggregate(|count: &mut u64, _| *count += 1);
    on_time.map(|w| (w.start(), w.key(), w.value())).sink("counted", given.counts.sink());
    late.map(|e| e.id()).sink("late", given.late.sink());
    let letters = dead.map(move |letter| {
        assert_eq!(letter.error(), format!("call {attempts}"));
        letter.decode::<Event>().expect("an event's archive")
    });
    // Dead letters are not late either.
    let Windowed { on_time, late } = letters
        .key_by_value(|e| e.id())
        .window("letters", Tumbling::of(WIDTH))
        .aggregate(|count: &mut u64, _| *count += 1);
    on_time.map(|w| w.key()).sink("dead", given.dead.sink());
    late.map(|e| e.id()).sink("late letters", given.late.sink());
}

/// What has to come of `events`, none of which is late by itself.
pub fn expected(events: &[Event], attempts: u32) -> Outcome {
    let succeeds = |e: &&Event| failures(e.id) < u64::from(attempts);
    let mut counts = BTreeMap::<_, u64>::new();
    for e in events.iter().filter(succeeds) {
        *counts.entry((e.at.floor(WIDTH), e.group)).or_default() += 1;
    }
    let dead = events.iter().filter(|e| !succeeds(e)).map(|e| e.id);
    (counts.into_iter().map(|((at, group), count)| (at, group, count)).collect(), sorted(dead), 0)
}
