//! Records come in.
//!
//! A source is a list of splits; a reader polls one split for a bounded number of records and never blocks. The worker that owns the
//! split makes its watermarks (see [`crate::time::WatermarkStrategy`]) and notices when it falls silent.
//!
//! Built in: [`Items`] and [`Generator`]; [`Files`] (read whole, followed with [`FileRecords::tail`], found in a folder with
//! [`FileRecords::watch`]); [`Sockets`] that listen or connect; [`Standard`] input.
//!
//! * Arrives from: outside, as bytes through [`crate::format`], or as values.
//! * Leaves to: [`crate::exchange`], in pages with event times and watermarks.

//!
//! # Writing a source
//!
//! A source is two types: a [`Source`] that names its splits and opens them, and a [`SplitReader`] that reads one. The rules:
//!
//! 1. *A poll never waits.* It emits what is there, at most [`Emitter::wanted`] records, and says how it stands: [`Polled::More`] if there may
//!    be more at once, [`Polled::Dry`] if there is nothing for now, [`Polled::Pending`] if there is something but it is on its way (then
//!    event time does not move), [`Polled::End`] if there will never be more. The worker polls again; nobody has to wake it.
//! 2. *Records are a property of the split*, not of the polls: however many are wanted at a time, the same ones come in the same order. What a
//!    poll gave is a decision that a recording keeps; a replay asks again until it has as many ([`Emitter::is_replay`]).
//! 3. *A position is a place between two records.* [`SplitReader::position`] names it, [`Source::resume`] goes there, and what follows
//!    is exactly the rest. Any type with serde's derive is a position ([`Position::of`]). A source that cannot go back says `None`, and is
//!    not replayable ([`Source::is_replayable`]).
//! 4. *Names of things in errors*: an error says which file and line, which address. An error ends the job; a record that cannot be read is
//!    better counted ([`SplitReader::rejected`]) and left out, if the user wants that.
//! 5. *The outside comes through the context*: files, sockets and the clock are those of the [`OpenContext`], so that the simulator can
//!    replace them. A source of a foreign system brings its own client, which must not block either.
//! 6. *Splits that appear later* are found by a [`SplitEnumerator`].
//!
//! A whole source of even numbers, checked by the suite that the built-in ones pass:
//!
//! ```
//! use thalweg::error::OperatorFault;
//! use thalweg::io::Files;
//! use thalweg::source::{Emitter, OpenContext, Polled, Position, Source, SplitReader};
//! use thalweg::testing::SourceSuite;
//!
//! /// Even numbers up to a limit, in two splits: the lower half and the upper half.
//! struct Even {
//!     limit: u64,
//! }
//!
//! struct EvenReader {
//!     next: u64,
//!     end: u64,
//! }
//!
//! impl Even {
//!     fn end(&self, split: u64) -> u64 {
//!         self.limit / 2 * (split + 1)
//!     }
//! }
//!
//! impl Source for Even {
//!     type Out = u64;
//!     type Split = u64;
//!     type Reader = EvenReader;
//!
//!     fn splits(&self, _: &dyn Files) -> Result<Vec<u64>, OperatorFault> {
//!         Ok(vec![0, 1])
//!     }
//!
//!     fn open(&self, split: &u64, _: &OpenContext) -> Result<EvenReader, OperatorFault> {
//!         Ok(EvenReader { next: self.limit / 2 * split, end: self.end(*split) })
//!     }
//!
//!     fn resume(
//!         &self,
//!         split: &u64,
//!         position: &Position,
//!         _: &OpenContext,
//!     ) -> Result<EvenReader, OperatorFault> {
//!         Ok(EvenReader { next: position.read()?, end: self.end(*split) })
//!     }
//! }
//!
//! impl SplitReader<u64> for EvenReader {
//!     fn poll(&mut self, out: &mut Emitter<'_, u64>) -> Result<Polled, OperatorFault> {
//!         while out.wanted() > 0 {
//!             if self.next >= self.end {
//!                 return Ok(Polled::End);
//!             }
//!             out.emit(&self.next);
//!             self.next += 2;
//!         }
//!         Ok(Polled::More)
//!     }
//!
//!     fn position(&self) -> Option<Position> {
//!         Some(Position::of(&self.next))
//!     }
//! }
//!
//! SourceSuite::new(|_| Even { limit: 40 }).expect((0..40).step_by(2).collect()).run();
//! ```

mod position;
mod enumerator;
mod discovery;
mod task;
mod kept;
mod source_time;
mod split;
mod archives;
mod emitter;
mod outputs;
mod iter;
mod generator;
mod file;
mod handle;
mod tail;
mod watch;
mod socket;
mod standard;

pub use archives::Archives;
pub use emitter::Emitter;
pub use enumerator::{Discovered, SplitEnumerator};
pub use file::{
    FileFormat, FileReader, FileRecords, FileSource, FileSourceError, FileSplit, Files, OnError,
    RejectedLine,
};
pub use generator::{Generator, GeneratorReader};
pub use handle::InputHandle;
pub(crate) use handle::{GateTask, Values, input_port};
pub use iter::Items;
pub(crate) use kept::{Dealt, deal};
pub(crate) use outputs::SourceOutputs;
pub use position::{Position, PositionError};
pub(crate) use socket::Attempts;
pub use socket::{
    BoundAddress, Connect, ConnectReader, Connecting, Listen, Listening, Reconnect, SocketSplit,
    Sockets, StreamError,
};
pub use standard::{Standard, StandardInput, StandardLines, StandardSink, StandardWriting};
pub use tail::{Tail, TailReader};
pub(crate) use task::{FOUND, OwnSplits, SourceTask};
pub use watch::WatchedFiles;

use std::fmt::Debug;
use std::rc::Rc;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

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
    /// Access to sockets and to the program's own input and output.
    pub streams: Arc<dyn io::Streams>,
    /// The worker's clock, for measuring; what a record becomes must not depend on it.
    pub clock: Rc<dyn Clock>,
    /// The job takes checkpoints: a sink's writer is asked to [prepare](crate::sink::SinkWriter::poll_prepare), and told when to
    /// [commit](crate::sink::SinkWriter::commit).
    pub checkpoints: bool,
    /// For a sink: what its writers, of all workers, have prepared for the checkpoint that the job goes on from. Empty at a fresh start.
    pub restored: Rc<[crate::checkpoint::Prepared]>,
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
    ///
    /// It is written down, by serde, where splits are found while a job runs; see [`SplitEnumerator`].
    type Split: Debug + Clone + Send + Sync + Serialize + DeserializeOwned + 'static;
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

    /// A reader of one split, from where another one stood: [`SplitReader::position`] said so.
    ///
    /// # Errors
    ///
    /// As [`Self::open`]; or that the position is none of this source's, or that the source keeps none: what a socket gave is gone.
    fn resume(
        &self,
        split: &Self::Split,
        position: &Position,
        context: &OpenContext,
    ) -> Result<Self::Reader, OperatorFault> {
        let _ = (split, context);
        Err(format!("this source cannot be read on from {position}: it has no `Source::resume`; was another source given this name? give it one of its own").into())
    }

    /// Called once, after [`Self::splits`] and before the job starts: what can be refused is refused here, such as an address that is in use.
    ///
    /// # Errors
    ///
    /// What is wrong; the job is refused with this error.
    fn check(&self, context: &OpenContext) -> Result<(), OperatorFault> {
        let _ = context;
        Ok(())
    }

    /// For a source whose splits appear while the job runs: what finds those of this worker. Called at every build, so it opens nothing yet.
    fn enumerator(&self, context: &OpenContext) -> Option<Box<dyn SplitEnumerator<Self::Split>>> {
        let _ = context;
        None
    }

    /// True if a replay of recorded decisions finds the same records again. False for what is gone when it was read, as from a socket:
    /// a replay is then refused, unless it brings the recorded bytes along ([`crate::rt::MemoryStreams`], [`crate::rt::MemoryFiles`]).
    fn is_replayable(&self, context: &OpenContext) -> bool {
        let _ = context;
        true
    }

    /// How many splits of one worker are read side by side; the others wait their turn and do not hold event
    /// time back.
    fn side_by_side(&self) -> usize {
        usize::MAX
    }

    /// What a split is called where it is said how far it is, as by `JobHandle::explain_watermark`; and in checkpoints, so each has a name of its own and keeps it.
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

    /// Where the reader stands: behind the last record that it emitted. `None` if its source keeps no positions.
    ///
    /// A reader that [`Source::resume`] opens there emits exactly the records that this one has not emitted yet.
    fn position(&self) -> Option<Position> {
        None
    }

    /// Records that were read but could not be decoded, since the split was opened.
    fn rejected(&self) -> u64 {
        0
    }

    /// Bytes that were read from outside since the split was opened, as they came: of a compressed file, compressed. 0 if the source reads none.
    fn bytes(&self) -> u64 {
        0
    }

    /// The instant from which the latency of the records of the last poll counts, in the clock's nanoseconds; `None` = the poll itself. An
    /// open-loop generator returns the scheduled instant of its oldest record.
    fn origin_ns(&self) -> Option<u64> {
        None
    }
}
