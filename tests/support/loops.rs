//! A loop in which every record goes round as often as its number says, with windows in its body and behind it: nothing is lost, and nothing is late for it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use thalweg::prelude::*;

use crate::asking::Later;
use crate::oracle::sorted;
use crate::records::Event;

/// How wide all windows are.
const WIDTH: Duration = Duration::from_millis(20);

/// A record on its way through the loop.
#[record]
struct Hop {
    id: u64,
    /// Its group when it came.
    group: u32,
    left: u64,
    rounds: u64,
    /// Of a window of the body: how many records it had; of others 0.
    count: u64,
    text: Str,
}

/// What the body does beside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beside {
    /// Nothing.
    Nothing,
    /// Asks about each record, and waits for the reply.
    Asks,
    /// Fails at times, and tries again at once.
    Fails,
}

/// A loop.
#[derive(Debug, Clone, Copy)]
pub struct Loop {
    /// Passes through the body that a record has, if they are bounded.
    pub most: Option<u64>,
    /// Records that may wait.
    pub capacity: usize,
    /// Other records than those that come are made by windows in the body.
    pub windows: bool,
    /// What the body does beside.
    pub beside: Beside,
    /// Records go to another worker in each round.
    pub deals: bool,
}

/// What leaves the loop: its number, group, rounds and count.
pub type Left = (u64, u32, u64, u64);

/// What came: what has left the loop, and what had gone round too often; windows behind both, each with start, group and number of records; and late records.
pub type Outcome = (Vec<Left>, Vec<Left>, Vec<(EventTime, u32, u64)>, usize);

/// What a job has given.
#[derive(Debug, Default, Clone)]
pub struct Given {
    done: Collected<Left>,
    exceeded: Collected<Left>,
    counts: Collected<(EventTime, u32, u64)>,
    late: Collected<u64>,
}

impl Given {
    /// Everything since the last time.
    pub fn take(&self) -> Outcome {
        let Self { done, exceeded, counts, late } = self;
        (sorted(done.take()), sorted(exceeded.take()), sorted(counts.take()), late.take().len())
    }
}

/// Rounds that a record makes.
fn rounds_of(id: u64) -> u64 {
    id % 9
}

/// Rounds that the result of a window makes.
const OF_WINDOW: u64 = 2;

/// Attaches the loop and what looks at its results.
pub fn attach(events: Stream<Event>, how: Loop, given: &Given) {
    let late = given.late.clone();
    let hops = events.map(|e| {
        let (id, group) = (e.id(), e.group());
        Hop { id, group, left: rounds_of(id), rounds: 0, count: 0, text: e.text().into() }
    });
    let body = move |round: Stream<Hop>| {
        let round = match how.deals {
            true => round.partition_by("elsewhere", |hop, workers| {
                usize::try_from(hop.id() + hop.rounds()).expect("small") % workers
            }),
            false => round,
        };
        let round = beside(round, how.beside);
        let (fresh, again, done) =
            round.split::<(Hop, Hop, Hop), _>("step", |hop, (mut fresh, mut again, mut done)| {
                if hop.rounds() == 0 && hop.count() == 0 {
                    fresh.forward(hop);
                }
                if hop.left() == 0 {
                    done.forward(hop);
                } else {
                    let hop = hop.to_value();
                    again.emit(&Hop { left: hop.left - 1, rounds: hop.rounds + 1, ..hop });
                }
            });
        if !how.windows {
            fresh.drop_counted();
            return (again.boxed(), done);
        }
        let Windowed { on_time, late: too_late } = fresh
            .key_by_value(|hop| hop.group())
            .window("inside", Tumbling::of(WIDTH))
            .aggregate(|count: &mut u64, _| *count += 1);
        too_late.map(|hop| hop.id()).sink("late inside", late.sink());
        let told = on_time.map(|w| Hop {
            id: w.start().as_nanos().cast_unsigned(),
            group: w.key(),
            left: OF_WINDOW,
            rounds: 0,
            count: w.value(),
            text: Str::default(),
        });
        (again.union(told), done)
    };
    let iteration = hops.iteration().capacity(how.capacity);
    let stream = match how.most {
        None => iteration.iterate("loop", body),
        Some(most) => {
            let iteration = iteration.at_most(most, |hop| hop.rounds());
            let Iterated { stream, exceeded } = iteration.iterate("loop", body);
            exceeded.map(left_as).sink("exceeded", given.exceeded.sink());
            stream
        }
    };
    stream.clone().map(left_as).sink("done", given.done.sink());
    let Windowed { on_time, late } = stream
        .key_by_value(|hop| hop.group())
        .window("behind", Tumbling::of(WIDTH))
        .aggregate(|count: &mut u64, _| *count += 1);
    on_time.map(|w| (w.start(), w.key(), w.value())).sink("counts", given.counts.sink());
    late.map(|hop| hop.id()).sink("late behind", given.late.sink());
}

fn left_as(hop: &Rec<Hop>) -> Left {
    (hop.id(), hop.group(), hop.rounds(), hop.count())
}

fn beside(round: Stream<Hop>, beside: Beside) -> Stream<Hop> {
    match beside {
        Beside::Nothing => round,
        Beside::Asks => round
            .async_map(|hop| {
                let hop = hop.to_value();
                Later::in_turns(hop.id.wrapping_mul(0x9E37_79B9) >> 7 & 7, Ok(hop))
            })
            .unordered()
            .capacity(7)
            .or_fail("asked"),
        Beside::Fails => {
            let mut failed = BTreeSet::new();
            let call = move |hop: &Rec<Hop>| match hop.id() % 5 == 1 && failed.insert(hop.id()) {
                true => Err("not the first time".into()),
                false => Ok(hop.to_value()),
            };
            round.try_map(call).retry(3).or_fail("called")
        }
    }
}

/// What has to come of `events`, none of which is late by itself.
pub fn expected(events: &[Event], how: Loop) -> Outcome {
    let mut inside = BTreeMap::<_, u64>::new();
    for e in events.iter().filter(|_| how.windows) {
        *inside.entry((e.at.floor(WIDTH), e.group)).or_default() += 1;
    }
    let told = inside.into_iter().map(|((start, group), count)| {
        (start, (start.as_nanos().cast_unsigned(), group, OF_WINDOW, count))
    });
    let came = events.iter().map(|e| (e.at.floor(WIDTH), (e.id, e.group, rounds_of(e.id), 0)));
    let mut outcome = Outcome::default();
    let mut counts = BTreeMap::<_, u64>::new();
    for (start, left @ (id, group, rounds, count)) in came.chain(told) {
        match how.most.filter(|most| rounds >= *most) {
            Some(most) => outcome.1.push((id, group, most, count)),
            None => {
                outcome.0.push(left);
                *counts.entry((start, group)).or_default() += 1;
            }
        }
    }
    outcome.0.sort_unstable();
    outcome.1.sort_unstable();
    outcome.2 = counts.into_iter().map(|((start, group), count)| (start, group, count)).collect();
    outcome
}
