//! The golden events, as far as a gate is open; on the way it may break down once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use thalweg::error::OperatorFault;
use thalweg::io::Files;
use thalweg::source::{Emitter, OpenContext, Polled, Position, Source, SplitReader};
use thalweg_bench::nexmark::model::Event;
use thalweg_tests::nexmark::events;

/// Opened by the test, looked at by the reader.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gated {
    gate: Arc<Gate>,
}

#[derive(Debug, Default)]
struct Gate {
    /// Events before this number may be read.
    open: AtomicUsize,
    /// How many were read.
    read: AtomicUsize,
    /// The reader panics that comes to the event before this number; 0 for none.
    breaks: AtomicUsize,
}

impl Gated {
    /// Lets events up to `event` through, and waits until they were read.
    pub(crate) fn open_to(&self, event: usize) {
        self.gate.open.store(event, Ordering::SeqCst);
        crate::restored::wait_until(|| self.gate.read.load(Ordering::SeqCst) >= event);
    }

    /// Lets all through.
    pub(crate) fn open(&self) {
        self.gate.open.store(usize::MAX, Ordering::SeqCst);
    }

    /// The reader panics, once, when it has come to `event`.
    pub(crate) fn break_at(&self, event: usize) {
        self.gate.breaks.store(event + 1, Ordering::SeqCst);
    }
}

impl Source for Gated {
    type Out = Event;
    type Split = ();
    type Reader = GatedReader;

    fn splits(&self, _: &dyn Files) -> Result<Vec<()>, OperatorFault> {
        Ok(vec![()])
    }

    fn open(&self, _: &(), _: &OpenContext) -> Result<GatedReader, OperatorFault> {
        Ok(GatedReader { gate: Arc::clone(&self.gate), next: 0 })
    }

    fn resume(
        &self,
        _: &(),
        position: &Position,
        _: &OpenContext,
    ) -> Result<GatedReader, OperatorFault> {
        Ok(GatedReader { gate: Arc::clone(&self.gate), next: position.read()? })
    }
}

#[derive(Debug)]
pub(crate) struct GatedReader {
    gate: Arc<Gate>,
    next: usize,
}

impl SplitReader<Event> for GatedReader {
    fn poll(&mut self, out: &mut Emitter<'_, Event>) -> Result<Polled, OperatorFault> {
        let open = self.gate.open.load(Ordering::SeqCst);
        while out.wanted() > 0 {
            let Some(event) = events().get(self.next) else { return Ok(Polled::End) };
            if self.next >= open {
                return Ok(Polled::Pending);
            }
            let breaks = &self.gate.breaks;
            let here =
                breaks.compare_exchange(self.next + 1, 0, Ordering::SeqCst, Ordering::SeqCst);
            assert!(here.is_err(), "event {} was one too many", self.next);
            out.emit(event);
            self.next += 1;
            self.gate.read.store(self.next, Ordering::SeqCst);
        }
        Ok(Polled::More)
    }

    fn position(&self) -> Option<Position> {
        Some(Position::of(&self.next))
    }
}
