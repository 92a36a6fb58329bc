//! Sinks within the program: collect, count and discard, or call a closure.
//!
//! [`Collected`] delivers exactly once while the process lives: after a restart its lists are cut off where the checkpoint was. Closures are called again.

use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Delivery, Prepared, Sink, SinkWriter, Writers};
use crate::error::OperatorFault;
use crate::exchange::Records;
use crate::raw::view::Rec;
use crate::record::Record;
use crate::source::OpenContext;
use crate::time::EventTime;

/// What one worker has received, with event times.
type Timed<T> = Vec<(EventTime, T)>;

/// The handle to what a [`Collect`] sink has received.
#[derive(Debug)]
pub struct Collected<T> {
    /// One list for each worker. The lock is taken once a batch, by the worker and after the job by the reader.
    values: Arc<Mutex<Vec<List<T>>>>,
}

/// What one worker has received.
#[derive(Debug)]
struct List<T> {
    values: Timed<T>,
    /// For epochs, how many it were.
    sealed: Vec<(u64, usize)>,
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self { values: Vec::new(), sealed: Vec::new() }
    }
}

impl<T> List<T> {
    /// What is here belongs to this epoch. One that added nothing is found by the one before it.
    fn seal(&mut self, epoch: u64) {
        let count = self.values.len();
        if self.sealed.last().is_none_or(|(_, last)| *last != count) {
            self.sealed.push((epoch, count));
        }
    }

    /// Cuts off what came behind an epoch.
    fn go_back_to(&mut self, epoch: u64) {
        self.sealed.retain(|(sealed, _)| *sealed <= epoch);
        self.values.truncate(self.sealed.last().map_or(0, |(_, count)| *count));
    }
}

impl<T> Clone for Collected<T> {
    fn clone(&self) -> Self {
        Self { values: Arc::clone(&self.values) }
    }
}

impl<T> Default for Collected<T> {
    fn default() -> Self {
        Self { values: Arc::default() }
    }
}

impl<T: Record> Collected<T> {
    /// A handle; give its [`Self::sink`] to a stream and read it after the job.
    pub fn new() -> Self {
        Self::default()
    }

    /// A sink that fills this handle.
    pub fn sink(&self) -> Collect<T> {
        Collect { into: self.clone() }
    }

    /// Takes what was collected, worker by worker, each in its order.
    pub fn take_per_worker(&self) -> Vec<Vec<(EventTime, T)>> {
        let mut lists = self.lists();
        for (_, count) in lists.iter_mut().flat_map(|list| &mut list.sealed) {
            *count = 0;
        }
        lists.iter_mut().map(|list| std::mem::take(&mut list.values)).collect()
    }

    fn lists(&self) -> MutexGuard<'_, Vec<List<T>>> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the values of all workers, in no particular order of workers.
    pub fn take(&self) -> Vec<T> {
        self.take_per_worker().into_iter().flatten().map(|(_, value)| value).collect()
    }
}

/// Keeps owned copies of all records; for tests and small results.
#[derive(Debug)]
pub struct Collect<T> {
    into: Collected<T>,
}

impl<T: Record + Send> Sink<T> for Collect<T> {
    type Writer = CollectWriter<T>;

    fn writers(&self) -> Writers {
        Writers::PerWorker
    }

    fn open(&self, context: &OpenContext) -> Result<CollectWriter<T>, OperatorFault> {
        let mut lists = self.into.lists();
        let workers = lists.len().max(context.workers);
        lists.resize_with(workers, List::default);
        Ok(CollectWriter { into: self.into.clone(), worker: context.worker })
    }

    fn delivery(&self) -> Delivery {
        Delivery::ExactlyOnce
    }

    fn recover(&self, prepared: &[Prepared], _: &OpenContext) -> Result<(), OperatorFault> {
        let mut epoch = 0;
        for prepared in prepared {
            epoch = epoch.max(prepared.read()?);
        }
        self.into.lists().iter_mut().for_each(|list| list.go_back_to(epoch));
        Ok(())
    }

    fn describe(&self) -> String {
        "collect".into()
    }
}

/// Writes into a [`Collected`].
#[derive(Debug)]
pub struct CollectWriter<T> {
    into: Collected<T>,
    worker: usize,
}

impl<T: Record + Send> SinkWriter<T> for CollectWriter<T> {
    fn write(&mut self, run: Records<'_, T>) -> Result<(), OperatorFault> {
        let mut lists = self.into.lists();
        let values = run.iter().map(|(record, at)| (at, record.to_value()));
        lists[self.worker].values.extend(values);
        Ok(())
    }

    fn poll_prepare(&mut self, epoch: u64) -> Result<Option<Prepared>, OperatorFault> {
        let list = &mut self.into.lists()[self.worker];
        list.seal(epoch);
        Ok(Some(Prepared::of(&epoch)))
    }
}

/// Discards all records; the metrics count them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Blackhole;

impl<T: Record> Sink<T> for Blackhole {
    type Writer = Self;

    fn writers(&self) -> Writers {
        Writers::PerWorker
    }

    fn open(&self, _: &OpenContext) -> Result<Self, OperatorFault> {
        Ok(*self)
    }

    fn describe(&self) -> String {
        "blackhole".into()
    }
}

impl<T: Record> SinkWriter<T> for Blackhole {
    fn write(&mut self, _: Records<'_, T>) -> Result<(), OperatorFault> {
        Ok(())
    }
}

/// Calls a closure with each record, in place, on the worker where it is.
pub struct ForEach<T, F, G> {
    make: Rc<F>,
    marker: PhantomData<fn(T) -> G>,
}

impl<T, F, G> std::fmt::Debug for ForEach<T, F, G> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ForEach")
    }
}

impl<T, F, G> ForEach<T, F, G>
where
    T: Record,
    F: Fn(&OpenContext) -> G + 'static,
    G: FnMut(&Rec<T>, EventTime) + 'static,
{
    /// `make` gives each worker its closure.
    pub fn new(make: F) -> Self {
        Self { make: Rc::new(make), marker: PhantomData }
    }
}

impl<T, F, G> Sink<T> for ForEach<T, F, G>
where
    T: Record,
    F: Fn(&OpenContext) -> G + 'static,
    G: FnMut(&Rec<T>, EventTime) + 'static,
{
    type Writer = ForEachWriter<G>;

    fn writers(&self) -> Writers {
        Writers::PerWorker
    }

    fn open(&self, context: &OpenContext) -> Result<ForEachWriter<G>, OperatorFault> {
        Ok(ForEachWriter { each: (self.make)(context) })
    }

    fn describe(&self) -> String {
        "for each".into()
    }
}

/// Calls a closure with each record.
pub struct ForEachWriter<G> {
    each: G,
}

impl<G> std::fmt::Debug for ForEachWriter<G> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ForEachWriter")
    }
}

impl<T: Record, G: FnMut(&Rec<T>, EventTime) + 'static> SinkWriter<T> for ForEachWriter<G> {
    fn write(&mut self, run: Records<'_, T>) -> Result<(), OperatorFault> {
        run.iter().for_each(|(record, at)| (self.each)(record, at));
        Ok(())
    }
}

/// The sink behind `Stream::for_each`: its one closure becomes the worker's writer.
pub(crate) struct Each<G>(std::cell::Cell<Option<G>>);

impl<G> Each<G> {
    pub(crate) fn new(each: G) -> Self {
        Self(std::cell::Cell::new(Some(each)))
    }
}

impl<T: Record, G: FnMut(&Rec<T>, EventTime) + 'static> Sink<T> for Each<G> {
    type Writer = ForEachWriter<G>;

    fn writers(&self) -> Writers {
        Writers::PerWorker
    }

    fn open(&self, _: &OpenContext) -> Result<ForEachWriter<G>, OperatorFault> {
        Ok(ForEachWriter {
            each: self.0.take().expect("invariant: a sink is opened once a worker"),
        })
    }

    fn describe(&self) -> String {
        "for each".into()
    }
}
