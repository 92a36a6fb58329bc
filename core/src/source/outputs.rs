//! The streams that leave a source: its records and, if they were asked for, those that claim to lie far in the future, and what was no record.

use crate::error::OperatorFault;
use crate::operator::DeadLetter;
use crate::operator::output::{AnyOutput, Output};
use crate::raw::page::Control;
use crate::raw::scratch::Scratch;
use crate::record::{Record, Str};

/// A source's outputs. What is said of event time is said to all of them.
#[derive(Debug)]
pub(crate) struct SourceOutputs<T: Record> {
    pub(super) main: Output<T>,
    pub(super) far: Option<FarOutput<T>>,
    pub(super) dead: Option<DeadOutput>,
}

/// The stream of what was no record.
#[derive(Debug)]
pub(super) struct DeadOutput {
    pub(super) operator: Str,
    pub(super) out: Output<DeadLetter>,
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
        Self { main, far, dead: None }
    }

    /// The same outputs, and one for dead letters of the source `operator`.
    pub(crate) fn with_dead(mut self, operator: &str, out: Output<DeadLetter>) -> Self {
        self.dead = Some(DeadOutput { operator: operator.into(), out });
        self
    }

    /// Dead letters, so far.
    pub(super) fn dead_letters(&self) -> u64 {
        self.dead.as_ref().map_or(0, |dead| dead.out.records())
    }

    pub(super) fn control(&mut self, control: Control) {
        self.main.control(control);
        if let Some(far) = &mut self.far {
            far.out.control(control);
        }
        if let Some(dead) = &mut self.dead {
            dead.out.control(control);
        }
    }

    pub(super) fn stamp(&mut self, origin_ns: u64) {
        self.main.stamp(origin_ns);
        if let Some(far) = &mut self.far {
            far.out.stamp(origin_ns);
        }
        if let Some(dead) = &mut self.dead {
            dead.out.stamp(origin_ns);
        }
    }

    pub(crate) fn end_step(&mut self) -> Result<(), OperatorFault> {
        self.main.end_step()?;
        self.far.as_mut().map_or(Ok(()), |far| far.out.end_step())?;
        self.dead.as_mut().map_or(Ok(()), |dead| dead.out.end_step())
    }

    pub(super) fn each(&mut self, each: &mut dyn FnMut(&mut dyn AnyOutput)) {
        each(&mut self.main);
        if let Some(far) = &mut self.far {
            each(&mut far.out);
        }
        if let Some(dead) = &mut self.dead {
            each(&mut dead.out);
        }
    }

    pub(super) fn is_blocked(&self) -> bool {
        self.main.is_blocked()
            || self.far.as_ref().is_some_and(|far| far.out.is_blocked())
            || self.dead.as_ref().is_some_and(|dead| dead.out.is_blocked())
    }

    pub(super) fn has_open(&self) -> bool {
        self.main.has_open()
            || self.far.as_ref().is_some_and(|far| far.out.has_open())
            || self.dead.as_ref().is_some_and(|dead| dead.out.has_open())
    }

    pub(super) fn bytes(&self) -> u64 {
        let far = self.far.as_ref().map_or(0, |far| far.out.emitted_bytes());
        let dead = self.dead.as_ref().map_or(0, |dead| dead.out.emitted_bytes());
        self.main.emitted_bytes() + far + dead
    }

    pub(super) fn records(&self) -> u64 {
        let far = self.far.as_ref().map_or(0, |far| far.out.records());
        self.main.records() + far + self.dead_letters()
    }
}
