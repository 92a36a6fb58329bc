//! How watermarks are made, per split: what a strategy and its generators are.
//!
//! A watermark `w` says: no record with an event time before `w` is expected any more. It is made after every
//! [`WATERMARK_STRIDE`] records of a split and whenever the split runs dry, and travels in order with the records.

use super::EventTime;
use super::options::{WatermarkOptions, WithOptions};
use crate::raw::view::Rec;
use crate::record::Record;

/// Records of a split between two watermarks. A watermark costs each receiver about as much as a record, so one
/// in 64 is below 2 %; a split that runs dry makes one at once, so it adds no delay.
pub const WATERMARK_STRIDE: u64 = 64;

/// Makes the watermarks of one split.
pub trait WatermarkGenerator<T: Record> {
    /// True if [`Self::on_record`] wants to see each record (one dyn call a record).
    fn reads_records(&self) -> bool {
        false
    }

    /// Sees one record, if [`Self::reads_records`] says so.
    fn on_record(&mut self, _record: &Rec<T>, _at: EventTime) {}

    /// The watermark now; `greatest` is the latest event time of the split so far. The engine never lets
    /// a watermark go back, so neither need a generator care.
    fn watermark(&mut self, greatest: EventTime) -> EventTime;
}

/// How a source's watermarks are made; one generator per split.
pub trait WatermarkStrategy<T: Record>: 'static {
    /// A generator for a new split.
    fn generator(&self) -> Box<dyn WatermarkGenerator<T>>;

    /// Idleness, alignment, and what is too far in the future. To set them on a strategy of one's own, wrap it:
    /// [`WithOptions::of`].
    fn options(&self) -> WatermarkOptions {
        WatermarkOptions::default()
    }
}

impl<T: Record, S: WatermarkStrategy<T>> WatermarkStrategy<T> for WithOptions<S> {
    fn generator(&self) -> Box<dyn WatermarkGenerator<T>> {
        self.strategy().generator()
    }

    fn options(&self) -> WatermarkOptions {
        WithOptions::options(self)
    }
}
