//! The host as source and sink: values go into named inputs at moments that the seed draws, counts per window come out of a named output.
//!
//! Each handle is in order and event time waits for the slowest, so nothing is late, whatever the moments; and the windows equal those of one pass.

use std::collections::BTreeMap;
use std::time::Duration;

use thalweg::prelude::*;
use thalweg::rt::{MemoryFiles, Sim, SimReport};

use crate::dice;

/// What the host sends.
#[record]
#[derive(Clone)]
struct Sent {
    #[event_time]
    at: EventTime,
    key: u32,
    /// Makes some records larger than a page.
    filling: Str,
}

/// What it receives.
#[record]
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Counted {
    start: EventTime,
    key: u32,
    count: u64,
    bytes: u64,
}

/// One seed's input.
struct Input {
    workers: usize,
    width: Duration,
    handles: Vec<Vec<Sent>>,
}

impl Input {
    fn new(seed: u64) -> Self {
        let mut dice = dice::of(seed);
        let handles = (0..dice.between(1, 4)).map(|_| {
            let mut clock_ms = 0;
            let sent = (0..dice.between(0, 200)).map(|_| {
                clock_ms += dice.between(0, 20);
                let length = if dice.below(20) == 0 { 3_000 } else { dice.below(30) };
                let length = usize::try_from(length).expect("few");
                Sent {
                    at: EventTime::from_millis(i64::try_from(clock_ms).expect("short")),
                    key: u32::try_from(dice.below(10)).expect("few"),
                    filling: "x".repeat(length).into(),
                }
            });
            sent.collect()
        });
        let handles = handles.collect();
        let workers = usize::try_from(dice.between(1, 4)).expect("few");
        Self { workers, width: Duration::from_millis(dice.between(1, 300)), handles }
    }

    fn oracle(&self) -> Vec<Counted> {
        let width = i64::try_from(self.width.as_nanos()).expect("short");
        let mut windows: BTreeMap<(i64, u32), (u64, u64)> = BTreeMap::new();
        for sent in self.handles.iter().flatten() {
            let start = sent.at.as_nanos().div_euclid(width) * width;
            let (count, bytes) = windows.entry((start, sent.key)).or_default();
            *count += 1;
            *bytes += sent.filling.len() as u64;
        }
        let windows = windows.into_iter().map(|((start, key), (count, bytes))| Counted {
            start: EventTime::from_nanos(start),
            key,
            count,
            bytes,
        });
        windows.collect()
    }

    fn simulate(&self, seed: u64) -> Result<SimReport, String> {
        let mut sim = Sim::new(seed, self.workers);
        for values in &self.handles {
            sim = sim.input::<Sent>("sent", values.clone());
        }
        sim.run(job(self.handles.len(), self.width))
            .map_err(|error| format!("the job failed: {error}"))
    }
}

fn job(
    handles: usize,
    width: Duration,
) -> impl Fn(&mut Topology) -> Result<()> + Send + Sync + 'static {
    move |t| {
        let Windowed { on_time, late } = t
            .input::<Sent>("sent")
            .handles(handles)
            .watermarks(Monotonic.never_idle())
            .key_by(|s| &s.key)
            .window("windows", Tumbling::of(width))
            .aggregate(|sum: &mut (u64, u64), s| {
                let (count, bytes) = *sum;
                *sum = (count + 1, bytes + s.filling().len() as u64);
            });
        late.map(|s| s.to_value()).output("late");
        on_time
            .map(|w| {
                let (count, bytes) = w.to_value().value;
                Counted { start: w.start(), key: w.key(), count, bytes }
            })
            .output("counted");
        Ok(())
    }
}

/// Runs one seed; `twice` also runs it again and replays it.
///
/// # Errors
///
/// What is wrong, as a sentence.
pub(crate) fn run(seed: u64, twice: bool) -> Result<(), String> {
    let input = Input::new(seed);
    let report = input.simulate(seed)?;
    let counted = report.output::<Counted>("counted");
    if !report.output::<Sent>("late").is_empty() {
        return Err("a record is late though every handle is in order".into());
    }
    let mut found: Vec<_> = counted.iter().map(|(_, counted)| counted.clone()).collect();
    found.sort_unstable();
    if found != input.oracle() {
        return Err("the windows are not those of one pass".into());
    }
    if !twice {
        return Ok(());
    }
    let again = input.simulate(seed)?;
    if again.journal != report.journal || again.output::<Counted>("counted") != counted {
        return Err("the same seed gave something else the second time".into());
    }
    let job = job(input.handles.len(), input.width);
    let replayed = Sim::replay(&report.journal, MemoryFiles::default(), job)
        .map_err(|error| format!("the replay failed: {error}"))?;
    // Which worker's page the host looks at first is its own affair; what they hold is not.
    let sorted = |mut list: Vec<(EventTime, Counted)>| {
        list.sort_unstable();
        list
    };
    match sorted(replayed.output("counted")) == sorted(counted) {
        true => Ok(()),
        false => Err("the replay gave other outputs".into()),
    }
}
