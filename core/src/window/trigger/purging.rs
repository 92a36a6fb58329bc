//! Makes another trigger forget what it has fired.

use super::{Trigger, TriggerContext, Verdict};
use crate::raw::view::Rec;
use crate::record::Record;
use crate::time::{EventTime, ProcessingTime};

/// Fires when the trigger inside does, and purges each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Purging<G> {
    inner: G,
}

impl<G> Purging<G> {
    /// `inner`, purging.
    pub const fn of(inner: G) -> Self {
        Self { inner }
    }
}

fn purging(verdict: Verdict) -> Verdict {
    if verdict == Verdict::Fire { Verdict::FireAndPurge } else { verdict }
}

impl<T: Record, G: Trigger<T>> Trigger<T> for Purging<G> {
    type State = G::State;

    fn on_record(
        &mut self,
        record: &Rec<T>,
        at: EventTime,
        pane: &mut TriggerContext<'_, G::State>,
    ) -> Verdict {
        purging(self.inner.on_record(record, at, pane))
    }

    fn on_event_time(&mut self, at: EventTime, pane: &mut TriggerContext<'_, G::State>) -> Verdict {
        purging(self.inner.on_event_time(at, pane))
    }

    fn on_processing_time(
        &mut self,
        now: ProcessingTime,
        pane: &mut TriggerContext<'_, G::State>,
    ) -> Verdict {
        purging(self.inner.on_processing_time(now, pane))
    }

    fn on_end(&mut self, pane: &mut TriggerContext<'_, G::State>) -> Verdict {
        purging(self.inner.on_end(pane))
    }

    fn on_merge(&mut self, later: G::State, pane: &mut TriggerContext<'_, G::State>) {
        self.inner.on_merge(later, pane);
    }

    fn can_merge(&self) -> bool {
        self.inner.can_merge()
    }

    fn fires_early(&self) -> bool {
        self.inner.fires_early()
    }

    fn fires_at_end(&self) -> bool {
        self.inner.fires_at_end()
    }

    fn describe(&self) -> String {
        format!("{}, purging", self.inner.describe())
    }

    fn check(&self) -> Result<(), String> {
        self.inner.check()
    }
}
