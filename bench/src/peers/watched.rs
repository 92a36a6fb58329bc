//! A source that says how far it is.

use thalweg::error::OperatorFault;
use thalweg::io::Files;
use thalweg::record::Record;
use thalweg::source::{Emitter, OpenContext, Polled, Position, Source, SplitReader};

use super::laps::Laps;

/// Another source, whose polls are noted.
#[derive(Debug, Clone)]
pub struct Watched<S> {
    source: S,
    laps: Laps,
}

impl<S> Watched<S> {
    /// Notes the polls of `source`.
    pub fn new(source: S, laps: Laps) -> Self {
        Self { source, laps }
    }
}

impl<S: Source> Source for Watched<S> {
    type Out = S::Out;
    type Split = S::Split;
    type Reader = WatchedReader<S::Reader>;

    fn splits(&self, files: &dyn Files) -> Result<Vec<S::Split>, OperatorFault> {
        self.source.splits(files)
    }

    fn open(&self, split: &S::Split, context: &OpenContext) -> Result<Self::Reader, OperatorFault> {
        let reader = self.source.open(split, context)?;
        Ok(WatchedReader { reader, laps: self.laps.clone() })
    }

    fn describe(&self) -> String {
        self.source.describe()
    }
}

/// Reads one split of a [`Watched`] source.
#[derive(Debug)]
pub struct WatchedReader<R> {
    reader: R,
    laps: Laps,
}

impl<T: Record, R: SplitReader<T>> SplitReader<T> for WatchedReader<R> {
    fn poll(&mut self, out: &mut Emitter<'_, T>) -> Result<Polled, OperatorFault> {
        self.laps.begin();
        let wanted = out.wanted();
        let polled = self.reader.poll(out)?;
        self.laps.note((wanted - out.wanted()) as u64);
        Ok(polled)
    }

    fn position(&self) -> Option<Position> {
        self.reader.position()
    }
}
