//! Nexmark's events, each when it is due; a split on each worker has its share of them, due between the others'.

use thalweg::error::OperatorFault;
use thalweg::io::Files;
use thalweg::rt::now_ns;
use thalweg::source::{Emitter, OpenContext, Polled, Source, SplitReader};

use super::schedule::Schedule;
use crate::nexmark::generator::{Config, Maker};
use crate::nexmark::model::Event;

/// The source.
#[derive(Debug, Clone)]
pub struct Scheduled {
    config: Config,
    schedule: Schedule,
}

impl Scheduled {
    /// The events of `config` on a schedule.
    #[must_use]
    pub fn of(config: Config, schedule: Schedule) -> Self {
        Self { config, schedule }
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
        Ok(ScheduledReader {
            maker: Maker::new(self.config.clone()),
            schedule: self.schedule,
            next: *split,
            due_ns: self.schedule.due_ns(*split),
            oldest_ns: 0,
        })
    }
}

/// Makes the events of one split.
#[derive(Debug)]
pub struct ScheduledReader {
    maker: Maker,
    schedule: Schedule,
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
                return Ok(Polled::End);
            }
            out.emit(self.maker.make(self.next));
            self.next += step;
            self.due_ns = self.schedule.due_ns(self.next);
        }
        Ok(if out.wanted() == 0 { Polled::More } else { Polled::Dry })
    }

    fn origin_ns(&self) -> Option<u64> {
        Some(self.oldest_ns)
    }
}
