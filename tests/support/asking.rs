//! Somebody outside who takes their time and fails at times.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use thalweg::error::OperatorFault;
use thalweg::prelude::*;

use crate::oracle::sorted;
use crate::records::Event;
use crate::settled::{self, Calls, succeeds};

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

/// What came, and the results of each worker in their order.
#[derive(Debug, PartialEq)]
pub struct Outcome {
    settled: settled::Outcome,
    results: Vec<Vec<u64>>,
}

/// What a job has given.
#[derive(Debug, Default, Clone)]
pub struct Given {
    results: Collected<u64>,
    settled: settled::Given,
}

impl Given {
    /// Everything since the last time.
    pub fn take(&self) -> Outcome {
        let results = self.results.take_per_worker().into_iter();
        let ids = |list: Vec<(EventTime, u64)>| list.into_iter().map(|(_, id)| id).collect();
        Outcome { settled: self.settled.take(), results: results.map(ids).collect() }
    }
}

/// A future that is ready when it was polled some times, and wakes itself until then.
#[derive(Debug)]
pub struct Later<U> {
    turns: u64,
    reply: Option<Result<U, OperatorFault>>,
}

impl<U> Later<U> {
    /// Ready after so many polls in vain.
    pub fn in_turns(turns: u64, reply: Result<U, OperatorFault>) -> Self {
        Self { turns, reply: Some(reply) }
    }
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

/// Attaches the operator `ask` and what looks at its results.
pub fn attach(events: Stream<Event>, asked: Asked, given: &Given) {
    let calls = Calls::new(asked.attempts);
    let asking = events.async_map(move |e: &Rec<Event>| {
        let (number, reply) = calls.call(e);
        Later::in_turns((e.id() ^ number).wrapping_mul(0x9E37_79B9) >> 7 & 7, reply)
    });
    let asking = if asked.ordered { asking } else { asking.unordered() };
    let asking = asking.capacity(asked.capacity).retry(asked.attempts);
    let asking = asked.pause.into_iter().fold(asking, |asking, pause| asking.after(pause));
    let Guarded { stream, dead } = asking.or_dead_letter("ask");
    stream.clone().map(|e| e.id()).sink("results", given.results.sink());
    given.settled.attach(Guarded { stream, dead }, asked.attempts);
}

/// Compares with what has to come of `splits`, whose events are in the order of their numbers and none of which is late by itself.
///
/// # Errors
///
/// How it differs.
pub fn check(splits: &[Vec<Event>], asked: Asked, found: &Outcome) -> Result<(), String> {
    let events = splits.concat();
    let expected = settled::expected(&events, asked.attempts);
    if found.settled != expected {
        return Err(format!("{found:?}, expected {expected:?}"));
    }
    let results = sorted(events.iter().filter(|e| succeeds(e, asked.attempts)).map(|e| e.id));
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
