//! Splits of very different rates, of one source or of two, that wait for each other; in half of the seeds they fall silent and come back as well.
//!
//! A split must not be polled while it is ahead of the slowest by more than the drift, nothing may be late where no split becomes idle, and whatever
//! is late otherwise, all other records are in their windows.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use thalweg::prelude::*;
use thalweg::time::AllIdle;
use thalweg_tests::records::{Event, Totals};
use thalweg_tests::scripted::{Act, Scripted};

use crate::dice;
use crate::seed::Job;
use thalweg_tests::dice::Dice;

/// One seed's input and handles.
pub(crate) struct AlignedSplits {
    workers: usize,
    drift: Duration,
    width: Duration,
    idle_after: Option<Duration>,
    all_idle: AllIdle,
    /// One half of the splits is a source of its own.
    halves: bool,
    source: Scripted,
    windows: Collected<Window>,
    late: Collected<u64>,
}

/// A key's window, and how many records it had.
#[record]
#[derive(Eq)]
pub(crate) struct Window {
    pub(crate) start: EventTime,
    pub(crate) group: u32,
    pub(crate) count: u64,
}

fn script(split: u64, dice: &mut Dice, may_be_silent: bool) -> Vec<Act> {
    let step_ms = [0, 1, 5, 100][usize::try_from(dice.below(4)).expect("few")];
    let (mut clock_ms, mut index) = (0, 0);
    let mut acts = Vec::new();
    for _ in 0..dice.between(0, 4) {
        let records = (0..dice.between(1, 150)).map(|_| {
            clock_ms += dice.between(0, 2 * step_ms);
            index += 1;
            Event {
                at: EventTime::from_millis(i64::try_from(clock_ms).expect("short")),
                id: split << 32 | index,
                name: Str::default(),
                group: u32::try_from(dice.below(20)).expect("few"),
                value: 1,
                text: Str::default(),
            }
        });
        acts.push(Act::Speak(records.collect()));
        if may_be_silent {
            acts.push(Act::Silent(u32::try_from(dice.between(0, 60)).expect("few")));
        }
    }
    acts
}

impl AlignedSplits {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = dice::of(seed);
        let becomes_idle = dice.below(2) == 0;
        let scripts: Vec<_> =
            (0..dice.between(1, 6)).map(|split| script(split, &mut dice, becomes_idle)).collect();
        let drift = Duration::from_millis(dice.between(0, 500));
        let checked = (!becomes_idle).then_some(drift);
        Self {
            workers: usize::try_from(dice.between(1, 4)).expect("few"),
            drift,
            width: Duration::from_millis(dice.between(1, 500)),
            idle_after: becomes_idle.then(|| Duration::from_micros(dice.between(0, 200))),
            all_idle: if dice.below(2) == 0 { AllIdle::Hold } else { AllIdle::AdvanceWithClock },
            halves: dice.below(2) == 0,
            source: Scripted::new(scripts, Duration::ZERO, checked),
            windows: Collected::new(),
            late: Collected::new(),
        }
    }

    fn start_of(&self, at: EventTime) -> EventTime {
        at.floor(self.width)
    }
}

impl Job for AlignedSplits {
    type Outputs = (Vec<Vec<(EventTime, Window)>>, Vec<Vec<(EventTime, u64)>>);

    fn workers(&self) -> usize {
        self.workers
    }

    fn build(&self, t: &mut Topology) -> Result<()> {
        let strategy = Monotonic.aligned_within(self.drift).when_all_idle(self.all_idle);
        let strategy = match self.idle_after {
            Some(silence) => strategy.idle_after(silence),
            None => strategy.never_idle(),
        };
        let events = match self.halves {
            false => t.source("events", self.source.clone()).watermarks(strategy),
            true => {
                let strategy = strategy.aligned_with("halves");
                let [one, two] = self.source.halves();
                let one = t.source("one", one).watermarks(strategy);
                one.union(t.source("two", two).watermarks(strategy))
            }
        };
        let windowed = events
            .key_by_value(|event| event.group())
            .window("windows", Tumbling::of(self.width))
            .aggregate(|totals: &mut Totals, event| totals.add(event.id(), event.value()));
        windowed.late.map(|event| event.id()).sink("late", self.late.sink());
        windowed
            .on_time
            .map(|w| Window { start: w.start(), group: w.key(), count: w.to_value().value.count })
            .sink("windows out", self.windows.sink());
        Ok(())
    }

    fn take(&self) -> Self::Outputs {
        self.source.take_read();
        (self.windows.take_per_worker(), self.late.take_per_worker())
    }

    fn check(&self, (windows, late): &Self::Outputs) -> Result<(), String> {
        if self.source.violations() > 0 {
            return Err("a split was polled while it was ahead of another".into());
        }
        let late: BTreeSet<u64> = late.iter().flatten().map(|(_, id)| *id).collect();
        if self.idle_after.is_none()
            && let Some(id) = late.first()
        {
            return Err(format!("record {id:#x} is late, and no split was idle"));
        }
        let mut expected: BTreeMap<(EventTime, u32), u64> = BTreeMap::new();
        for event in self.source.events().iter().filter(|event| !late.contains(&event.id)) {
            *expected.entry((self.start_of(event.at), event.group)).or_default() += 1;
        }
        let windows = windows.iter().flatten().map(|(_, w)| ((w.start, w.group), w.count));
        let found: Vec<_> = windows.collect();
        let distinct: BTreeMap<_, _> = found.iter().copied().collect();
        match distinct == expected && found.len() == expected.len() {
            true => Ok(()),
            false => Err(format!("windows: expected {expected:?}, found {found:?}")),
        }
    }
}
