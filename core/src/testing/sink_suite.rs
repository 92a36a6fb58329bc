//! What every sink must do.

use std::fmt::Debug;
use std::time::Duration;

use super::{World, is_same};
use crate::error::OperatorFault;
use crate::exchange::Records;
use crate::raw::page::PageBuf;
use crate::record::{KeyHash, Record};
use crate::rt::{MemoryFiles, MemoryStreams};
use crate::sink::{Delivery, Prepared, Sink, SinkWriter, Writers};
use crate::source::OpenContext;
use crate::time::EventTime;

/// Writes records into a sink in every way in which a task may, and panics where it does not do what a sink must:
///
/// 1. *Completeness*: what was written is outside when the writers are closed, each record once, however runs are cut and whenever the
///    writer was full or was flushed.
/// 2. *Order*: the records of one writer are outside in the order in which it got them.
/// 3. *Backpressure* ends: a writer that is full is ready again, a flush and a close come to an end, if they are asked again.
/// 4. *Nothing is held back* after a flush that has ended.
/// 5. A writer that gets no record closes, too.
/// 6. *At least once*: what was written before a checkpoint is outside after it, or in what the writers have prepared for it and outside when writers that go on
///    from it are closed, though the first ones never were.
/// 7. *Exactly once*, if the sink says so ([`Sink::delivery`]): each record is outside once when the job has ended, whichever of its epochs were completed,
///    between whichever two calls it was killed, how often it recovered, and on however many workers. Of files in memory what was not synced is lost.
/// 8. *Commit*, if [it hides](Self::hides_uncommitted) what no complete checkpoint covers.
pub struct SinkSuite<T, F> {
    pub(super) records: Vec<T>,
    pub(super) make: F,
    pub(super) world: Box<dyn Fn() -> World>,
    pub(super) in_process: bool,
    pub(super) goes_back: bool,
    pub(super) hides: bool,
}

crate::operator::opaque_debug!(SinkSuite<T, F>);

const RUNS: [usize; 4] = [1, 3, 64, usize::MAX];

impl<T, F, S, R> SinkSuite<T, F>
where
    T: Record + PartialEq + Debug,
    S: Sink<T>,
    R: FnOnce() -> Vec<T>,
    F: Fn(&World) -> (S, R),
{
    /// A suite that writes `records`, no two of which are equal. `make` gives the sink, and what tells afterwards what is outside.
    pub fn new(records: Vec<T>, make: F) -> Self {
        let world = || World::new(MemoryFiles::default(), MemoryStreams::default());
        Self {
            records,
            make,
            world: Box::new(world),
            in_process: false,
            goes_back: false,
            hides: false,
        }
    }

    /// What is outside is in the process: the sink is made once for all attempts of a job, not anew for each.
    #[must_use]
    pub fn in_process(mut self) -> Self {
        self.in_process = true;
        self
    }

    /// The sink can also go back to a checkpoint that is not the newest complete one, as a job does if that is damaged.
    #[must_use]
    pub fn goes_back(mut self) -> Self {
        self.goes_back = true;
        self
    }

    /// Nobody sees what no complete checkpoint covers.
    #[must_use]
    pub fn hides_uncommitted(mut self) -> Self {
        self.hides = true;
        self
    }

    /// What is outside, made anew for each writing. Default: no files, nobody who listens.
    #[must_use]
    pub fn world(mut self, world: impl Fn() -> World + 'static) -> Self {
        self.world = Box::new(world);
        self
    }

    /// Runs the suite.
    ///
    /// # Panics
    ///
    /// With a sentence that says which of the rules is broken, and how.
    pub fn run(&self) {
        for workers in 1..=3 {
            for run in RUNS {
                for flush_every in [0, 1, 5] {
                    self.write(workers, run, flush_every);
                }
            }
            self.write_nothing(workers);
        }
        match (self.make)(&(self.world)()).0.delivery() {
            Delivery::AtLeastOnce => (1..=3).for_each(|workers| self.abandon(workers)),
            Delivery::ExactlyOnce => self.crash_everywhere(),
        }
    }

    /// After a checkpoint the writers are dropped as they are.
    fn abandon(&self, workers: usize) {
        let how = format!("{workers} worker(s), abandoned after a checkpoint");
        let world = (self.world)();
        let (sink, read) = (self.make)(&world);
        let mut writers = self.open(&sink, &world, workers);
        for (number, records) in self.records.chunks(7).enumerate() {
            let index = number % writers.len();
            write_run(&mut writers[index], records, &world, &how);
        }
        let mut held = Vec::new();
        for writer in &mut writers {
            let ask = || {
                let prepared = writer.poll_prepare(1)?;
                let is_prepared = prepared.is_some();
                held.extend(prepared.filter(|prepared| !prepared.is_nothing()));
                Ok(is_prepared)
            };
            wait(&world, &how, "a checkpoint does not end", ask);
        }
        drop(writers);
        if !held.is_empty() {
            self.go_on_from(&sink, &held, &world, (workers, &how));
        }
        let outside = read();
        let missing = self.records.iter().find(|record| !outside.contains(record));
        assert!(missing.is_none(), "at least once: {how}: {missing:?} is not outside");
    }

    /// Writers that get no record, but go on from what others have held.
    fn go_on_from(
        &self,
        sink: &S,
        held: &[Prepared],
        world: &World,
        (workers, how): (usize, &str),
    ) {
        ok("recover", sink.recover(held, &world.context(0, workers)));
        let mut writers = self.open_with(sink, held, world, workers);
        close(&mut writers, world, how);
    }

    fn open(&self, sink: &S, world: &World, workers: usize) -> Vec<S::Writer> {
        self.open_with(sink, &[], world, workers)
    }

    fn open_with(
        &self,
        sink: &S,
        restored: &[Prepared],
        world: &World,
        workers: usize,
    ) -> Vec<S::Writer> {
        let workers_with_writer = match sink.writers() {
            Writers::One => 1,
            Writers::PerWorker => workers,
        };
        let open = |worker| {
            let context =
                OpenContext { restored: restored.into(), ..world.context(worker, workers) };
            ok("open", sink.open(&context))
        };
        (0..workers_with_writer).map(open).collect()
    }

    fn write(&self, workers: usize, run: usize, flush_every: usize) {
        let how = format!("{workers} worker(s), runs of {run}, a flush every {flush_every} runs");
        let world = (self.world)();
        let (sink, read) = (self.make)(&world);
        let mut writers = self.open(&sink, &world, workers);
        let mut given: Vec<Vec<&T>> = writers.iter().map(|_| Vec::new()).collect();
        for (number, records) in self.records.chunks(run.min(self.records.len()).max(1)).enumerate()
        {
            let index = number % writers.len();
            let writer = &mut writers[index];
            given[index].extend(records);
            write_run(writer, records, &world, &how);
            if flush_every > 0 && number.is_multiple_of(flush_every) {
                wait(&world, &how, "a flush does not end", || writer.poll_flush());
                assert!(!writer.holds_back(), "{how}: after a flush something is held back");
            }
        }
        close(&mut writers, &world, &how);
        drop(writers);
        let outside = read();
        assert!(
            is_same(&outside, &self.records),
            "completeness: {how}: {} records were written, outside are {}: {outside:?}",
            self.records.len(),
            outside.len()
        );
        for records in &given {
            let places: Vec<_> =
                records.iter().map(|r| outside.iter().position(|found| found == *r)).collect();
            assert!(
                places.is_sorted(),
                "order: {how}: a writer's records are outside at {places:?}"
            );
        }
    }

    fn write_nothing(&self, workers: usize) {
        let how = format!("{workers} worker(s), no record");
        let world = (self.world)();
        let (sink, read) = (self.make)(&world);
        let mut writers = self.open(&sink, &world, workers);
        close(&mut writers, &world, &how);
        drop(writers);
        let outside = read();
        assert!(outside.is_empty(), "completeness: {how}: outside is {outside:?}");
    }
}

/// Writes records as a task does: in runs that lie in one page, each after the writer has said that it is ready.
pub(super) fn write_run<T: Record, W: SinkWriter<T>>(
    writer: &mut W,
    records: &[T],
    world: &World,
    how: &str,
) {
    const PAGE_BYTES: usize = 4096;
    let mut rest = records;
    while let Some(first) = rest.first() {
        let mut page = PageBuf::new(PAGE_BYTES);
        let fits =
            |page: &mut PageBuf<T>, record: &T| page.push(record, EventTime::MIN, KeyHash(0));
        let mut count = rest.iter().take_while(|record| fits(&mut page, record)).count();
        if count == 0 {
            page = PageBuf::for_value(first);
            count = usize::from(fits(&mut page, first));
        }
        wait(world, how, "a full writer is never ready again", || writer.poll_ready());
        ok("write", writer.write(Records::whole(page.view())));
        rest = &rest[count..];
    }
}

fn close<T: Record, W: SinkWriter<T>>(writers: &mut [W], world: &World, how: &str) {
    for writer in writers {
        wait(world, how, "a close does not end", || writer.poll_close());
    }
}

/// Asks until the answer is yes.
pub(super) fn wait(
    world: &World,
    how: &str,
    complaint: &str,
    mut ask: impl FnMut() -> Result<bool, OperatorFault>,
) {
    for _ in 0..world.patience() {
        if ok("the writer", ask()) {
            return;
        }
        world.pass(Duration::from_micros(100));
    }
    panic!("backpressure: {how}: {complaint}");
}

#[track_caller]
pub(super) fn ok<T>(what: &str, result: Result<T, OperatorFault>) -> T {
    result.unwrap_or_else(|error| {
        let causes = std::iter::successors(Some(&*error as &dyn std::error::Error), |e| e.source());
        let causes: Vec<_> = causes.map(ToString::to_string).collect();
        panic!("{what}: the sink failed: {}", causes.join(": "))
    })
}
