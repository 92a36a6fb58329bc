//! Early firings: a window shows what it has before it is complete.

use std::time::Duration;

use super::{Trigger, TriggerContext, Verdict};
use crate::raw::view::Rec;
use crate::record::Record;
use crate::time::EventTime;

/// Fires as [`super::AtWatermark`] does, and before: made by its methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EarlyFirings {
    records: Option<u64>,
    span: Option<Duration>,
    clock: Option<Duration>,
}

impl EarlyFirings {
    /// Fires also after every `records` records of a key's window.
    #[must_use]
    pub fn early_every_records(mut self, records: u64) -> Self {
        self.records = Some(records);
        self
    }

    /// Fires also when the watermark passes a multiple of `span`, if records have come since the last firing.
    #[must_use]
    pub fn early_every_event_time(mut self, span: Duration) -> Self {
        self.span = Some(span);
        self
    }

    /// Fires also `span` of processing time after the first record since the last firing by the clock.
    #[must_use]
    pub fn early_every(mut self, span: Duration) -> Self {
        self.clock = Some(span);
        self
    }
}

impl<T: Record> Trigger<T> for EarlyFirings {
    /// Records since the last early firing that counted them.
    type State = u64;

    fn on_record(
        &mut self,
        _: &Rec<T>,
        _: EventTime,
        pane: &mut TriggerContext<'_, u64>,
    ) -> Verdict {
        if pane.has_ended() {
            return Verdict::Fire;
        }
        if let (Some(span), None) = (self.span, pane.wake()) {
            let next = pane.watermark().max(pane.window().start).floor(span).saturating_add(span);
            if next < pane.window().end {
                pane.wake_at(next);
            }
        }
        if let (Some(span), None) = (self.clock, pane.processing_time_wake()) {
            pane.wake_at_processing_time(pane.processing_time().saturating_add(span));
        }
        *pane.state += 1;
        match self.records {
            Some(records) if *pane.state >= records => {
                *pane.state = 0;
                Verdict::Fire
            }
            _ => Verdict::Continue,
        }
    }

    fn on_processing_time(
        &mut self,
        _: crate::time::ProcessingTime,
        pane: &mut TriggerContext<'_, u64>,
    ) -> Verdict {
        // What came after the end has fired at once.
        if pane.has_ended() { Verdict::Continue } else { Verdict::Fire }
    }

    fn on_merge(&mut self, later: u64, pane: &mut TriggerContext<'_, u64>) {
        *pane.state += later;
    }

    fn can_merge(&self) -> bool {
        true
    }

    fn describe(&self) -> String {
        let records = self.records.map(|records| format!(", early every {records} records"));
        let span = self.span.map(|span| format!(", early every {span:?} of event time"));
        let clock = self.clock.map(|span| format!(", early every {span:?}"));
        [records, span, clock]
            .into_iter()
            .flatten()
            .fold("at watermark".into(), |text, part| text + &part)
    }

    fn check(&self) -> Result<(), String> {
        if self.records == Some(0) {
            return Err("a trigger fires early after at least one record".into());
        }
        if [self.span, self.clock].contains(&Some(Duration::ZERO)) {
            return Err("the time between early firings is longer than zero".into());
        }
        Ok(())
    }
}
