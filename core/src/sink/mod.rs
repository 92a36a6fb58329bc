//! Results go out.
//!
//! A sink gives each worker that it runs on a writer; a writer takes runs of records and is closed when the input has ended. If the job takes
//! checkpoints, the writer takes part in them, and after a restart a sink that delivers [exactly once](Delivery) goes back to where its checkpoint was.
//!
//! | sink | delivers | how |
//! |---|---|---|
//! | [`Files`](crate::source::Files): one file, or one for each worker | exactly once | cut off at its length in the checkpoint |
//! | [`FileRecords::parts`](crate::source::FileRecords::parts) | exactly once | parts get their name when their checkpoint is complete |
//! | [`UpsertFiles`] | exactly once | as one file |
//! | [`Collected`] | exactly once, in the process | cut off as a file is; not for who has taken something meanwhile |
//! | [`UpsertCollected`] | at least once | the same change again is the same table |
//! | [`Sockets`](crate::source::Sockets) that connect, [`Standard`](crate::source::Standard) output | at least once | what was sent is sent |
//! | [`OutputHandle`] | at least once | what the host had not read comes again |
//! | [`Callback`], [`ForEach`] | at least once | called again |
//! | [`Blackhole`] | | nothing comes out |
//!
//! Whatever it delivers, at a checkpoint a writer has handed over all that it had taken before; so nothing is lost.
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
//! That is all for a sink that delivers at least once: at a checkpoint it is flushed. See [Exactly once](#exactly-once) for more.
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
//!
//! # Exactly once
//!
//! A sink that delivers exactly once does so in two phases, as transactions do. At a checkpoint [`SinkWriter::poll_prepare`] makes durable what was written, hides it, and
//! says in a [`Prepared`] how it is found again; that lies in the checkpoint. When the checkpoint is complete, on all workers, [`SinkWriter::commit`] shows it. If
//! the job fails in between, [`Sink::recover`] decides by the checkpoint: what is said there is committed, and everything else is taken back. The rules:
//!
//! 1. *A crash may come between any two calls*, and inside of any: before the checkpoint is complete nothing of it may be seen, afterwards all of it must come to be seen.
//! 2. *Commit and recover are repeated*: a commit that was done and not noted is asked for again, with the next attempt.
//! 3. *Epochs are given up*: what was prepared for one that was never complete belongs to the next that is.
//! 4. *The number of workers changes*: recover gets what all writers had prepared, also those of workers that are no more.
//!
//! A sink into a database that knows transactions, checked by the suite that crashes it everywhere:
//!
//! ```
//! use std::cell::RefCell;
//! use std::collections::BTreeMap;
//! use std::rc::Rc;
//!
//! use thalweg::error::OperatorFault;
//! use thalweg::exchange::Records;
//! use thalweg::sink::{Delivery, Prepared, Sink, SinkWriter, Writers};
//! use thalweg::source::OpenContext;
//! use thalweg::testing::SinkSuite;
//!
//! /// A database, by name of transaction what was staged, and what everybody sees.
//! #[derive(Default)]
//! struct Database {
//!     staged: BTreeMap<String, Vec<u64>>,
//!     rows: Vec<u64>,
//! }
//!
//! impl Database {
//!     /// Again is harmless: there is nothing left to show.
//!     fn commit(&mut self, transaction: &str) {
//!         self.rows.extend(self.staged.remove(transaction).unwrap_or_default());
//!     }
//! }
//!
//! #[derive(Clone, Default)]
//! struct Table(Rc<RefCell<Database>>);
//!
//! struct TableWriter {
//!     table: Table,
//!     worker: usize,
//!     /// Rows of no transaction yet.
//!     rows: Vec<u64>,
//!     /// Transactions that were staged and not committed, by epoch.
//!     staged: BTreeMap<u64, String>,
//! }
//!
//! impl Sink<u64> for Table {
//!     type Writer = TableWriter;
//!
//!     fn writers(&self) -> Writers {
//!         Writers::PerWorker
//!     }
//!
//!     fn open(&self, context: &OpenContext) -> Result<TableWriter, OperatorFault> {
//!         let (table, worker) = (self.clone(), context.worker);
//!         Ok(TableWriter { table, worker, rows: Vec::new(), staged: BTreeMap::new() })
//!     }
//!
//!     fn delivery(&self) -> Delivery {
//!         Delivery::ExactlyOnce
//!     }
//!
//!     fn recover(&self, prepared: &[Prepared], _: &OpenContext) -> Result<(), OperatorFault> {
//!         let mut database = self.0.borrow_mut();
//!         for prepared in prepared {
//!             for transaction in prepared.read::<Vec<String>>()? {
//!                 database.commit(&transaction);
//!             }
//!         }
//!         // What no checkpoint knows is rolled back.
//!         database.staged.clear();
//!         Ok(())
//!     }
//! }
//!
//! impl SinkWriter<u64> for TableWriter {
//!     fn write(&mut self, run: Records<'_, u64>) -> Result<(), OperatorFault> {
//!         self.rows.extend(run.iter().map(|(number, _)| number.to_value()));
//!         Ok(())
//!     }
//!
//!     fn poll_prepare(&mut self, epoch: u64) -> Result<Option<Prepared>, OperatorFault> {
//!         if !self.rows.is_empty() {
//!             let transaction = format!("{epoch}/{}", self.worker);
//!             let mut database = self.table.0.borrow_mut();
//!             database.staged.insert(transaction.clone(), std::mem::take(&mut self.rows));
//!             self.staged.insert(epoch, transaction);
//!         }
//!         // With those of epochs that are not known to be complete.
//!         Ok(Some(Prepared::of(&self.staged.values().collect::<Vec<_>>())))
//!     }
//!
//!     fn commit(&mut self, epoch: u64) -> Result<(), OperatorFault> {
//!         let later = self.staged.split_off(&(epoch + 1));
//!         for transaction in std::mem::replace(&mut self.staged, later).into_values() {
//!             self.table.0.borrow_mut().commit(&transaction);
//!         }
//!         Ok(())
//!     }
//!
//!     /// For a job without checkpoints: everything is shown at the end.
//!     fn poll_close(&mut self) -> Result<bool, OperatorFault> {
//!         self.table.0.borrow_mut().rows.append(&mut self.rows);
//!         Ok(true)
//!     }
//! }
//!
//! SinkSuite::new((0..500).collect(), |_| {
//!     let table = Table::default();
//!     let read = {
//!         let table = table.clone();
//!         move || table.0.borrow().rows.clone()
//!     };
//!     (table, read)
//! })
//! .in_process()
//! .run();
//! ```

mod delivery;
mod in_flight;
mod collect;
mod handle;
mod callback;
mod encoder;
mod file;
mod stream;
mod upsert;
mod operator;

pub use crate::checkpoint::{Prepared, PreparedError};
pub use callback::{Callback, CallbackWriter};
pub(crate) use collect::Each;
pub use collect::{Blackhole, Collect, Collected, ForEach};
pub use delivery::Delivery;
pub use file::{
    FileRecoveryError, FileSink, FileSinkError, FileWriter, PartFiles, PartsExistError,
    PartsWriter, Roll,
};
pub use handle::OutputHandle;
pub(crate) use handle::{HostOutput, output_port};
pub use stream::{StreamSinkError, StreamWriter};
pub use upsert::{
    Changes, UpsertCollected, UpsertFile, UpsertFiles, UpsertSink, UpsertWriter, Upserts,
};

pub(crate) use in_flight::{InFlight, TABLE};
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

    /// How often a record comes out if the job is started again from a checkpoint.
    fn delivery(&self) -> Delivery {
        Delivery::AtLeastOnce
    }

    /// Called once each time that a job with checkpoints starts, before any writer is opened: makes visible what the checkpoint says was prepared,
    /// if it is not already, and takes back everything else that was written behind the checkpoint. `prepared` is what all writers had prepared for it, also
    /// of workers that are no more; empty at a fresh start, when whatever earlier attempts have left is to go.
    ///
    /// It may be cut short at any point, and is then called again with the same.
    ///
    /// # Errors
    ///
    /// If the outside is not what the checkpoint says; the job is refused with this error.
    fn recover(&self, prepared: &[Prepared], context: &OpenContext) -> Result<(), OperatorFault> {
        let _ = (prepared, context);
        Ok(())
    }

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

    /// Everything that was written so far belongs to the checkpoint of `epoch`: makes it durable, and hidden still. `None` to be asked again; no run comes
    /// meanwhile. Never blocks.
    ///
    /// What is prepared says all that is not [committed](Self::commit) by now, so also what belonged to earlier epochs: of those one may have been given up,
    /// and its records are this one's. Epochs rise, and need not follow each other.
    ///
    /// The default is that of a sink that delivers at least once: it is flushed. While the outside takes nothing no checkpoint is complete then; a writer for which
    /// that may take long says in what it prepares what it still holds, and begins with it when it is opened with [`OpenContext::restored`].
    ///
    /// # Errors
    ///
    /// As [`Self::write`].
    fn poll_prepare(&mut self, epoch: u64) -> Result<Option<Prepared>, OperatorFault> {
        let _ = epoch;
        Ok(self.poll_flush()?.then(Prepared::nothing))
    }

    /// The checkpoint of `epoch` is complete: what was prepared for it, and before it, becomes visible. What was prepared since stays hidden.
    ///
    /// # Errors
    ///
    /// As [`Self::write`].
    fn commit(&mut self, epoch: u64) -> Result<(), OperatorFault> {
        let _ = epoch;
        Ok(())
    }

    /// The input has ended; true when everything is out, false to be asked again. In a job with checkpoints a sink that delivers exactly once is closed
    /// when its last records were committed.
    ///
    /// # Errors
    ///
    /// As [`Self::write`].
    fn poll_close(&mut self) -> Result<bool, OperatorFault> {
        Ok(true)
    }
}
