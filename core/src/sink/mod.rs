//! Results go out.
//!
//! A sink gives each worker that it runs on a writer; a writer takes runs of records and is closed when the input has ended. In this
//! version a sink's output is final at once: at least once, were the job restarted.
//!
//! * Arrives from: [`crate::exchange`], as pages.
//! * Leaves to: outside, as bytes through [`crate::format`], or as values.

mod collect;
mod callback;
mod encoder;
mod file;
mod stream;
mod upsert;
mod operator;

pub use callback::{Callback, CallbackWriter};
pub(crate) use collect::Each;
pub use collect::{Blackhole, Collect, Collected, ForEach};
pub use file::{FileSink, FileSinkError, FileWriter};
pub use stream::{StreamSinkError, StreamWriter};
pub use upsert::{
    Changes, UpsertCollected, UpsertFile, UpsertFiles, UpsertSink, UpsertWriter, Upserts,
};

pub(crate) use operator::SinkOperator;

use crate::error::OperatorFault;
use crate::exchange::Records;
use crate::record::Record;
use crate::source::OpenContext;

/// On which workers a sink's writers run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writers {
    /// One on each worker; records stay where they are.
    PerWorker,
    /// One, on worker 0; records of all workers come there.
    One,
}

/// Where results go.
pub trait Sink<T: Record>: 'static {
    /// Writes the records of one worker.
    type Writer: SinkWriter<T>;

    /// On which workers it runs.
    fn writers(&self) -> Writers;

    /// A writer; called on the worker, before its first record.
    ///
    /// # Errors
    ///
    /// If it cannot be opened; the job ends with this error.
    fn open(&self, context: &OpenContext) -> Result<Self::Writer, OperatorFault>;

    /// What it is, for plans.
    fn describe(&self) -> String {
        String::new()
    }
}

/// Writes what one worker's tasks send to a sink.
pub trait SinkWriter<T: Record>: 'static {
    /// Whether it can take a run now; asked before each. While it says no the task reads nothing, and the job waits: backpressure.
    /// Never blocks.
    ///
    /// # Errors
    ///
    /// What ends the job.
    fn poll_ready(&mut self) -> Result<bool, OperatorFault> {
        Ok(true)
    }

    /// Takes a run of records, in order.
    ///
    /// # Errors
    ///
    /// What ends the job.
    fn write(&mut self, run: Records<'_, T>) -> Result<(), OperatorFault>;

    /// True if something that was taken is kept back, to be written with more; [`Self::poll_flush`] is then called when the worker runs dry.
    fn holds_back(&self) -> bool {
        false
    }

    /// Writes what is kept back; true when nothing is, false to be asked again. Runs may come meanwhile. Never blocks.
    ///
    /// # Errors
    ///
    /// As [`Self::write`].
    fn poll_flush(&mut self) -> Result<bool, OperatorFault> {
        Ok(true)
    }

    /// The input has ended; true when everything is out, false to be asked again.
    ///
    /// # Errors
    ///
    /// As [`Self::write`].
    fn poll_close(&mut self) -> Result<bool, OperatorFault> {
        Ok(true)
    }
}
