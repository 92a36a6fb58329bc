//! Fires after so many records.

use super::{Trigger, TriggerContext, Verdict};
use crate::raw::view::Rec;
use crate::record::Record;
use crate::time::EventTime;

/// Fires after every so many records of a key's window, and at no other time: what is fewer at the end gives no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    records: u64,
}

impl Count {
    /// After every `records` records; zero is refused when the job is built.
    pub const fn of(records: u64) -> Self {
        Self { records }
    }
}

impl<T: Record> Trigger<T> for Count {
    type State = u64;

    fn on_record(
        &mut self,
        _: &Rec<T>,
        _: EventTime,
        pane: &mut TriggerContext<'_, u64>,
    ) -> Verdict {
        *pane.state += 1;
        if *pane.state < self.records {
            return Verdict::Continue;
        }
        *pane.state = 0;
        Verdict::Fire
    }

    fn on_end(&mut self, _: &mut TriggerContext<'_, u64>) -> Verdict {
        Verdict::Continue
    }

    fn on_merge(&mut self, later: u64, pane: &mut TriggerContext<'_, u64>) {
        *pane.state += later;
    }

    fn can_merge(&self) -> bool {
        true
    }

    fn fires_at_end(&self) -> bool {
        false
    }

    fn describe(&self) -> String {
        format!("every {} records", self.records)
    }

    fn check(&self) -> Result<(), String> {
        match self.records {
            0 => Err("a count trigger fires after at least one record".into()),
            _ => Ok(()),
        }
    }
}
