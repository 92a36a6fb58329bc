//! Results go out.
//!
//! A sink gives each worker that it runs on a writer; a writer takes runs of records and is closed when the input has ended. In this
//! version a sink's output is final at once: at least once, were the job restarted.
//!
//! * Arrives from: [`crate::exchange`], as pages.
//! * Leaves to: outside, as bytes through [`crate::format`], or as values.

mod collect;
mod handle;
mod file;
mod operator;

pub(crate) use collect::Each;
pub use collect::{Blackhole, Collect, Collected, ForEach};
pub use file::{FileSinkError, FileWriter};
pub use handle::OutputHandle;
pub(crate) use handle::output_port;

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
    /// Takes a run of records, in order.
    ///
    /// # Errors
    ///
    /// What ends the job.
    fn write(&mut self, run: Records<'_, T>) -> Result<(), OperatorFault>;

    /// The input has ended; true when everything is out, false to be asked again.
    ///
    /// # Errors
    ///
    /// As [`Self::write`].
    fn poll_close(&mut self) -> Result<bool, OperatorFault> {
        Ok(true)
    }
}
