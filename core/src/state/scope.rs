//! Which key, and what time, state is looked at for: set by the operator before each call of user code, read by every field of its state.

use std::cell::{Cell, Ref, RefCell};

use crate::record::{KeyHash, KeyScratch};
use crate::time::{EventTime, ProcessingTime};

/// The key and the times of the call under way; shared by an operator and the fields of its state.
#[derive(Debug)]
pub(crate) struct Scope {
    hash: Cell<KeyHash>,
    key: RefCell<KeyScratch>,
    /// The event time that state is written and looked at with.
    event: Cell<EventTime>,
    processing: Cell<ProcessingTime>,
    /// The event time of what is emitted.
    emit_at: Cell<EventTime>,
}

impl Default for Scope {
    fn default() -> Self {
        Self {
            hash: Cell::new(KeyHash(0)),
            key: RefCell::default(),
            event: Cell::new(EventTime::MIN),
            processing: Cell::new(ProcessingTime::MIN),
            emit_at: Cell::new(EventTime::MIN),
        }
    }
}

impl Scope {
    pub(crate) fn set_key(&self, hash: KeyHash, key: &[u8]) {
        self.hash.set(hash);
        let mut own = self.key.borrow_mut();
        own.clear();
        own.push(key);
    }

    pub(crate) fn set_times(&self, event: EventTime, emit_at: EventTime) {
        self.event.set(event);
        self.emit_at.set(emit_at);
    }

    pub(crate) fn set_processing(&self, now: ProcessingTime) {
        self.processing.set(now);
    }

    #[inline]
    pub(crate) fn hash(&self) -> KeyHash {
        self.hash.get()
    }

    #[inline]
    pub(crate) fn key(&self) -> Ref<'_, KeyScratch> {
        self.key.borrow()
    }

    pub(crate) fn event(&self) -> EventTime {
        self.event.get()
    }

    pub(crate) fn processing(&self) -> ProcessingTime {
        self.processing.get()
    }

    pub(crate) fn emit_at(&self) -> EventTime {
        self.emit_at.get()
    }
}
