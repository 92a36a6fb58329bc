//! The simulator: one thread steps all workers of a job in a seeded order, under virtual time.
//!
//! Every decision that a driver takes from its surroundings (which worker, which task, which lane, how many records, flush or not, what time it is) is drawn
//! from the seed, so one seed is one run, exactly; and ring sizes, page sizes and batch sizes are drawn as well. What holds over
//! thousands of seeds holds for the schedules that threads will produce.
//!
//! It also replays: decisions recorded on any driver are taken again, each worker's in its order, and give the same outputs bit for bit.

mod files;
mod random;
mod streams;

pub use files::{FileEvent, MemoryFiles};
pub use streams::{Attempt, MemoryStreams};

use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use random::Random;

use super::driver::{IdlePolicy, Shared, SharedJob};
use crate::api::{Topology, build};
use crate::config::JobConfig;
use crate::error::{BuildError, JobError, Result};
use crate::io::{Files, Streams};
use crate::metrics::JobReport;
use crate::operator::task::Choice;
use crate::runtime::worker::Worker;
use crate::runtime::{Decision, Journal};
use crate::time::Clock;

/// A seeded run of a job; made by [`Sim::new`].
#[derive(Clone)]
pub struct Sim {
    random: Random,
    config: JobConfig,
    files: Rc<dyn Files>,
    streams: Arc<dyn Streams>,
}

impl std::fmt::Debug for Sim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sim").field("config", &self.config).finish_non_exhaustive()
    }
}

/// What a simulated run came to.
#[derive(Debug)]
pub struct SimReport {
    /// Counts, as of any job.
    pub report: JobReport,
    /// All decisions; replaying them gives the same run.
    pub journal: Journal,
}

/// Virtual time, in nanoseconds.
#[derive(Debug, Default)]
struct VirtualClock(Cell<u64>);

impl Clock for VirtualClock {
    fn now_ns(&self) -> u64 {
        self.0.get()
    }
}

impl Sim {
    /// A run of `workers` workers in the order of `seed`; ring, page, batch and slice sizes are drawn from it too.
    pub fn new(seed: u64, workers: usize) -> Self {
        let mut random = Random::new(seed);
        let config = JobConfig {
            workers,
            batch_records: 1 + random.small(300),
            slice_records: 1 + random.small(64),
            ring_pages: Some(1 + random.small(4) as usize),
            ring_page_bytes: Some(256 << random.small(6)),
            ..JobConfig::default()
        };
        let streams = MemoryStreams::shared();
        Self { random, config, files: Rc::new(MemoryFiles::default()), streams }
    }

    /// The same run with these sockets, standard input and output; without them nobody connects and the input is empty.
    pub fn streams(mut self, streams: MemoryStreams) -> Self {
        self.streams = Arc::new(streams);
        self
    }

    /// The same run with these files; without them there are none.
    pub fn files(mut self, files: impl Files + 'static) -> Self {
        self.files = Rc::new(files);
        self
    }

    /// Runs a job to its end.
    ///
    /// # Errors
    ///
    /// As of any driver.
    ///
    /// # Panics
    ///
    /// If the workers can do nothing and have not ended: a deadlock, which is a bug of the engine.
    pub fn run(
        self,
        job: impl Fn(&mut Topology) -> Result<()> + Send + Sync + 'static,
    ) -> Result<SimReport> {
        let Self { mut random, config, files, streams } = self;
        let clock = Rc::new(VirtualClock::default());
        clock.0.set(1);
        let (shared, mut workers) = make_workers(config, Arc::new(job), &files, streams, &clock)?;
        let mut choices: Vec<(usize, Choice)> = Vec::new();
        let mut idle_rounds = 0;
        while workers.iter_mut().any(|worker| !worker.is_finished()) {
            let index = random.below(workers.len());
            let worker = &mut workers[index];
            clock.0.set(clock.0.get() + u64::from(random.small(2_000)));
            if random.one_in(16) {
                worker.step(Decision::Clock(clock.now_ns()))?;
            }
            worker.choices(&mut choices);
            let mut progress = false;
            if choices.is_empty() || random.one_in(8) {
                progress |= flush_one(worker, &mut random)?;
            } else {
                let (task, choice) = choices[random.below(choices.len())];
                let limit = match choice {
                    Choice::Slice => shared.config.slice_records,
                    _ => 1 + random.small(shared.config.batch_records),
                };
                let done = worker.step(Decision::of(task, choice, limit))?;
                progress |= done.counts;
            }
            choices.clear();
            idle_rounds = if progress { 0 } else { idle_rounds + 1 };
            if idle_rounds > 1_000 {
                // Nobody has anything: time goes by, so that silent sources can become idle or speak again.
                clock.0.set(clock.0.get() + 1_000_000);
            }
            assert!(idle_rounds < 1_000_000, "deadlock: no worker can go on");
        }
        let elapsed_ns = clock.now_ns();
        Ok(finish(workers, &shared, elapsed_ns))
    }

    /// Takes recorded decisions again, each worker's in its order.
    ///
    /// # Errors
    ///
    /// [`crate::error::JobError::Diverged`] if the job, or its input, is not the one that was recorded.
    ///
    /// # Panics
    ///
    /// If the recorded decisions wait for each other: the journal is not whole.
    pub fn replay(
        journal: &Journal,
        files: impl Files + 'static,
        job: impl Fn(&mut Topology) -> Result<()> + Send + Sync + 'static,
    ) -> Result<SimReport> {
        Self::replay_with(journal, files, MemoryStreams::default(), job)
    }

    /// As [`Self::replay`], with the bytes that sockets and standard input gave when it was recorded.
    ///
    /// # Errors
    ///
    /// As [`Self::replay`].
    ///
    /// # Panics
    ///
    /// As [`Self::replay`].
    pub fn replay_with(
        journal: &Journal,
        files: impl Files + 'static,
        streams: MemoryStreams,
        job: impl Fn(&mut Topology) -> Result<()> + Send + Sync + 'static,
    ) -> Result<SimReport> {
        let config = JobConfig {
            workers: journal.workers.len(),
            ring_page_bytes: Some(journal.page_bytes),
            ..JobConfig::default()
        };
        let files: Rc<dyn Files> = Rc::new(files);
        let clock = Rc::new(VirtualClock::default());
        clock.0.set(1);
        let (shared, mut workers) =
            make_workers(config, Arc::new(job), &files, Arc::new(streams), &clock)?;
        if !shared.plan.gone.is_empty() {
            let refuse = |name: &String| BuildError::NotReplayable { operator: name.clone() };
            return Err(JobError::Build(shared.plan.gone.iter().map(refuse).collect()));
        }
        for (worker, found) in workers.iter_mut().zip(&journal.found) {
            worker.set_found(found.clone());
        }
        let mut left: Vec<VecDeque<Decision>> =
            journal.workers.iter().map(|decisions| decisions.iter().copied().collect()).collect();
        let mut idle_rounds = 0;
        while left.iter().any(|decisions| !decisions.is_empty()) {
            let mut progress = false;
            // What waits for the world, such as a sink, is asked again later.
            clock.0.set(clock.0.get() + 1_000);
            // Also those that have nothing left to decide: others wait for their last pages.
            workers.iter_mut().for_each(Worker::drain);
            for (worker, decisions) in workers.iter_mut().zip(&mut left) {
                while let Some(decision) = decisions.front().copied() {
                    if !worker.can_replay(decision) {
                        break;
                    }
                    decisions.pop_front();
                    worker.replay(decision)?;
                    if let Decision::Clock(now_ns) = decision {
                        clock.0.set(clock.0.get().max(now_ns));
                    }
                    progress = true;
                }
            }
            let waiting: Vec<_> = left.iter().map(|decisions| decisions.front()).collect();
            idle_rounds = if progress { 0 } else { idle_rounds + 1 };
            assert!(
                idle_rounds < ROUNDS_TO_WAIT,
                "the recorded decisions wait for each other: the journal is not whole: {waiting:?}"
            );
        }
        Ok(finish(workers, &shared, clock.now_ns()))
    }
}

/// Rounds of a replay without progress, for what waits for memory streams that are slow on purpose.
const ROUNDS_TO_WAIT: u32 = 100_000;

fn make_workers(
    config: JobConfig,
    job: SharedJob,
    files: &Rc<dyn Files>,
    streams: Arc<dyn Streams>,
    clock: &Rc<VirtualClock>,
) -> Result<(Shared, Vec<Worker>)> {
    let plan = build::plan(&*job, &config, Rc::clone(files), streams)?;
    let idle = IdlePolicy { spin_only: true, ..IdlePolicy::default() };
    let (shared, seats) = Shared::new(plan, config, job, idle, true);
    let workers = seats.into_iter().map(|seat| {
        shared.worker(seat.worker, seat.ends, Rc::clone(clock) as Rc<dyn Clock>, Rc::clone(files))
    });
    let workers = workers.collect::<Result<Vec<_>>>()?;
    Ok((shared, workers))
}

/// Flushes one task that has open pages; false if none has.
fn flush_one(worker: &mut Worker, random: &mut Random) -> Result<bool> {
    let open = worker.unflushed();
    if open.is_empty() {
        return Ok(false);
    }
    let task = open[random.below(open.len())];
    worker.step(Decision::Flush(task))?;
    Ok(true)
}

fn finish(workers: Vec<Worker>, shared: &Shared, elapsed_ns: u64) -> SimReport {
    let ends: Vec<_> = workers.into_iter().map(Worker::into_parts).collect();
    let mut journal = Journal { page_bytes: shared.config.page_bytes, ..Journal::default() };
    let mut operators = Vec::new();
    for end in ends {
        operators.push(end.operators);
        journal.workers.push(end.journal);
        journal.found.push(end.found);
    }
    let elapsed = std::time::Duration::from_nanos(elapsed_ns);
    SimReport { report: JobReport::new("simulated".into(), "sim", elapsed, operators), journal }
}
