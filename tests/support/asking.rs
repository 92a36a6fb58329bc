//! Somebody outside who takes their time and fails at times, and windows over what they reply.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use thalweg::error::OperatorFault;
use thalweg::prelude::*;

use crate::oracle::sorted;
use crate::records::Event;

/// How wide the windows are.
const WIDTH: Duration = Duration::from_millis(20);

/// How it is asked.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// Results keep the order of their records.
    pub ordered: bool,
    /// Records at a time.
    pub capacity: usize,
    /// Attempts of each.
    pub attempts: u32,
    /// Between them.
    pub pause: Option<Duration>,
}

/// What came: of each window its start, its group and how many records; dead letters; how many were late; the results of each worker in their order.
#[derive(Debug, PartialEq)]
pub struct Outcome {
    counts: Vec<(EventTime, u32, u64)>,
    dead: Vec<u64>,
    late: usize,
    results: Vec<Vec<u64>>,
}

/// What a job has given.
#[derive(Debug, Default, Clone)]
pub struct Given {
    results: Collected<u64>,
    counts: Collected<(EventTime, u32, u64)>,
    dead: Collected<u64>,
    late: Collected<u64>,
}

impl Given {
    /// Everything since the last time.
    pub fn take(&self) -> Outcome {
        let results = self.results.take_per_worker().into_iter();
        let ids = |list: Vec<(EventTime, u64)>| list.into_iter().map(|(_, id)| id).collect();
        Outcome {
            counts: sorted(self.counts.take()),
            dead: sorted(self.dead.take()),
            late: self.late.take().len(),
            results: results.map(ids).collect(),
        }
    }
}

/// A future that is ready when it was polled some times, and wakes itself until then.
struct Later<U> {
    turns: u64,
    reply: Option<Result<U, OperatorFault>>,
}

impl<U: Unpin> Future for Later<U> {
    type Output = Result<U, OperatorFault>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if this.turns == 0 {
            return Poll::Ready(this.reply.take().expect("it is polled until it is ready"));
        }
        this.turns -= 1;
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

/// A record fails as often as its number divided by six leaves over.
fn failures(id: u64) -> u64 {
    id % 6
}

/// Attaches the operator `ask` and what looks at its results.
pub fn attach(events: Stream<Event>, asked: Asked, given: &Given) {
    let mut calls = BTreeMap::<u64, u64>::new();
    let asking = events.async_map(move |e: &Rec<Event>| {
        let calls = calls.entry(e.id()).or_default();
        *calls += 1;
        let reply = match *calls > failures(e.id()) {
            true => Ok(e.to_value()),
            false => Err(format!("call {calls}").into()),
        };
        Later { turns: (e.id() ^ *calls).wrapping_mul(0x9E37_79B9) >> 7 & 7, reply: Some(reply) }
    });
    let asking = if asked.ordered { asking } else { asking.unordered() };
    let asking = asking.capacity(asked.capacity).retry(asked.attempts);
    let asking = asked.pause.into_iter().fold(asking, |asking, pause| asking.after(pause));
    let Guarded { stream, dead } = asking.or_dead_letter("ask");
    stream.clone().map(|e| e.id()).sink("results", given.results.sink());
    let Windowed { on_time, late } = stream
        .key_by_value(|e| e.group())
        .window("counts", Tumbling::of(WIDTH))
        .aggregate(|count: &mut u64, _| *count += 1);
    on_time.map(|w| (w.start(), w.key(), w.value())).sink("counted", given.counts.sink());
    late.map(|e| e.id()).sink("late", given.late.sink());
    let letters = dead.map(move |letter| {
        assert_eq!(letter.error(), format!("call {}", asked.attempts));
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

/// Compares with what has to come of `splits`, whose events are in the order of their numbers and none of which is late by itself.
///
/// # Errors
///
/// How it differs.
pub fn check(splits: &[Vec<Event>], asked: Asked, found: &Outcome) -> Result<(), String> {
    let events = splits.concat();
    let succeeds = |e: &&Event| failures(e.id) < u64::from(asked.attempts);
    let mut counts = BTreeMap::<_, u64>::new();
    for e in events.iter().filter(succeeds) {
        *counts.entry((e.at.floor(WIDTH), e.group)).or_default() += 1;
    }
    let counts: Vec<_> =
        counts.into_iter().map(|((at, group), count)| (at, group, count)).collect();
    let dead = sorted(events.iter().filter(|e| !succeeds(e)).map(|e| e.id));
    let results = sorted(events.iter().filter(succeeds).map(|e| e.id));
    if found.late > 0 {
        return Err(format!("{} are late", found.late));
    }
    if (&found.counts, &found.dead) != (&counts, &dead) {
        return Err(format!("{found:?}, expected {counts:?} and {dead:?}"));
    }
    if sorted(found.results.concat()) != results {
        return Err(format!("{:?}, expected {results:?}", found.results));
    }
    let of_split = |list: &Vec<u64>, split: usize| -> Vec<u64> {
        let ids: Vec<u64> = splits[split].iter().map(|e| e.id).collect();
        list.iter().copied().filter(|id| ids.contains(id)).collect()
    };
    for (list, split) in
        found.results.iter().flat_map(|list| (0..splits.len()).map(move |split| (list, split)))
    {
        let own = of_split(list, split);
        let place = |id: &u64| splits[split].iter().position(|e| e.id == *id);
        if asked.ordered && !own.is_sorted_by_key(place) {
            return Err(format!("{own:?} of split {split} are not in order"));
        }
    }
    Ok(())
}
