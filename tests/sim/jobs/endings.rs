//! A job that is drained or stopped at a random moment: what it gives is that of exactly the records that it had read.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use thalweg::metrics::Ending;
use thalweg::prelude::*;
use thalweg::rt::Sim;
use thalweg_tests::records::{Event, Totals};
use thalweg_tests::scripted::{Act, Scripted};

use super::aligned::Window;
use crate::dice;
use crate::seed::Job;

/// One seed's input and handles.
pub(crate) struct Endings {
    workers: usize,
    after: u64,
    ending: Ending,
    width: Duration,
    source: Scripted,
    processed: Collected<u64>,
    windows: Collected<Window>,
}

type PerWorker<T> = Vec<Vec<(EventTime, T)>>;

impl Endings {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = dice::of(seed);
        let scripts = (0..dice.between(1, 4)).map(|split| {
            let mut clock_ms = 0;
            let records = (0..dice.between(0, 400)).map(|index| {
                clock_ms += dice.between(0, 20);
                Event {
                    at: EventTime::from_millis(i64::try_from(clock_ms).expect("short")),
                    id: split << 32 | index,
                    name: Str::default(),
                    group: u32::try_from(dice.below(20)).expect("few"),
                    value: 1,
                    text: Str::default(),
                }
            });
            vec![Act::Speak(records.collect())]
        });
        let scripts = scripts.collect();
        let magnitude = dice.between(1, 12);
        Self {
            workers: usize::try_from(dice.between(1, 4)).expect("few"),
            after: dice.below(1 << magnitude),
            ending: if dice.below(2) == 0 { Ending::Drained } else { Ending::Stopped },
            width: Duration::from_millis(dice.between(1, 500)),
            source: Scripted::new(scripts, Duration::ZERO, None),
            processed: Collected::new(),
            windows: Collected::new(),
        }
    }

    fn key(&self, event: &Event) -> (EventTime, u32) {
        (event.at.floor(self.width), event.group)
    }

    /// How many records of `ids` each window has.
    fn windows_of(&self, ids: &BTreeSet<u64>) -> BTreeMap<(EventTime, u32), u64> {
        let mut windows = BTreeMap::new();
        for event in self.source.events().iter().filter(|event| ids.contains(&event.id)) {
            *windows.entry(self.key(event)).or_default() += 1;
        }
        windows
    }

    /// The last instant that no split that has records left is before; beyond it, nothing may have fired.
    fn slowest(&self, read: &BTreeSet<u64>) -> EventTime {
        let (mut reached, mut has_more) = (BTreeMap::new(), BTreeSet::new());
        for event in &self.source.events() {
            let split = event.id >> 32;
            let at = reached.entry(split).or_insert(EventTime::MIN);
            match read.contains(&event.id) {
                true => *at = (*at).max(event.at),
                false => drop(has_more.insert(split)),
            }
        }
        let open = reached.iter().filter(|(split, _)| has_more.contains(split));
        open.map(|(_, at)| *at).min().unwrap_or(EventTime::MAX)
    }
}

impl Job for Endings {
    type Outputs = (Vec<u64>, PerWorker<u64>, PerWorker<Window>);

    fn workers(&self) -> usize {
        self.workers
    }

    fn sim(&self, seed: u64) -> Sim {
        Sim::new(seed, self.workers()).end_after(self.after, self.ending)
    }

    fn build(&self, t: &mut Topology) -> Result<()> {
        let events = t.source("events", self.source.clone()).watermarks(Monotonic.never_idle());
        events.clone().map(|event| event.id()).sink("processed", self.processed.sink());
        let windowed = events
            .key_by_value(|event| event.group())
            .window("windows", Tumbling::of(self.width))
            .aggregate(|totals: &mut Totals, event| totals.add(event.id(), event.value()));
        windowed.late.drop_counted();
        windowed
            .on_time
            .map(|w| Window { start: w.start(), group: w.key(), count: w.to_value().value.count })
            .sink("windows out", self.windows.sink());
        Ok(())
    }

    fn take(&self) -> Self::Outputs {
        // In which order workers read is not part of what a replay repeats.
        let mut read = self.source.take_read();
        read.sort_unstable();
        (read, self.processed.take_per_worker(), self.windows.take_per_worker())
    }

    fn check(&self, (read, processed, windows): &Self::Outputs) -> Result<(), String> {
        let mut ids: Vec<u64> = processed.iter().flatten().map(|(_, id)| *id).collect();
        ids.sort_unstable();
        if ids != *read {
            return Err(format!("{} records were read, {} processed", read.len(), ids.len()));
        }
        let read: BTreeSet<u64> = read.iter().copied().collect();
        let expected = self.windows_of(&read);
        let windows = windows.iter().flatten().map(|(_, w)| ((w.start, w.group), w.count));
        let found: Vec<_> = windows.collect();
        let distinct: BTreeMap<_, _> = found.iter().copied().collect();
        if distinct.len() != found.len() {
            return Err("a window was fired twice".into());
        }
        let slowest = self.slowest(&read);
        let is_drained = self.ending == Ending::Drained;
        // A window that fired is whole; after a drain each of those that had a record has fired, after a stop none that was still open.
        let is_right = |key: &(EventTime, u32)| match distinct.get(key) {
            Some(count) => {
                expected.get(key) == Some(count) && (is_drained || key.0 + self.width <= slowest)
            }
            None => !is_drained,
        };
        match distinct.keys().chain(expected.keys()).find(|key| !is_right(key)) {
            None => Ok(()),
            Some(key) => Err(format!(
                "{:?}: window {key:?} has {:?} records, found {:?}, slowest at {slowest}",
                self.ending,
                expected.get(key),
                distinct.get(key)
            )),
        }
    }
}
