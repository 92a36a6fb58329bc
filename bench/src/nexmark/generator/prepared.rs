//! Events that were made before the job: what a run costs without making them.

use std::sync::Arc;

use thalweg::error::OperatorFault;
use thalweg::io::Files;
use thalweg::source::{Archives, Emitter, OpenContext, Polled, Position, Source, SplitReader};

use super::Maker;
use super::config::Config;
use crate::nexmark::model::Event;

/// Events in memory, archived.
#[derive(Debug, Clone)]
pub struct Prepared {
    splits: Arc<[Archives<Event>]>,
}

impl Prepared {
    /// These events, in one split.
    #[must_use]
    pub fn from_events(events: Vec<Event>) -> Self {
        Self { splits: [events.into_iter().collect()].into() }
    }

    /// Makes all events of `config`. Cost: their memory, some 270 bytes each.
    #[must_use]
    pub fn of(config: Config) -> Self {
        let (events, splits) = (config.events, config.splits);
        let mut maker = Maker::new(config);
        let mut split = |first: u64| {
            let mut archives = Archives::new();
            let mut next = first;
            while next < events {
                archives.push(maker.make(next));
                next += splits;
            }
            archives
        };
        Self { splits: (0..splits).map(&mut split).collect() }
    }

    fn reader(&self, split: usize, next: usize) -> PreparedReader {
        PreparedReader { splits: Arc::clone(&self.splits), split, next }
    }
}

impl Source for Prepared {
    type Out = Event;
    type Split = usize;
    type Reader = PreparedReader;

    fn splits(&self, _: &dyn Files) -> Result<Vec<usize>, OperatorFault> {
        Ok((0..self.splits.len()).collect())
    }

    fn open(&self, split: &usize, _: &OpenContext) -> Result<PreparedReader, OperatorFault> {
        Ok(self.reader(*split, 0))
    }

    fn resume(
        &self,
        split: &usize,
        position: &Position,
        _: &OpenContext,
    ) -> Result<PreparedReader, OperatorFault> {
        Ok(self.reader(*split, position.read()?))
    }

    fn describe(&self) -> String {
        let events: usize = self.splits.iter().map(Archives::len).sum();
        format!("{events} events in memory")
    }
}

/// Reads the events of one split.
#[derive(Debug)]
pub struct PreparedReader {
    splits: Arc<[Archives<Event>]>,
    split: usize,
    next: usize,
}

impl SplitReader<Event> for PreparedReader {
    fn poll(&mut self, out: &mut Emitter<'_, Event>) -> Result<Polled, OperatorFault> {
        let events = &self.splits[self.split];
        self.next += out.emit_archives(events, self.next);
        Ok(if self.next < events.len() { Polled::More } else { Polled::End })
    }

    fn position(&self) -> Option<Position> {
        Some(Position::of(&self.next))
    }
}
