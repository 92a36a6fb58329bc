//! The inboxes of a task, one for each port of its operator, seen as one row of lanes.

use super::promises::Core;
use crate::exchange::Records;
use crate::exchange::inbox::{Arrivals, Inbox};
use crate::operator::Input;
use crate::raw::page::Control;
use crate::record::Record;

/// The inboxes of a task, one for each port of `O`.
pub(crate) trait Ports<O> {
    fn lanes(&self) -> usize;
    /// True if no record can ever come on `lane`.
    fn is_silent(&self, lane: usize) -> bool;
    /// True if waves come on `lane`.
    fn is_inside(&self, lane: usize) -> bool;
    fn is_ready(&mut self, lane: usize) -> bool;
    fn origin_ns(&mut self, lane: usize) -> u64;
    /// Pages that wait in `lane`.
    fn waiting(&mut self, lane: usize) -> usize;
    /// Bytes of the pages that were read.
    fn bytes(&self) -> u64;
    fn read(&mut self, lane: usize, limit: usize, core: &mut Core<O>) -> usize;
}

/// One port.
#[derive(Debug)]
pub(crate) struct OnePort<T: Record>(pub(crate) Inbox<T>);

/// Two ports.
#[derive(Debug)]
pub(crate) struct TwoPorts<A: Record, B: Record>(pub(crate) Inbox<A>, pub(crate) Inbox<B>);

impl<T: Record, O: Input<T, 0>> Ports<O> for OnePort<T> {
    fn lanes(&self) -> usize {
        self.0.len()
    }

    fn is_silent(&self, lane: usize) -> bool {
        self.0.is_silent(lane)
    }

    fn is_inside(&self, lane: usize) -> bool {
        self.0.is_inside(lane)
    }

    fn is_ready(&mut self, lane: usize) -> bool {
        self.0.is_ready(lane)
    }

    fn origin_ns(&mut self, lane: usize) -> u64 {
        self.0.origin_ns(lane)
    }

    fn waiting(&mut self, lane: usize) -> usize {
        self.0.waiting(lane)
    }

    fn bytes(&self) -> u64 {
        self.0.bytes()
    }

    fn read(&mut self, lane: usize, limit: usize, core: &mut Core<O>) -> usize {
        self.0.read(lane, limit, &mut Port::<O, 0> { core, first_lane: 0 })
    }
}

impl<A: Record, B: Record, O: Input<A, 0> + Input<B, 1>> Ports<O> for TwoPorts<A, B> {
    fn lanes(&self) -> usize {
        self.0.len() + self.1.len()
    }

    fn is_silent(&self, lane: usize) -> bool {
        match lane.checked_sub(self.0.len()) {
            None => self.0.is_silent(lane),
            Some(lane) => self.1.is_silent(lane),
        }
    }

    fn is_inside(&self, lane: usize) -> bool {
        match lane.checked_sub(self.0.len()) {
            None => self.0.is_inside(lane),
            Some(lane) => self.1.is_inside(lane),
        }
    }

    fn is_ready(&mut self, lane: usize) -> bool {
        match lane.checked_sub(self.0.len()) {
            None => self.0.is_ready(lane),
            Some(lane) => self.1.is_ready(lane),
        }
    }

    fn origin_ns(&mut self, lane: usize) -> u64 {
        match lane.checked_sub(self.0.len()) {
            None => self.0.origin_ns(lane),
            Some(lane) => self.1.origin_ns(lane),
        }
    }

    fn waiting(&mut self, lane: usize) -> usize {
        match lane.checked_sub(self.0.len()) {
            None => self.0.waiting(lane),
            Some(lane) => self.1.waiting(lane),
        }
    }

    fn bytes(&self) -> u64 {
        self.0.bytes() + self.1.bytes()
    }

    fn read(&mut self, lane: usize, limit: usize, core: &mut Core<O>) -> usize {
        let first_lane = self.0.len();
        match lane.checked_sub(first_lane) {
            None => self.0.read(lane, limit, &mut Port::<O, 0> { core, first_lane: 0 }),
            Some(lane) => self.1.read(lane, limit, &mut Port::<O, 1> { core, first_lane }),
        }
    }
}

/// What a port's inbox talks to.
struct Port<'a, O, const PORT: usize> {
    core: &'a mut Core<O>,
    first_lane: usize,
}

impl<T: Record, O: Input<T, PORT>, const PORT: usize> Arrivals<T> for Port<'_, O, PORT> {
    const MOST: usize = <O as Input<T, PORT>>::MOST;

    fn records(&mut self, run: Records<'_, T>) -> bool {
        self.core.records_in += run.len() as u64;
        let result = self.core.operator.records(run);
        self.core.is_firing = self.core.operator.has_more();
        self.core.note(result) && !self.core.is_firing && !self.core.operator.is_full()
    }

    fn control(&mut self, lane: usize, control: Control) -> bool {
        let result = self.core.arrive(self.first_lane + lane, control);
        // Behind a barrier nothing is read until it has come of all inputs.
        self.core.note(result)
            && !self.core.is_firing
            && !self.core.alignment.is_held(self.first_lane + lane)
    }
}
