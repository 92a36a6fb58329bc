//! The part of a source's task that finds new splits: when it looks, and what a recording keeps of it.

use super::{Discovered, SplitEnumerator};
use crate::error::OperatorFault;
use crate::source::Position;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// An enumerator, and when it is to look next.
pub(super) struct Discovery<S> {
    enumerator: Box<dyn SplitEnumerator<S>>,
    next_ns: u64,
    is_complete: bool,
    /// Splits found so far.
    count: usize,
    /// The splits of the last look, as a recording keeps them.
    found: Vec<Position>,
    /// In a replay: what the look that comes next has found.
    replayed: Option<Vec<Position>>,
}

impl<S: Serialize + DeserializeOwned> Discovery<S> {
    pub(super) fn new(enumerator: Box<dyn SplitEnumerator<S>>) -> Self {
        let (found, replayed) = (Vec::new(), None);
        Self { enumerator, next_ns: 0, is_complete: false, count: 0, found, replayed }
    }

    /// Before the first look: `known` splits were found before and are not done, and the enumerators of all workers stood at `positions`.
    pub(super) fn resume(
        &mut self,
        known: usize,
        positions: &[Position],
    ) -> Result<(), OperatorFault> {
        self.count = known;
        positions.iter().try_for_each(|position| self.enumerator.resume(position))
    }

    /// What it has found so far.
    pub(super) fn position(&self) -> Option<Position> {
        self.enumerator.position()
    }

    /// True if no split will be found any more.
    pub(super) fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Splits found so far.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Looks for splits if it is time; in a replay takes those that were found then. `ended`: the recording says that these were the last.
    pub(super) fn look(&mut self, now_ns: u64, ended: bool) -> Result<Vec<S>, OperatorFault> {
        if let Some(splits) = self.replayed.take() {
            self.is_complete = ended;
            self.count += splits.len();
            return splits.iter().map(|split| Ok(split.read()?)).collect();
        }
        let mut found = Vec::new();
        if self.is_complete || now_ns < self.next_ns {
            return Ok(found);
        }
        self.is_complete = self.enumerator.discover(now_ns, &mut found)? == Discovered::All;
        let wait_ns = u64::try_from(self.enumerator.interval().as_nanos()).unwrap_or(u64::MAX);
        self.next_ns = now_ns.saturating_add(wait_ns);
        self.count += found.len();
        self.found.extend(found.iter().map(Position::of));
        Ok(found)
    }

    pub(super) fn take_found(&mut self) -> Vec<Position> {
        std::mem::take(&mut self.found)
    }

    pub(super) fn replay(&mut self, splits: Vec<Position>) {
        self.replayed = Some(splits);
    }
}
