//! Sinks that keep one value for each key: a later one replaces it, and none deletes it.
//!
//! A stream of `(key, Some(value))` and `(key, None)` is a log of changes; [`Upserts`] applies it to an [`UpsertSink`]. Changes of one key are
//! applied in their order if they come from one worker, as they do behind `key_by` of that key.
//!
//! Applying a change twice is the same as once, so such a sink gives each key its right value even if a job that was restarted sends
//! some changes again; but who looks meanwhile may see a value go back to an older one. A sink that takes part in checkpoints spares them that.

mod collected;
mod file;

pub use collected::UpsertCollected;
pub use file::{UpsertFile, UpsertFiles};

use std::marker::PhantomData;

use super::{Delivery, Prepared, Sink, SinkWriter, Writers};
use crate::error::OperatorFault;
use crate::exchange::Records;
use crate::record::Record;
use crate::source::OpenContext;

/// Keeps one value for each key.
pub trait UpsertSink<K: Record, V: Record>: 'static {
    /// Applies the changes of one worker.
    type Writer: UpsertWriter<K, V>;

    /// On which workers it runs.
    fn writers(&self) -> Writers;

    /// A writer; called on the worker, before its first change.
    ///
    /// # Errors
    ///
    /// If it cannot be opened; the job ends with this error.
    fn open(&self, context: &OpenContext) -> Result<Self::Writer, OperatorFault>;

    /// As [`Sink::delivery`].
    fn delivery(&self) -> Delivery {
        Delivery::AtLeastOnce
    }

    /// As [`Sink::recover`].
    ///
    /// # Errors
    ///
    /// If the outside is not what the checkpoint says.
    fn recover(&self, prepared: &[Prepared], context: &OpenContext) -> Result<(), OperatorFault> {
        let _ = (prepared, context);
        Ok(())
    }

    /// What it is, for plans.
    fn describe(&self) -> String {
        String::new()
    }
}

/// Applies changes, in order. What is said of readiness, flushing and closing at [`SinkWriter`] holds here, too.
pub trait UpsertWriter<K: Record, V: Record>: 'static {
    /// The key has this value now, whether or not it had one.
    ///
    /// # Errors
    ///
    /// What ends the job.
    fn upsert(&mut self, key: K, value: V) -> Result<(), OperatorFault>;

    /// The key has no value any more; it may have had none.
    ///
    /// # Errors
    ///
    /// What ends the job.
    fn delete(&mut self, key: K) -> Result<(), OperatorFault>;

    /// The changes of one run were applied: a time to hand over what they came to.
    ///
    /// # Errors
    ///
    /// What ends the job.
    fn end_run(&mut self) -> Result<(), OperatorFault> {
        Ok(())
    }

    /// As [`SinkWriter::poll_ready`].
    ///
    /// # Errors
    ///
    /// What ends the job.
    fn poll_ready(&mut self) -> Result<bool, OperatorFault> {
        Ok(true)
    }

    /// As [`SinkWriter::holds_back`].
    fn holds_back(&self) -> bool {
        false
    }

    /// As [`SinkWriter::poll_flush`].
    ///
    /// # Errors
    ///
    /// What ends the job.
    fn poll_flush(&mut self) -> Result<bool, OperatorFault> {
        Ok(true)
    }

    /// As [`SinkWriter::poll_prepare`].
    ///
    /// # Errors
    ///
    /// What ends the job.
    fn poll_prepare(&mut self, epoch: u64) -> Result<Option<Prepared>, OperatorFault> {
        let _ = epoch;
        Ok(self.poll_flush()?.then(Prepared::nothing))
    }

    /// As [`SinkWriter::commit`].
    ///
    /// # Errors
    ///
    /// What ends the job.
    fn commit(&mut self, epoch: u64) -> Result<(), OperatorFault> {
        let _ = epoch;
        Ok(())
    }

    /// As [`SinkWriter::poll_close`].
    ///
    /// # Errors
    ///
    /// What ends the job.
    fn poll_close(&mut self) -> Result<bool, OperatorFault> {
        Ok(true)
    }
}

/// Makes a sink of changes from an [`UpsertSink`].
///
/// ```
/// use thalweg::prelude::*;
///
/// let stock = UpsertCollected::new();
/// let sink = stock.clone();
/// Engine::builder().build().run("stock", move |t| {
///     let changes = [(1_u64, Some(10_i64)), (2, Some(20)), (1, Some(11)), (2, None)];
///     t.source("changes", Items::of(changes)).without_event_time().sink("stock", Upserts(sink.sink()));
///     Ok(())
/// })?;
/// assert_eq!(stock.take().into_iter().collect::<Vec<_>>(), [(1, 11)]);
/// # Ok::<(), JobError>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Upserts<S>(pub S);

impl<K, V, S> Sink<(K, Option<V>)> for Upserts<S>
where
    K: Record,
    V: Record,
    (K, Option<V>): Record,
    S: UpsertSink<K, V>,
{
    type Writer = Changes<K, V, S::Writer>;

    fn writers(&self) -> Writers {
        self.0.writers()
    }

    fn open(&self, context: &OpenContext) -> Result<Self::Writer, OperatorFault> {
        Ok(Changes { writer: self.0.open(context)?, marker: PhantomData })
    }

    fn delivery(&self) -> Delivery {
        self.0.delivery()
    }

    fn recover(&self, prepared: &[Prepared], context: &OpenContext) -> Result<(), OperatorFault> {
        self.0.recover(prepared, context)
    }

    fn describe(&self) -> String {
        self.0.describe()
    }
}

/// Takes changes apart.
pub struct Changes<K, V, W> {
    writer: W,
    marker: PhantomData<fn(K, V)>,
}

crate::operator::opaque_debug!(Changes<K, V, W>);

impl<K, V, W> SinkWriter<(K, Option<V>)> for Changes<K, V, W>
where
    K: Record,
    V: Record,
    (K, Option<V>): Record,
    W: UpsertWriter<K, V>,
{
    fn poll_ready(&mut self) -> Result<bool, OperatorFault> {
        self.writer.poll_ready()
    }

    fn write(&mut self, run: Records<'_, (K, Option<V>)>) -> Result<(), OperatorFault> {
        for (change, _) in run.iter() {
            match change.to_value() {
                (key, Some(value)) => self.writer.upsert(key, value)?,
                (key, None) => self.writer.delete(key)?,
            }
        }
        self.writer.end_run()
    }

    fn holds_back(&self) -> bool {
        self.writer.holds_back()
    }

    fn poll_flush(&mut self) -> Result<bool, OperatorFault> {
        self.writer.poll_flush()
    }

    fn poll_prepare(&mut self, epoch: u64) -> Result<Option<Prepared>, OperatorFault> {
        self.writer.poll_prepare(epoch)
    }

    fn commit(&mut self, epoch: u64) -> Result<(), OperatorFault> {
        self.writer.commit(epoch)
    }

    fn poll_close(&mut self) -> Result<bool, OperatorFault> {
        self.writer.poll_close()
    }
}
