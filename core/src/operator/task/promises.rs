//! An operator and what it has promised to do: controls are worked off one after the other, and passed on when they are done.

use std::collections::VecDeque;

use super::alignment::Alignment;
use super::waves::Waves;
use crate::checkpoint::{Contribution, Restored};
use crate::error::OperatorFault;
use crate::operator::{Operator, Progress};
use crate::raw::page::Control;
use crate::time::watermark::MergedTime;
use crate::time::{Clock, EventTime};

/// Under which name a task notes its event time.
pub(super) const WATERMARK: &str = "watermark";

/// The event time that an operator has come to in a checkpoint, and goes on from.
pub(crate) fn noted_watermark(from: &Restored, name: &str) -> Result<EventTime, OperatorFault> {
    let times: Vec<i64> = from.notes(name, WATERMARK)?;
    // Workers that the barrier found at one place of their inputs had one time; what is less is safe.
    Ok(times.into_iter().min().map_or(EventTime::MIN, EventTime::from_nanos))
}

/// An operator and what it has promised to do.
pub(crate) struct Core<O> {
    pub(super) operator: O,
    pub(super) time: MergedTime,
    pub(super) alignment: Alignment,
    pub(super) waves: Waves,
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
                Control::Idle | Control::Active | Control::Wave(_) => Progress::Done,
                Control::Call(_) => unreachable!("invariant: a call is passed on at once"),
                // The end of the step freezes: it knows into what.
                Control::Barrier(_) => Progress::More,
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
        if self.barrier().is_some() {
            return Ok(());
        }
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

    /// The epoch for which the operator is to freeze now.
    #[inline]
    pub(super) fn barrier(&self) -> Option<u64> {
        match self.todo.front() {
            Some(Control::Barrier(epoch)) if self.is_firing => Some(*epoch),
            _ => None,
        }
    }

    /// Freezes, if it is time to; passes the barrier on, and goes on with what was promised behind it.
    pub(super) fn freeze(
        &mut self,
        name: &str,
        into: &mut Contribution,
        clock: &dyn Clock,
    ) -> Result<(), OperatorFault> {
        while let Some(epoch) = self.barrier() {
            if self.freeze_operator(epoch, name, into, clock)? == Progress::More {
                return Ok(());
            }
            self.is_firing = false;
            self.pass_on(Control::Barrier(epoch));
            self.settle()?;
        }
        Ok(())
    }

    /// Freezes the operator, with what its task knows, whatever it is at; [`Progress::More`] to be asked again.
    pub(super) fn freeze_operator(
        &mut self,
        epoch: u64,
        name: &str,
        into: &mut Contribution,
        clock: &dyn Clock,
    ) -> Result<Progress, OperatorFault> {
        let began_ns = clock.now_ns();
        let mut freezing = into.freezing(epoch, name);
        let progress = self.operator.freeze(&mut freezing)?;
        if progress == Progress::Done {
            freezing.note(WATERMARK, &self.watermark.as_nanos());
            into.done(epoch, name, clock.now_ns().saturating_sub(began_ns));
        }
        Ok(progress)
    }

    /// Takes a control of input `lane`: what it means for time, and for the barrier that is waited for.
    pub(super) fn arrive(&mut self, lane: usize, control: Control) -> Result<(), OperatorFault> {
        let Self { time, todo, alignment, waves, .. } = self;
        time.apply(lane, control, &mut |control| todo.push_back(control));
        let epoch = match control {
            Control::Barrier(epoch) => alignment.barrier(lane, epoch),
            // What the end means for time comes before the barrier: the end came before it.
            Control::End | Control::Halt => alignment.end(lane),
            Control::Watermark(_) | Control::Idle | Control::Active => None,
            Control::Call(round) => {
                if waves.call(lane, round) {
                    self.call(round);
                }
                return Ok(());
            }
            Control::Wave(wave) => {
                let arrival = waves.arrive(lane, wave);
                todo.extend(arrival.met.map(Control::Wave));
                if let Some(round) = arrival.calls {
                    self.call(round);
                }
                return self.settle();
            }
        };
        todo.extend(epoch.map(Control::Barrier));
        self.settle()
    }

    /// Calls for waves; a call need not wait for what is before it.
    fn call(&mut self, round: u64) {
        if self.operator.called(round) {
            self.operator.outputs(&mut |output| output.emit_control(Control::Call(round)));
        }
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
        // After the end nobody waits for a barrier.
        if self.is_finished && matches!(control, Control::Barrier(_)) {
            return;
        }
        self.is_finished |= matches!(control, Control::End | Control::Halt);
        if let Control::Watermark(at) = control {
            self.watermark = at;
            if !self.operator.forwards_watermarks() {
                return;
            }
        }
        if matches!(control, Control::Idle | Control::Active) && self.operator.delays(control) {
            return;
        }
        if let Control::Wave(wave) = control {
            let Some(wave) = self.operator.wave(wave) else { return };
            self.operator.outputs(&mut |output| output.emit_control(Control::Wave(wave)));
            return;
        }
        self.operator.outputs(&mut |output| output.emit_control(control));
    }
}
