//! What becomes of a record for which user code returned an error.
//!
//! A closure that may fail is called up to a number of times; if none of them succeeds, the job ends, or the record is left out and
//! counted, or it is sent on as a [`DeadLetter`]. Whatever is decided, the record leaves nothing else behind: what a failed call has given is
//! dropped.
//!
//! A panic is no error but a bug, and ends the job under every policy.
//!
//! # Invariants
//!
//! 1. Every record has one fate: it is passed to the closure with success, skipped, a dead letter, or the end of the job.
//!
//! # Not here
//!
//! Attempts follow each other at once, within the step: nothing waits between them, so an outage of minutes outlasts any number. Those of
//! [`super::retry_later`] wait.

mod dead_letter;

pub use dead_letter::{ArchivedDeadLetter, DeadLetter};

use crate::error::OperatorFault;
use crate::operator::output::{AnyOutput, Output};
use crate::raw::view::Rec;
use crate::record::{Record, Str};
use crate::time::EventTime;

/// How often a call is attempted unless more is asked for.
pub(crate) const ONCE: u32 = 1;

/// What becomes of a record after the last attempt.
#[derive(Debug)]
pub(crate) enum Then {
    /// The job ends, with the operator's name.
    Fail,
    /// The record is left out and counted.
    Skip,
    /// The record is sent on as a dead letter of `operator`.
    DeadLetter { operator: Str, out: Output<DeadLetter> },
}

impl Then {
    /// The outputs of an operator whose policy says `then`.
    pub(crate) fn outputs(then: &str) -> &'static [&'static str] {
        if then == "dead letter" { &["stream", "dead"] } else { &[""] }
    }

    /// For plans; `pause` is what lies between two attempts.
    pub(crate) fn describe(attempts: u32, pause: &str, then: &str) -> String {
        match attempts {
            ONCE => then.to_owned(),
            attempts => format!("{attempts} attempts{pause}, then {then}"),
        }
    }
}

/// What has become of records; for metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Fates {
    /// Records left out.
    pub(crate) skipped: u64,
    /// Records sent on as dead letters.
    pub(crate) dead_lettered: u64,
    /// Attempts after the first.
    pub(crate) retried: u64,
    /// Records that claimed to lie too far in the future.
    pub(crate) far_future: u64,
}

/// A policy at work: calls what may fail, and deals with what does.
#[derive(Debug)]
pub(crate) struct Guard {
    attempts: u32,
    then: Then,
    fates: Fates,
}

impl Guard {
    /// A guard that makes up to `attempts` attempts, at least one.
    pub(crate) fn new(attempts: u32, then: Then) -> Self {
        Self { attempts: attempts.max(1), then, fates: Fates::default() }
    }

    pub(crate) fn fates(&self) -> Fates {
        self.fates
    }

    /// Shows the output of dead letters, if there is one.
    pub(crate) fn outputs(&mut self, each: &mut dyn FnMut(&mut dyn AnyOutput)) {
        if let Then::DeadLetter { out, .. } = &mut self.then {
            each(out);
        }
    }

    /// What `call` gives for a record; `None` if it has failed and the job goes on.
    ///
    /// # Errors
    ///
    /// The last error of `call`, if that is to end the job.
    #[inline]
    pub(crate) fn call<T: Record, G>(
        &mut self,
        record: &Rec<T>,
        at: EventTime,
        mut call: impl FnMut() -> Result<G, OperatorFault>,
    ) -> Result<Option<G>, OperatorFault> {
        match call() {
            Ok(given) => Ok(Some(given)),
            Err(fault) => self.again(fault, record, at, &mut call),
        }
    }

    #[cold]
    fn again<T: Record, G>(
        &mut self,
        mut fault: OperatorFault,
        record: &Rec<T>,
        at: EventTime,
        call: &mut dyn FnMut() -> Result<G, OperatorFault>,
    ) -> Result<Option<G>, OperatorFault> {
        for _ in 1..self.attempts {
            self.note_retry();
            match call() {
                Ok(given) => return Ok(Some(given)),
                Err(next) => fault = next,
            }
        }
        self.give_up(fault, record, at)?;
        Ok(None)
    }

    /// An attempt after the first is made.
    pub(crate) fn note_retry(&mut self) {
        self.fates.retried += 1;
    }

    /// Deals with a record for which the last attempt has failed.
    ///
    /// # Errors
    ///
    /// `fault`, if that is to end the job.
    pub(crate) fn give_up<T: Record>(
        &mut self,
        fault: OperatorFault,
        record: &Rec<T>,
        at: EventTime,
    ) -> Result<(), OperatorFault> {
        match &mut self.then {
            Then::Fail => return Err(fault),
            Then::Skip => self.fates.skipped += 1,
            Then::DeadLetter { operator, out } => {
                self.fates.dead_lettered += 1;
                out.value(&DeadLetter::of_record(operator, &*fault, record, at), at);
            }
        }
        Ok(())
    }
}
