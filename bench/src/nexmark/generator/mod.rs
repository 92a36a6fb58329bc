//! Nexmark's events, made by number: fast enough to measure with, the same in every run, in as many splits as wanted.
//!
//! Event `n` is a function of the configuration and of `n`: split `k` of `s` gives the events `k`, `k + s`, `k + 2s` and so on, and a position is a
//! number. The proportions, the ids, who is hot, prices, texts and times follow the field's default configuration; the dice are our own, so
//! single values are not those of another implementation.
//!
//! As fast as possible, events come as they are asked for. With a rate each has an instant at which it is due, and one that comes late says so
//! (open loop: latency counts the wait, after Gil Tene's "coordinated omission").
//!
//! * [`config`]: the settings and their defaults.
//! * `events`: what event `n` is.
//! * `texts`: random texts. `channels`: names and urls. `instants`: times.
//! * [`Events`]: the source. [`Prepared`]: events that were made before the job.

pub mod config;
mod channels;
mod dice;
mod events;
mod instants;
mod prepared;
mod schedule;
mod texts;

pub use config::Config;
pub use events::Maker;
pub use prepared::Prepared;

use std::rc::Rc;

use thalweg::error::OperatorFault;
use thalweg::io::Files;
use thalweg::source::{Emitter, OpenContext, Polled, Position, Source, SplitReader};

use super::model::Event;
use schedule::Schedule;

/// The source of generated events.
#[derive(Debug, Clone)]
pub struct Events {
    config: Config,
}

impl Events {
    /// Events as configured.
    #[must_use]
    pub fn of(config: Config) -> Self {
        Self { config }
    }

    fn reader(&self, next: u64, context: &OpenContext) -> EventReader {
        let schedule = self.config.rate.map(|rate| Schedule::new(rate, Rc::clone(&context.clock)));
        EventReader { maker: Maker::new(self.config.clone()), next, schedule }
    }
}

impl Source for Events {
    type Out = Event;
    type Split = u64;
    type Reader = EventReader;

    fn splits(&self, _: &dyn Files) -> Result<Vec<u64>, OperatorFault> {
        Ok((0..self.config.splits).collect())
    }

    fn open(&self, split: &u64, context: &OpenContext) -> Result<EventReader, OperatorFault> {
        Ok(self.reader(*split, context))
    }

    fn resume(
        &self,
        _: &u64,
        position: &Position,
        context: &OpenContext,
    ) -> Result<EventReader, OperatorFault> {
        Ok(self.reader(position.read()?, context))
    }

    fn describe(&self) -> String {
        self.config.to_string()
    }
}

/// Makes the events of one split.
#[derive(Debug)]
pub struct EventReader {
    maker: Maker,
    next: u64,
    schedule: Option<Schedule>,
}

impl SplitReader<Event> for EventReader {
    fn poll(&mut self, out: &mut Emitter<'_, Event>) -> Result<Polled, OperatorFault> {
        // A replay is not to wait for instants that its clock does not have.
        let mut schedule = self.schedule.as_mut().filter(|_| !out.is_replay());
        let (events, step) = (self.maker.config().events, self.maker.config().splits);
        if let Some(schedule) = &mut schedule {
            schedule.begin(self.next, step);
        }
        while out.wanted() > 0 {
            if self.next >= events {
                return Ok(Polled::End);
            }
            if schedule.as_mut().is_some_and(|schedule| !schedule.is_due(self.next)) {
                return Ok(Polled::Dry);
            }
            out.emit_as(&self.maker.make_ref(self.next));
            self.next = self.next.saturating_add(step);
        }
        Ok(Polled::More)
    }

    fn position(&self) -> Option<Position> {
        Some(Position::of(&self.next))
    }

    fn origin_ns(&self) -> Option<u64> {
        self.schedule.as_ref()?.take_oldest()
    }
}

#[cfg(test)]
mod tests;
