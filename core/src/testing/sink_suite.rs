//! What every sink must do.

use std::fmt::Debug;
use std::time::Duration;

use super::{World, is_same};
use crate::error::OperatorFault;
use crate::exchange::Records;
use crate::raw::page::PageBuf;
use crate::record::{KeyHash, Record};
use crate::rt::{MemoryFiles, MemoryStreams};
use crate::sink::{Sink, SinkWriter, Writers};
use crate::time::EventTime;

/// Writes records into a sink in every way in which a task may, and panics where it does not do what a sink must:
///
/// 1. *Completeness*: what was written is outside when the writers are closed, each record once, however runs are cut and whenever the
///    writer was full or was flushed.
/// 2. *Order*: the records of one writer are outside in the order in which it got them.
/// 3. *Backpressure* ends: a writer that is full is ready again, a flush and a close come to an end, if they are asked again.
/// 4. *Nothing is held back* after a flush that has ended.
/// 5. A writer that gets no record closes, too.
pub struct SinkSuite<T, F> {
    records: Vec<T>,
    make: F,
    world: Box<dyn Fn() -> World>,
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
        Self { records, make, world: Box::new(world) }
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
    }

    fn open(&self, sink: &S, world: &World, workers: usize) -> Vec<S::Writer> {
        let workers_with_writer = match sink.writers() {
            Writers::One => 1,
            Writers::PerWorker => workers,
        };
        let open = |worker| ok("open", sink.open(&world.context(worker, workers)));
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
fn write_run<T: Record, W: SinkWriter<T>>(writer: &mut W, records: &[T], world: &World, how: &str) {
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
fn wait(
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
fn ok<T>(what: &str, result: Result<T, OperatorFault>) -> T {
    result.unwrap_or_else(|error| {
        let causes = std::iter::successors(Some(&*error as &dyn std::error::Error), |e| e.source());
        let causes: Vec<_> = causes.map(ToString::to_string).collect();
        panic!("{what}: the sink failed: {}", causes.join(": "))
    })
}
