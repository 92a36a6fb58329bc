//! Nexmark's events, each when it is due; a split on each worker has its share of them, due between the others'.

use thalweg::error::OperatorFault;
use thalweg::io::Files;
use thalweg::rt::now_ns;
use thalweg::source::{Emitter, OpenContext, Polled, Position, Source, SplitReader};

use super::lateness::Lateness;
use super::schedule::Schedule;
use crate::nexmark::generator::{Config, Maker};
use crate::nexmark::model::Event;

/// The source.
#[derive(Debug, Clone)]
pub struct Scheduled {
    config: Config,
    schedule: Schedule,
    lateness: Lateness,
}

impl Scheduled {
    /// The events of `config` on a schedule.
    #[must_use]
    pub fn of(config: Config, schedule: Schedule) -> Self {
        Self { config, schedule, lateness: Lateness::default() }
    }

    /// How late its splits are at their end.
    #[must_use]
    pub fn lateness(&self) -> &Lateness {
        &self.lateness
    }

    /// A reader of a split whose next event is `next`.
    fn reader(&self, next: u64) -> ScheduledReader {
        ScheduledReader {
            maker: Maker::new(self.config.clone()),
            schedule: self.schedule,
            lateness: self.lateness.clone(),
            next,
            due_ns: self.schedule.due_ns(next),
            oldest_ns: 0,
        }
    }
}

impl Source for Scheduled {
    type Out = Event;
    type Split = u64;
    type Reader = ScheduledReader;

    fn splits(&self, _: &dyn Files) -> Result<Vec<u64>, OperatorFault> {
        Ok((0..self.config.splits).collect())
    }

    fn open(&self, split: &u64, _: &OpenContext) -> Result<ScheduledReader, OperatorFault> {
        Ok(self.reader(*split))
    }

    /// What was due in between comes at once, late as it is.
    fn resume(
        &self,
        _: &u64,
        position: &Position,
        _: &OpenContext,
    ) -> Result<ScheduledReader, OperatorFault> {
        Ok(self.reader(position.read()?))
    }
}

/// Makes the events of one split.
#[derive(Debug)]
pub struct ScheduledReader {
    maker: Maker,
    schedule: Schedule,
    lateness: Lateness,
    next: u64,
    due_ns: u64,
    oldest_ns: u64,
}

impl SplitReader<Event> for ScheduledReader {
    fn poll(&mut self, out: &mut Emitter<'_, Event>) -> Result<Polled, OperatorFault> {
        let now_ns = now_ns();
        self.oldest_ns = self.due_ns;
        let (events, step) = (self.maker.config().events, self.maker.config().splits);
        while self.due_ns <= now_ns && out.wanted() > 0 {
            if self.next >= events {
                self.lateness.note_end(self.due_ns, now_ns);
                return Ok(Polled::End);
            }
            out.emit(self.maker.make(self.next));
            self.next += step;
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use thalweg::testing::SourceSuite;

    use super::*;

    #[test]
    fn events_that_are_due_are_read_as_from_any_other_source() {
        let config = Config::of(300).splits(3).exact_times();
        let mut maker = Maker::new(config.clone());
        let expected = (0..300).map(|n| maker.make(n).clone()).collect();
        // All of them were due before there was a clock.
        let schedule = Schedule::of(&config, 1_000_000_000, 0, Duration::ZERO).unwrap();
        let source = Scheduled::of(config, schedule);
        SourceSuite::new(move |_| source.clone()).expect(expected).run();
    }
}
