//! The streams that leave a source: its records and, if it was asked for, those that claim to lie far in the future.

use crate::error::OperatorFault;
use crate::operator::output::{AnyOutput, Output};
use crate::raw::page::Control;
use crate::raw::scratch::Scratch;
use crate::record::Record;

/// A source's outputs. What is said of event time is said to all of them.
#[derive(Debug)]
pub(crate) struct SourceOutputs<T: Record> {
    pub(super) main: Output<T>,
    pub(super) far: Option<FarOutput<T>>,
}

/// The stream of far-future records. Which stream a record belongs to shows in its archive, so it is made before it is known where it goes.
#[derive(Debug)]
pub(super) struct FarOutput<T: Record> {
    pub(super) out: Output<T>,
    pub(super) scratch: Scratch<T>,
}

impl<T: Record> SourceOutputs<T> {
    /// `far`: where far-future records go, if not where all others do.
    pub(crate) fn new(main: Output<T>, far: Option<Output<T>>) -> Self {
        let far = far.map(|out| FarOutput { out, scratch: Scratch::default() });
        Self { main, far }
    }

    pub(super) fn control(&mut self, control: Control) {
        self.main.control(control);
        if let Some(far) = &mut self.far {
            far.out.control(control);
        }
    }

    pub(super) fn stamp(&mut self, origin_ns: u64) {
        self.main.stamp(origin_ns);
        if let Some(far) = &mut self.far {
            far.out.stamp(origin_ns);
        }
    }

    pub(crate) fn end_step(&mut self) -> Result<(), OperatorFault> {
        self.main.end_step()?;
        self.far.as_mut().map_or(Ok(()), |far| far.out.end_step())
    }

    pub(super) fn each(&mut self, each: &mut dyn FnMut(&mut dyn AnyOutput)) {
        each(&mut self.main);
        if let Some(far) = &mut self.far {
            each(&mut far.out);
        }
    }

    pub(super) fn is_blocked(&self) -> bool {
        self.main.is_blocked() || self.far.as_ref().is_some_and(|far| far.out.is_blocked())
    }

    pub(super) fn has_open(&self) -> bool {
        self.main.has_open() || self.far.as_ref().is_some_and(|far| far.out.has_open())
    }

    pub(super) fn bytes(&self) -> u64 {
        let far = self.far.as_ref().map_or(0, |far| far.out.emitted_bytes());
        self.main.emitted_bytes() + far
    }

    pub(super) fn records(&self) -> u64 {
        self.main.records() + self.far.as_ref().map_or(0, |far| far.out.records())
    }
}
