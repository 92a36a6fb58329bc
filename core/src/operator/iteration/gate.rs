//! The way out of a loop: records leave as they come, event time when a wave says that nothing older is under way.

use crate::checkpoint::Resuming;
use crate::error::OperatorFault;
use crate::exchange::Records;
use crate::operator::output::{AnyOutput, Output};
use crate::operator::{Input, Operator, Progress};
use crate::raw::page::{Control, Signs, Wave};
use crate::record::Record;
use crate::time::EventTime;

/// Passes records on, and event time that may leave the loop.
#[derive(Debug)]
pub(crate) struct Gate<T: Record> {
    out: Output<T>,
    /// What has come and may not leave yet; what was passed on.
    held: EventTime,
    passed: EventTime,
}

impl<T: Record> Gate<T> {
    pub(crate) fn new(out: Output<T>) -> Self {
        Self { out, held: EventTime::MIN, passed: EventTime::MIN }
    }
}

impl<T: Record> Operator for Gate<T> {
    fn watermark(&mut self, at: EventTime) -> Result<Progress, OperatorFault> {
        self.held = at;
        Ok(Progress::Done)
    }

    /// Event time that had come before the checkpoint may not have been free to leave; it leaves with what comes now.
    fn resume(&mut self, _: &Resuming<'_>) -> Result<(), OperatorFault> {
        self.held = EventTime::MIN;
        Ok(())
    }

    fn wave(&mut self, wave: Wave) -> Option<Wave> {
        if wave.signs.has(Signs::PASS) && self.held > self.passed {
            self.passed = self.held;
            self.out.control(Control::Watermark(self.held));
        }
        None
    }

    fn called(&mut self, _: u64) -> bool {
        false
    }

    fn outputs(&mut self, each: &mut dyn FnMut(&mut dyn AnyOutput)) {
        each(&mut self.out);
    }

    fn forwards_watermarks(&self) -> bool {
        false
    }
}

impl<T: Record> Input<T, 0> for Gate<T> {
    fn records(&mut self, run: Records<'_, T>) -> Result<(), OperatorFault> {
        run.iter().for_each(|(record, at)| self.out.record(record, at));
        Ok(())
    }
}
