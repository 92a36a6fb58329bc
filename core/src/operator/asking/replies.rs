//! Replies as they came, kept for a replay: they are all that such an operator knows of the world.

use std::any::Any;
use std::sync::Arc;

use crate::error::{OperatorFault, error_chain};
use crate::exchange::recorded::{AnyLog, PageLog, RecordedInput};
use crate::raw::page::Element;
use crate::raw::scratch::Scratch;
use crate::record::Record;
use crate::time::EventTime;

/// Where replies come from, and whether they are kept.
#[derive(Debug)]
pub(crate) enum Replies<U: Record> {
    /// They come, and nobody keeps them.
    Live,
    /// They come, and are kept.
    Kept(Box<ReplyLog<U>>, Scratch<U>),
    /// They came; so many were taken again.
    Again { log: Arc<ReplyLog<U>>, taken: usize, place: (usize, usize) },
}

/// Replies, in the order in which they were taken.
#[derive(Debug)]
pub(crate) struct ReplyLog<U: Record> {
    /// For each the slot, and why it failed if it did.
    replies: Vec<(u32, Option<String>)>,
    values: PageLog<U>,
}

impl<U: Record> Replies<U> {
    /// `is_recorded`: they are kept.
    pub(crate) fn new(is_recorded: bool) -> Self {
        let log = || Box::new(ReplyLog { replies: Vec::new(), values: PageLog::default() });
        if is_recorded { Self::Kept(log(), Scratch::default()) } else { Self::Live }
    }

    pub(super) fn is_replay(&self) -> bool {
        matches!(self, Self::Again { .. })
    }

    pub(super) fn record(&mut self, slot: u32, reply: &Result<U, OperatorFault>) {
        let Self::Kept(log, scratch) = self else { return };
        log.replies.push((slot, reply.as_ref().err().map(|fault| error_chain(&**fault))));
        if let Ok(value) = reply {
            log.values.record(scratch.archive(value), EventTime::MIN);
        }
    }

    /// The next reply of the recording.
    pub(super) fn next(&mut self) -> Option<(u32, Result<U, OperatorFault>)> {
        let Self::Again { log, taken, place } = self else { return None };
        let (slot, fault) = log.replies.get(*taken)?;
        *taken += 1;
        let reply = match (fault, fault.is_none().then(|| log.values.element(place)).flatten()) {
            (Some(fault), _) => Err(fault.clone().into()),
            (None, Some(Element::Record(record, ..))) => Ok(record.to_value()),
            (None, _) => unreachable!("invariant: a reply without a fault has a value"),
        };
        Some((*slot, reply))
    }

    /// From now on what operator `name` was told on `worker` is told again.
    pub(super) fn replay(&mut self, name: &str, worker: usize, recorded: &[RecordedInput]) {
        let is_it = |input: &&RecordedInput| input.name == name && input.handle == worker;
        let found = recorded.iter().find(is_it).and_then(RecordedInput::log_as);
        if let Some(log) = found {
            *self = Self::Again { log, taken: 0, place: (0, 0) };
        }
    }

    /// What was kept.
    pub(super) fn take(&mut self, name: &str, worker: usize) -> Option<RecordedInput> {
        match std::mem::replace(self, Self::Live) {
            Self::Kept(log, _) => Some(RecordedInput::of_log(name.to_owned(), worker, *log)),
            Self::Live => None,
            Self::Again { .. } => None,
        }
    }
}

impl<U: Record> AnyLog for ReplyLog<U> {
    fn elements(&self) -> usize {
        self.replies.len()
    }

    fn equals(&self, other: &dyn AnyLog) -> bool {
        let other = other.as_any().downcast_ref::<Self>();
        other
            .is_some_and(|other| self.replies == other.replies && self.values.equals(&other.values))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}
