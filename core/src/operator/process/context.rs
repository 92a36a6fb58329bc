//! What user code is given with a record or a timer.

use std::marker::PhantomData;

use super::timers::{TimerSet, Timers};
use crate::operator::output::Output;
use crate::raw::view::Rec;
use crate::record::{ArchivesAs, Key, KeyHash, Record};
use crate::state::Scope;
use crate::time::{EventTime, ProcessingTime};

/// Where results go.
pub struct Collector<'a, O: Record> {
    out: &'a mut Output<O>,
    at: EventTime,
}

crate::operator::opaque_debug!(Collector<'a, O: Record>);

impl<'a, O: Record> Collector<'a, O> {
    pub(super) fn new(out: &'a mut Output<O>, at: EventTime) -> Self {
        Self { out, at }
    }

    /// Sends a record, with the time of what is being handled: the record's, the timer's, or, in processing time, the watermark.
    #[inline]
    pub fn emit(&mut self, value: &O) {
        self.out.value(value, self.at);
    }

    /// As [`Self::emit`], of a twin of the record, whose texts are references; see [`ArchivesAs`].
    #[inline]
    pub fn emit_as(&mut self, value: &impl ArchivesAs<O>) {
        self.out.value(value, self.at);
    }

    /// Sends a record with an event time of its own; before the watermark it is late.
    #[inline]
    pub fn emit_at(&mut self, value: &O, at: EventTime) {
        self.out.value(value, at);
    }

    /// Sends a record on as it came, by copying its archive.
    #[inline]
    pub fn forward(&mut self, record: &Rec<O>) {
        self.out.record(record, self.at);
    }
}

/// What user code is given with a record, or a timer, of a key: `K` is the key's type, `S` the state's, `N` the timers', `O` the
/// output's, `D` that of the side outputs. A process function names it `Cx<'_, Self>`.
#[derive(Debug)]
pub struct Context<'a, K, S, N, O: Record, D> {
    /// What the key remembers.
    pub state: &'a mut S,
    /// The key's timers in event time.
    pub event_timers: TimerSet<'a, N, EventTime>,
    /// The key's timers in processing time.
    pub processing_timers: TimerSet<'a, N, ProcessingTime>,
    /// The output.
    pub out: Collector<'a, O>,
    /// Further outputs.
    pub side: &'a mut D,
    pub(super) scope: &'a Scope,
    pub(super) watermark: EventTime,
    pub(super) marker: PhantomData<fn() -> K>,
}

impl<K: Key, S, N: Timers, O: Record, D> Context<'_, K, S, N, O, D> {
    /// The key at hand. Cost: copies it; strings of up to 24 bytes do not allocate.
    pub fn key(&self) -> K {
        K::from_key_bytes(self.scope.key().as_bytes())
    }

    /// The key's hash; its top bits are its key group.
    pub fn key_hash(&self) -> KeyHash {
        self.scope.hash()
    }

    /// The event time of what is being handled: the record's, the timer's, or, in processing time, the watermark.
    pub fn event_time(&self) -> EventTime {
        self.scope.emit_at()
    }

    /// How far event time has come: no record before it is expected any more.
    ///
    /// Which of two inputs is ahead is a matter of timing, and so is this.
    pub fn watermark(&self) -> EventTime {
        self.watermark
    }

    /// The worker's clock as it was last decided; it moves by a millisecond at most times.
    pub fn processing_time(&self) -> ProcessingTime {
        self.scope.processing()
    }
}

/// What user code is given with a record that has no key.
#[derive(Debug)]
pub struct PlainContext<'a, O: Record, D> {
    /// The output.
    pub out: Collector<'a, O>,
    /// Further outputs.
    pub side: &'a mut D,
    pub(super) scope: &'a Scope,
    pub(super) watermark: EventTime,
}

impl<O: Record, D> PlainContext<'_, O, D> {
    /// The record's event time.
    pub fn event_time(&self) -> EventTime {
        self.scope.emit_at()
    }

    /// See [`Context::watermark`].
    pub fn watermark(&self) -> EventTime {
        self.watermark
    }

    /// See [`Context::processing_time`].
    pub fn processing_time(&self) -> ProcessingTime {
        self.scope.processing()
    }
}
