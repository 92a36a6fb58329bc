//! The default trigger: a window fires when the watermark reaches its end, and again for each late record within the allowance.

use std::time::Duration;

use super::early::EarlyFirings;
use super::{NoState, Trigger, TriggerContext, Verdict};
use crate::raw::view::Rec;
use crate::record::Record;
use crate::time::EventTime;

/// Fires when the watermark reaches the window's end, and for each late record within the allowed lateness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AtWatermark;

impl AtWatermark {
    /// Fires also after every `records` records of a key's window.
    pub fn early_every_records(self, records: u64) -> EarlyFirings {
        EarlyFirings::default().early_every_records(records)
    }

    /// Fires also `span` of processing time after the first record since the last firing by the clock.
    pub fn early_every(self, span: Duration) -> EarlyFirings {
        EarlyFirings::default().early_every(span)
    }

    /// Fires also when the watermark passes a multiple of `span`, if records have come since the last firing.
    pub fn early_every_event_time(self, span: Duration) -> EarlyFirings {
        EarlyFirings::default().early_every_event_time(span)
    }
}

impl<T: Record> Trigger<T> for AtWatermark {
    type State = NoState;
    const PLAIN: bool = true;

    fn on_record(
        &mut self,
        _: &Rec<T>,
        _: EventTime,
        pane: &mut TriggerContext<'_, NoState>,
    ) -> Verdict {
        if pane.has_ended() { Verdict::Fire } else { Verdict::Continue }
    }

    fn can_merge(&self) -> bool {
        true
    }

    fn fires_early(&self) -> bool {
        false
    }

    fn describe(&self) -> String {
        "at watermark".into()
    }
}
