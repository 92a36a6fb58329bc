//! The end of what is fed back: takes records, barriers and waves that have come round.

use std::cell::RefCell;
use std::rc::Rc;

use super::backlog::Backlog;
use crate::checkpoint::{Freezing, Resuming};
use crate::error::OperatorFault;
use crate::exchange::Records;
use crate::operator::asking::InFlight;
use crate::operator::output::AnyOutput;
use crate::operator::{Input, Operator, Progress};
use crate::raw::page::Wave;
use crate::record::Record;

/// Under which name it notes the number of the next record that is kept.
const NEXT: &str = "next";

/// Takes what is fed back. It has no output; so it can always read.
pub(crate) struct Feedback<T: Record> {
    backlog: Rc<RefCell<Backlog<T>>>,
    /// What waited in the backlog at a barrier; empty between barriers.
    kept: InFlight<T>,
    late: u64,
}

impl<T: Record> Feedback<T> {
    pub(crate) fn new(backlog: Rc<RefCell<Backlog<T>>>, kept: InFlight<T>) -> Self {
        Self { backlog, kept, late: 0 }
    }
}

impl<T: Record> Operator for Feedback<T> {
    /// The barrier has come round: what waits now is what was under way at it.
    ///
    /// Cost: O(records that wait); what the loop had in its rings, and what piled up.
    fn freeze(&mut self, into: &mut Freezing<'_>) -> Result<Progress, OperatorFault> {
        let Self { backlog, kept, .. } = self;
        let mut backlog = backlog.borrow_mut();
        let mut places = Vec::with_capacity(backlog.len());
        backlog.for_each(|record, at| places.push(kept.add(record, at)));
        kept.freeze(into);
        into.note(NEXT, &kept.next());
        places.into_iter().for_each(|place| kept.forget(place));
        backlog.barrier_is_back(into.epoch());
        Ok(Progress::Done)
    }

    fn resume(&mut self, from: &Resuming<'_>) -> Result<(), OperatorFault> {
        let next = from.notes::<u64>(NEXT)?.into_iter().max().unwrap_or(0);
        let mut backlog = self.backlog.borrow_mut();
        for place in self.kept.resume(next) {
            let (record, at) = self.kept.record(place);
            backlog.push(record, at);
            self.kept.forget(place);
        }
        Ok(())
    }

    fn wave(&mut self, wave: Wave) -> Option<Wave> {
        self.backlog.borrow_mut().waves.push_back(wave);
        None
    }

    fn called(&mut self, round: u64) -> bool {
        let mut backlog = self.backlog.borrow_mut();
        backlog.called = backlog.called.max(round);
        false
    }

    fn outputs(&mut self, _: &mut dyn FnMut(&mut dyn AnyOutput)) {}

    fn late(&self) -> u64 {
        self.late
    }
}

impl<T: Record> Input<T, 0> for Feedback<T> {
    fn records(&mut self, run: Records<'_, T>) -> Result<(), OperatorFault> {
        let mut backlog = self.backlog.borrow_mut();
        if backlog.is_over {
            self.late += run.len() as u64;
            return Ok(());
        }
        run.iter().for_each(|(record, at)| backlog.push(record, at));
        Ok(())
    }
}
