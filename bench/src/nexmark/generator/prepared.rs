//! Events that were made before the job: what a run costs without making them.

use std::sync::Arc;

use thalweg::error::OperatorFault;
use thalweg::io::Files;
use thalweg::source::{Emitter, OpenContext, Polled, Position, Source, SplitReader};

use super::Maker;
use super::config::Config;
use crate::nexmark::model::Event;

/// Events in memory.
#[derive(Debug, Clone)]
pub struct Prepared {
    events: Arc<[Event]>,
    splits: usize,
}

impl Prepared {
    /// These events, in one split.
    #[must_use]
    pub fn from_events(events: Vec<Event>) -> Self {
        Self { events: events.into(), splits: 1 }
    }

    /// Makes all events of `config`. Cost: their memory, some 400 bytes each.
    #[must_use]
    pub fn of(config: Config) -> Self {
        let splits = usize::try_from(config.splits).expect("few");
        let numbers = 0..config.events;
        let mut maker = Maker::new(config);
        Self { events: numbers.map(|n| maker.make(n).clone()).collect(), splits }
    }
}

impl Source for Prepared {
    type Out = Event;
    type Split = usize;
    type Reader = PreparedReader;

    fn splits(&self, _: &dyn Files) -> Result<Vec<usize>, OperatorFault> {
        Ok((0..self.splits).collect())
    }

    fn open(&self, split: &usize, _: &OpenContext) -> Result<PreparedReader, OperatorFault> {
        Ok(PreparedReader { events: Arc::clone(&self.events), next: *split, step: self.splits })
    }

    fn resume(
        &self,
        _: &usize,
        position: &Position,
        _: &OpenContext,
    ) -> Result<PreparedReader, OperatorFault> {
        let next = position.read()?;
        Ok(PreparedReader { events: Arc::clone(&self.events), next, step: self.splits })
    }

    fn describe(&self) -> String {
        format!("{} events in memory", self.events.len())
    }
}

/// Reads the events of one split.
#[derive(Debug)]
pub struct PreparedReader {
    events: Arc<[Event]>,
    next: usize,
    step: usize,
}

impl SplitReader<Event> for PreparedReader {
    fn poll(&mut self, out: &mut Emitter<'_, Event>) -> Result<Polled, OperatorFault> {
        while out.wanted() > 0 {
            let Some(event) = self.events.get(self.next) else { return Ok(Polled::End) };
            out.emit(event);
            self.next += self.step;
        }
        Ok(Polled::More)
    }

    fn position(&self) -> Option<Position> {
        Some(Position::of(&self.next))
    }
}
