//! Records come in.
//!
//! A source is a list of splits; a reader polls one split for a bounded number of records and never blocks. The worker that owns the
//! split makes its watermarks (see [`crate::time::WatermarkStrategy`]) and notices when it falls silent.
//!
//! * Arrives from: outside, as bytes through [`crate::format`], or as values.
//! * Leaves to: [`crate::exchange`], in pages with event times and watermarks.

mod task;
mod source_time;
mod split;
mod emitter;
mod outputs;
mod iter;
mod file;
mod handle;

pub use emitter::Emitter;
pub use file::{
    DeadLetter, FileFormat, FileReader, FileRecords, FileSource, FileSourceError, FileSplit, Files,
    OnError,
};
pub use handle::InputHandle;
pub(crate) use handle::{GateTask, Values, input_port};
pub use iter::Items;
pub(crate) use outputs::SourceOutputs;
pub(crate) use task::{OwnSplits, SourceTask};

use std::fmt::Debug;
use std::rc::Rc;

use crate::error::OperatorFault;
use crate::io;
use crate::record::Record;
use crate::time::Clock;

/// What a source or sink is given when it is opened.
#[derive(Clone)]
pub struct OpenContext {
    /// The worker it runs on, from 0.
    pub worker: usize,
    /// How many workers the job has.
    pub workers: usize,
    /// The operator's name.
    pub operator: Rc<str>,
    /// Access to files.
    pub files: Rc<dyn io::Files>,
    /// The worker's clock, for measuring; what a record becomes must not depend on it.
    pub clock: Rc<dyn Clock>,
}

impl Debug for OpenContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenContext")
            .field("worker", &self.worker)
            .field("workers", &self.workers)
            .field("operator", &self.operator)
            .finish_non_exhaustive()
    }
}

/// What a poll found, beside the records that it emitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Polled {
    /// There may be more at once.
    More,
    /// There is nothing more for now: what was emitted is all there is, and event time may move up to it.
    Dry,
    /// There is more, but it is still on its way, as from a disk.
    Pending,
    /// The split has ended.
    End,
}

/// Where records come from.
pub trait Source: 'static {
    /// What it gives.
    type Out: Record;
    /// A part of it that is read in order, by one worker.
    type Split: Debug + Clone + Send + Sync + 'static;
    /// Reads one split.
    type Reader: SplitReader<Self::Out>;

    /// The splits; asked once, before the job starts, and dealt to the workers in turn.
    ///
    /// # Errors
    ///
    /// If the source cannot say; the job is refused with this error.
    fn splits(&self, files: &dyn io::Files) -> Result<Vec<Self::Split>, OperatorFault>;

    /// A reader of one split, from its start.
    ///
    /// # Errors
    ///
    /// If the split cannot be opened; the job ends with this error.
    fn open(
        &self,
        split: &Self::Split,
        context: &OpenContext,
    ) -> Result<Self::Reader, OperatorFault>;

    /// How many splits of one worker are read side by side; the others wait their turn and do not hold event
    /// time back.
    fn side_by_side(&self) -> usize {
        usize::MAX
    }

    /// What a split is called where it is said how far it is, as by `JobHandle::explain_watermark`.
    fn split_name(&self, split: &Self::Split) -> String {
        format!("{split:?}")
    }

    /// What it is, for plans.
    fn describe(&self) -> String {
        String::new()
    }
}

/// Reads the records of one split, in order.
pub trait SplitReader<T: Record>: 'static {
    /// Emits up to `out.wanted()` records; fewer, or none, if no more are there. Never blocks.
    ///
    /// # Errors
    ///
    /// What ends the job.
    fn poll(&mut self, out: &mut Emitter<'_, T>) -> Result<Polled, OperatorFault>;

    /// Records that were read but could not be decoded, since the split was opened.
    fn rejected(&self) -> u64 {
        0
    }

    /// The instant from which the latency of the records of the last poll counts, in the clock's nanoseconds; `None` = the poll itself. An
    /// open-loop generator returns the scheduled instant of its oldest record.
    fn origin_ns(&self) -> Option<u64> {
        None
    }
}
