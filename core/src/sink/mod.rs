//! Results go out.
//!
//! A sink gives each worker that it runs on a writer; a writer takes runs of records and is closed when the input has ended. In this
//! version a sink's output is final at once: at least once, were the job restarted.
//!
//! Built in: [`Collected`], [`Blackhole`], [`ForEach`] and [`Callback`]; [`crate::source::Files`], [`crate::source::Sockets`] that connect and
//! [`crate::source::Standard`] output; [`Upserts`] into tables and files of changes.
//!
//! * Arrives from: [`crate::exchange`], as pages.
//! * Leaves to: outside, as bytes through [`crate::format`], or as values.
//!
//! # Writing a sink
//!
//! A sink is two types: a [`Sink`] that opens writers, and a [`SinkWriter`] that takes the records of one worker. The rules:
//!
//! 1. *No call waits.* A writer that can take no more says so in [`SinkWriter::poll_ready`]: then its task reads nothing, the rings fill, and the
//!    source is held back. So a writer needs no buffer without a bound.
//! 2. *A run is taken whole* by [`SinkWriter::write`], and in order. Encode it into a buffer that is kept; it may be sent later.
//! 3. *What is kept back is sent when the worker runs dry*: a writer that buffers says [`SinkWriter::holds_back`], and is then asked to
//!    [`SinkWriter::poll_flush`]. Whoever looks at the outside of a quiet job sees everything.
//! 4. *After the end* [`SinkWriter::poll_close`] is asked until it says true; then everything is outside.
//! 5. *An error ends the job*, and the writer is not called again; what was written before it may be outside or not.
//!
//! An output is final when it is written: a job that is started again writes again. Sinks that take part in checkpoints will put what
//! [`SinkWriter::poll_flush`] brought outside into a transaction, and commit it when the checkpoint is complete; the calls here do not change.
//!
//! A whole sink that writes numbers into one string, checked by the suite that the built-in ones pass:
//!
//! ```
//! use std::cell::RefCell;
//! use std::rc::Rc;
//!
//! use thalweg::error::OperatorFault;
//! use thalweg::exchange::Records;
//! use thalweg::sink::{Sink, SinkWriter, Writers};
//! use thalweg::source::OpenContext;
//! use thalweg::testing::SinkSuite;
//!
//! /// Appends numbers to a text, some at a time.
//! #[derive(Clone, Default)]
//! struct Text(Rc<RefCell<String>>);
//!
//! struct TextWriter {
//!     text: Text,
//!     buffer: Vec<u64>,
//! }
//!
//! impl Sink<u64> for Text {
//!     type Writer = TextWriter;
//!
//!     fn writers(&self) -> Writers {
//!         Writers::PerWorker
//!     }
//!
//!     fn open(&self, _: &OpenContext) -> Result<TextWriter, OperatorFault> {
//!         Ok(TextWriter { text: self.clone(), buffer: Vec::new() })
//!     }
//! }
//!
//! impl SinkWriter<u64> for TextWriter {
//!     fn poll_ready(&mut self) -> Result<bool, OperatorFault> {
//!         if self.buffer.len() < 100 { Ok(true) } else { self.poll_flush() }
//!     }
//!
//!     fn write(&mut self, run: Records<'_, u64>) -> Result<(), OperatorFault> {
//!         self.buffer.extend(run.iter().map(|(number, _)| number.to_value()));
//!         Ok(())
//!     }
//!
//!     fn holds_back(&self) -> bool {
//!         !self.buffer.is_empty()
//!     }
//!
//!     fn poll_flush(&mut self) -> Result<bool, OperatorFault> {
//!         let mut text = self.text.0.borrow_mut();
//!         for number in self.buffer.drain(..) {
//!             *text += &format!("{number} ");
//!         }
//!         Ok(true)
//!     }
//!
//!     fn poll_close(&mut self) -> Result<bool, OperatorFault> {
//!         self.poll_flush()
//!     }
//! }
//!
//! SinkSuite::new((0..500).collect(), |_| {
//!     let text = Text::default();
//!     let read = {
//!         let text = text.clone();
//!         move || text.0.borrow().split_whitespace().map(|word| word.parse().unwrap()).collect()
//!     };
//!     (text, read)
//! })
//! .run();
//! ```

mod collect;
mod handle;
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
pub use handle::OutputHandle;
pub(crate) use handle::output_port;
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
    /// Whether it can take a run now; asked before each, and a yes holds until the run has come. While it says no the task reads nothing, and
    /// the job waits: backpressure. Never blocks.
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
