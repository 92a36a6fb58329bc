//! The keyed count at a fixed rate: latency of each record from its scheduled instant to the sink.

use std::error::Error;
use std::sync::{Arc, Mutex};

use thalweg::error::OperatorFault;
use thalweg::io::Files;
use thalweg::prelude::*;
use thalweg::rt::now_ns;
use thalweg::source::{Emitter, OpenContext, Polled, Position, Source, SplitReader};

use super::bids::Bid;
use crate::latency::lateness::Lateness;
use crate::latency::rig::Rig;
use crate::latency::run::Outcome;
use crate::load::histogram::LatencyHistogram;
use crate::reference::bare_path::OpenLoad;
use crate::reference::bids::BidSource;

/// Before the first record is due all workers are built and spinning.
const LEAD_NS: u64 = 200_000_000;

/// Bids on a schedule; each split has its share of the rate, and its records are due between the others'.
#[derive(Debug, Clone)]
struct Scheduled {
    records_per_s: u64,
    records: u64,
    keys: u64,
    splits: u64,
    start_ns: u64,
    lateness: Lateness,
}

#[derive(Debug)]
struct ScheduledReader {
    schedule: Scheduled,
    source: BidSource,
    next: u64,
    due_ns: u64,
    oldest_ns: u64,
}

impl Scheduled {
    fn due_ns(&self, record: u64) -> u64 {
        self.start_ns + record * 1_000_000_000 / self.records_per_s
    }

    fn reader(&self, split: u64) -> ScheduledReader {
        ScheduledReader {
            schedule: self.clone(),
            source: BidSource::new(split, self.keys),
            next: split,
            due_ns: self.due_ns(split),
            oldest_ns: 0,
        }
    }
}

impl Source for Scheduled {
    type Out = Bid;
    type Split = u64;
    type Reader = ScheduledReader;

    fn splits(&self, _: &dyn Files) -> Result<Vec<u64>, OperatorFault> {
        Ok((0..self.splits).collect())
    }

    fn open(&self, split: &u64, _: &OpenContext) -> Result<ScheduledReader, OperatorFault> {
        Ok(self.reader(*split))
    }

    /// Draws all that came before again. What was due in between comes at once, late as it is.
    fn resume(
        &self,
        split: &u64,
        position: &Position,
        _: &OpenContext,
    ) -> Result<ScheduledReader, OperatorFault> {
        let next = position.read()?;
        let mut reader = self.reader(*split);
        while reader.next < next {
            reader.source.next_bid();
            reader.next += self.splits;
        }
        reader.due_ns = self.due_ns(next);
        Ok(reader)
    }
}

impl SplitReader<Bid> for ScheduledReader {
    fn poll(&mut self, out: &mut Emitter<'_, Bid>) -> Result<Polled, OperatorFault> {
        let now_ns = now_ns();
        self.oldest_ns = self.due_ns;
        while self.due_ns <= now_ns && out.wanted() > 0 {
            if self.next >= self.schedule.records {
                self.schedule.lateness.note_end(self.due_ns, now_ns);
                return Ok(Polled::End);
            }
            let at = EventTime::from_nanos(self.due_ns.cast_signed());
            out.emit(&Bid::next(&mut self.source, at));
            self.next += self.schedule.splits;
            self.due_ns = self.schedule.due_ns(self.next);
        }
        Ok(if out.wanted() == 0 { Polled::More } else { Polled::Dry })
    }

    fn position(&self) -> Option<Position> {
        Some(Position::of(&self.next))
    }

    fn origin_ns(&self) -> Option<u64> {
        Some(self.oldest_ns)
    }
}

/// A worker's histogram, added to the others' when the worker ends.
struct Measuring {
    latency: LatencyHistogram,
    from_ns: u64,
    into: Arc<Mutex<LatencyHistogram>>,
}

impl Measuring {
    fn record(&mut self, due: EventTime) {
        let due_ns = due.as_nanos().cast_unsigned();
        let now_ns = now_ns();
        if due_ns >= self.from_ns {
            self.latency.record_ns(now_ns.saturating_sub(due_ns));
        }
    }
}

impl Drop for Measuring {
    fn drop(&mut self) {
        self.into.lock().expect("nobody panics with this lock").merge(&self.latency);
    }
}

/// Runs the job at the load's rate, one split on each worker.
///
/// # Errors
///
/// As of [`Rig::run`].
///
/// # Panics
///
/// If a record was lost.
pub fn run(load: &OpenLoad, rig: &Rig) -> std::result::Result<Outcome, Box<dyn Error>> {
    let OpenLoad { records_per_s, duration, warm_up, keys, .. } = *load;
    let nanos = u64::try_from(duration.as_nanos()).expect("a run is shorter than 500 years");
    let records = u128::from(nanos) * u128::from(records_per_s) / 1_000_000_000;
    let records = u64::try_from(records).expect("a run has fewer than 2^64 records");
    let all = Arc::new(Mutex::new(LatencyHistogram::new()));
    let into = Arc::clone(&all);
    let start_ns = now_ns() + LEAD_NS;
    let from_ns = start_ns + u64::try_from(warm_up.as_nanos()).expect("a run is short");
    let (splits, lateness) = (rig.workers as u64, Lateness::default());
    let source =
        Scheduled { records_per_s, records, keys, splits, start_ns, lateness: lateness.clone() };
    let ran = rig.run("keyed count", move |t| {
        let into = Arc::clone(&into);
        t.source("bids", source.clone())
            .watermarks(Monotonic)
            .key_by(|bid| &bid.auction)
            .filter_map_with_state("count", |count: &mut u64, bid: &Rec<Bid>| {
                *count += 1;
                Some((bid.auction.to_native(), *count))
            })
            .sink(
                "latency",
                ForEach::new(move |_| {
                    let latency = LatencyHistogram::new();
                    let mut measuring = Measuring { latency, from_ns, into: Arc::clone(&into) };
                    move |_: &Rec<(u64, u64)>, due| measuring.record(due)
                }),
            );
        Ok(())
    })?;
    let sink = ran.report.operator("latency").expect("the job has this operator");
    assert_eq!(sink.totals.records_in, records, "every record arrives once");
    let mut latency = LatencyHistogram::new();
    latency.merge(&all.lock().expect("the workers have ended"));
    Ok(Outcome { latency, late_ns: lateness.at_end_ns(), ran })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use thalweg::testing::SourceSuite;

    use super::*;

    #[test]
    fn bids_that_are_due_are_read_as_from_any_other_source() {
        let (lateness, splits) = (Lateness::default(), 3);
        // All of them were due before there was a clock.
        let source = Scheduled {
            records_per_s: 1_000_000_000,
            records: 300,
            keys: 50,
            splits,
            start_ns: 0,
            lateness,
        };
        SourceSuite::new(move |_| source.clone()).run();
    }

    #[test]
    fn every_record_after_the_warm_up_is_recorded_once() {
        let load = OpenLoad {
            records_per_s: 100_000,
            duration: Duration::from_millis(20),
            warm_up: Duration::from_millis(10),
            keys: 100,
            pin: false,
        };
        let outcome = run(&load, &Rig::of(2)).unwrap();
        assert_eq!(outcome.latency.len(), 1_000);
    }
}
