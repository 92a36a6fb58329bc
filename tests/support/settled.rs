//! Records that fail some times before they are worked on or given up, and windows over what comes of them: nothing is lost, and nothing is late for it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use thalweg::operator::DeadLetter;
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

    /// Looks at what comes of records after so many attempts.
    pub fn attach(&self, guarded: Guarded<Event>, attempts: u32) {
        let Guarded { stream, dead } = guarded;
        let Windowed { on_time, late } = stream
            .key_by_value(|e| e.group())
            .window("counts", Tumbling::of(WIDTH))
            .aggregate(|count: &mut u64, _| *count += 1);
        on_time.map(|w| (w.start(), w.key(), w.value())).sink("counted", self.counts.sink());
        late.map(|e| e.id()).sink("late", self.late.sink());
        let letters = dead.map(move |letter: &Rec<DeadLetter>| {
            assert_eq!(letter.error(), format!("call {attempts}"));
            letter.decode::<Event>().expect("an event's archive")
        });
        // Dead letters are not late either.
        let Windowed { on_time, late } = letters
            .key_by_value(|e| e.id())
            .window("letters", Tumbling::of(WIDTH))
            .aggregate(|count: &mut u64, _| *count += 1);
        on_time.map(|w| w.key()).sink("dead", self.dead.sink());
        late.map(|e| e.id()).sink("late letters", self.late.sink());
    }
}

/// How often a record fails: as often as its number divided by six leaves over.
fn failures(id: u64) -> u64 {
    id % 6
}

/// Whether so many attempts are enough for a record.
pub fn succeeds(event: &Event, attempts: u32) -> bool {
    failures(event.id) < u64::from(attempts)
}

/// Something outside of the job, which clones share: it counts the calls for each record, also those of a run that crashed, and fails the first of them.
///
/// A record for which the job has too few attempts fails always: the attempts that a crash undoes are not undone here, and would help it.
#[derive(Debug, Clone)]
pub struct Calls {
    attempts: u32,
    made: Arc<Mutex<BTreeMap<u64, u64>>>,
}

impl Calls {
    /// Nothing was called yet by a job with so many attempts for each record.
    pub fn new(attempts: u32) -> Self {
        Self { attempts, made: Arc::default() }
    }

    /// One more, which may be in vain; the number of it, and what it comes to.
    pub fn call(&self, event: &Rec<Event>) -> (u64, Result<Event, OperatorFault>) {
        let mut made = self.made.lock().expect("nobody panics with it");
        let calls = made.entry(event.id()).or_default();
        *calls += 1;
        let event = event.to_value();
        let reply = match succeeds(&event, self.attempts) && *calls > failures(event.id) {
            true => Ok(event),
            false => Err(format!("call {}", u64::from(self.attempts).min(*calls)).into()),
        };
        (*calls, reply)
    }
}

/// What has to come of `events`, none of which is late by itself.
pub fn expected(events: &[Event], attempts: u32) -> Outcome {
    let mut counts = BTreeMap::<_, u64>::new();
    for e in events.iter().filter(|e| succeeds(e, attempts)) {
        *counts.entry((e.at.floor(WIDTH), e.group)).or_default() += 1;
    }
    let dead = events.iter().filter(|e| !succeeds(e, attempts)).map(|e| e.id);
    (counts.into_iter().map(|((at, group), count)| (at, group, count)).collect(), sorted(dead), 0)
}
