//! An operator and what it has promised to do: controls are worked off one after the other, and passed on when they are done.

use std::collections::VecDeque;

use crate::error::OperatorFault;
use crate::operator::{Operator, Progress};
use crate::raw::page::Control;
use crate::time::EventTime;
use crate::time::watermark::MergedTime;

/// An operator and what it has promised to do.
pub(crate) struct Core<O> {
    pub(super) operator: O,
    pub(super) time: MergedTime,
    /// Controls to pass on, the first of them perhaps half done.
    pub(super) todo: VecDeque<Control>,
    pub(super) is_firing: bool,
    pub(super) is_finished: bool,
    pub(super) fault: Option<OperatorFault>,
    pub(super) records_in: u64,
    pub(super) watermark: EventTime,
}

impl<O: Operator> Core<O> {
    /// Keeps the first error; true if there was none.
    pub(super) fn note(&mut self, result: Result<(), OperatorFault>) -> bool {
        match result {
            Ok(()) => true,
            Err(fault) => {
                self.fault.get_or_insert(fault);
                false
            }
        }
    }

    /// Works off the promises, until one needs more slices.
    pub(super) fn settle(&mut self) -> Result<(), OperatorFault> {
        while let Some(&control) = self.todo.front() {
            let progress = match control {
                Control::Watermark(at) => self.operator.watermark(at)?,
                Control::End => self.operator.end()?,
                Control::Halt => self.operator.halt()?,
                Control::Idle | Control::Active => Progress::Done,
            };
            if progress == Progress::More {
                self.is_firing = true;
                return Ok(());
            }
            self.pass_on(control);
        }
        Ok(())
    }

    pub(super) fn slice(&mut self, limit: usize) -> Result<(), OperatorFault> {
        if self.operator.slice(limit)? == Progress::More {
            return Ok(());
        }
        self.is_firing = false;
        // Else it was a record that had asked for the slices.
        if let Some(&control) = self.todo.front() {
            self.pass_on(control);
        }
        self.settle()
    }

    /// Hands over what the step has emitted; the first error of a fused closure is kept.
    pub(super) fn end_step(&mut self) {
        let Self { operator, fault, .. } = self;
        operator.outputs(&mut |output| {
            if let Err(error) = output.end_step() {
                fault.get_or_insert(error);
            }
        });
    }

    fn pass_on(&mut self, control: Control) {
        self.todo.pop_front();
        self.is_finished |= matches!(control, Control::End | Control::Halt);
        if let Control::Watermark(at) = control {
            self.watermark = at;
            if !self.operator.forwards_watermarks() {
                return;
            }
        }
        self.operator.outputs(&mut |output| output.emit_control(control));
    }
}
