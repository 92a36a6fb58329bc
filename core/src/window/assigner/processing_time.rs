//! Windows of processing time: by the clock of the worker instead of the records' own time.

use super::{TimeWindow, WindowAssigner};
use crate::raw::view::Rec;
use crate::record::Record;
use crate::time::EventTime;

/// The windows inside, by the clock: a record lies in the window in which the worker reads it, and a window fires when the clock reaches its
/// end, or at the end of input.
///
/// Nothing is late here, and nothing is the same twice: results depend on when records come. A replay of what was recorded gives the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InProcessingTime<W>(pub W);

impl<T: Record, W: WindowAssigner<T>> WindowAssigner<T> for InProcessingTime<W> {
    const KIND: &'static str = W::KIND;
    const MERGES: bool = W::MERGES;
    const OVERLAP: bool = W::OVERLAP;
    const ENDS: bool = W::ENDS;
    const BY_CLOCK: bool = true;

    fn assign(&mut self, record: &Rec<T>, at: EventTime, windows: &mut Vec<TimeWindow>) {
        self.0.assign(record, at, windows);
    }

    fn describe(&self) -> String {
        format!("{}, in processing time", self.0.describe())
    }

    fn check(&self) -> Result<(), String> {
        self.0.check()
    }
}
