//! One split that is being read: its reader, and what its records say of event time.

use super::emitter::{Emitter, SplitClock};
use super::kept::SplitTime;
use super::outputs::SourceOutputs;
use super::{Polled, SplitReader};
use crate::error::OperatorFault;
use crate::record::Record;
use crate::time::{
    EventTime, FutureGuard, ProcessingTime, WATERMARK_STRIDE, WatermarkGenerator, WatermarkOptions,
};

/// An open split.
///
/// # Invariants
///
/// 1. A watermark is due after every [`WATERMARK_STRIDE`] records, counted from the start of the split, and whenever the split runs
///    dry; never at a batch boundary. So for input that does not run dry, batch sizes do not show.
pub(super) struct OpenSplit<T: Record, R> {
    pub(super) reader: R,
    generator: Box<dyn WatermarkGenerator<T>>,
    reads_records: bool,
    guard: Option<FutureGuard>,
    greatest: EventTime,
    since_watermark: u64,
    /// Since when every poll found nothing, by the clock of the time in which the source could be polled.
    pub(super) dry_since_ns: Option<u64>,
}

impl<T: Record, R: SplitReader<T>> OpenSplit<T, R> {
    pub(super) fn new(
        reader: R,
        generator: Box<dyn WatermarkGenerator<T>>,
        options: &WatermarkOptions,
    ) -> Self {
        Self {
            reader,
            reads_records: generator.reads_records(),
            generator,
            guard: FutureGuard::of(options),
            greatest: EventTime::MIN,
            since_watermark: 0,
            dry_since_ns: None,
        }
    }

    /// The split goes on where it was.
    pub(super) fn resume(&mut self, time: SplitTime) {
        self.greatest = time.greatest();
        self.since_watermark = time.since_watermark;
        if let Some(guard) = &mut self.guard {
            guard.resume(time.doubted);
        }
    }

    /// What is to be kept of its event time.
    pub(super) fn time(&self, watermark: EventTime) -> SplitTime {
        SplitTime {
            greatest: self.greatest.as_nanos(),
            watermark: watermark.as_nanos(),
            since_watermark: self.since_watermark,
            doubted: self.guard.as_ref().map(FutureGuard::doubted).unwrap_or_default(),
        }
    }

    /// Polls for `limit` records at most, and for no more than are left until a watermark is due; returns how many came, and how it ended. Dead letters
    /// count, but make no watermark.
    pub(super) fn poll(
        &mut self,
        limit: usize,
        was_idle: bool,
        is_replay: bool,
        now: ProcessingTime,
        out: &mut SourceOutputs<T>,
    ) -> Result<(usize, Polled), OperatorFault> {
        let due = usize::try_from(WATERMARK_STRIDE - self.since_watermark).unwrap_or(limit);
        if let Some(guard) = &mut self.guard {
            guard.look_at_clock(now);
        }
        let generator = match self.reads_records {
            true => Some(&mut *self.generator as &mut dyn WatermarkGenerator<T>),
            false => None,
        };
        let clock = SplitClock { generator, guard: self.guard.as_mut(), greatest: self.greatest };
        let mut emitter = Emitter::new(out, clock, due.min(limit), was_idle);
        emitter.set_replay(is_replay);
        let polled = self.reader.poll(&mut emitter)?;
        let (emitted, rejected, greatest) = emitter.done();
        self.greatest = greatest;
        self.since_watermark += emitted as u64;
        let came = emitted + rejected;
        if came > 0 {
            self.dry_since_ns = None;
        }
        Ok((came, polled))
    }

    /// A watermark is due because of the number of records.
    pub(super) fn is_due(&self) -> bool {
        self.since_watermark == WATERMARK_STRIDE
    }

    /// Records have come since the last watermark.
    pub(super) fn is_unsaid(&self) -> bool {
        self.since_watermark > 0
    }

    /// The watermark now.
    pub(super) fn watermark(&mut self) -> EventTime {
        self.since_watermark = 0;
        self.generator.watermark(self.greatest)
    }

    /// Records that were too far in the future.
    pub(super) fn far_future(&self) -> u64 {
        self.guard.as_ref().map_or(0, FutureGuard::far)
    }
}
