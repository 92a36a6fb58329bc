//! What all drivers share: build the workers' parts, and the loop that turns one worker.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::clock::{Monotonic, now_ns};
use super::files::SystemFiles;
use super::parker::CondvarPark;
use super::streams::SystemStreams;
use crate::api::{Topology, build};
use crate::config::JobConfig;
use crate::error::{JobError, Result};
use crate::exchange::mesh::{AnyEnds, MeshConfig};
use crate::io::{Files, Streams};
use crate::metrics::Metrics;
use crate::plan::Plan;
use crate::raw::doorbell::{Doorbell, Ringer};
use crate::runtime::Decision;
use crate::runtime::worker::{Turn, Worker, WorkerEnd, panic_message};
use crate::time::Clock;

/// A job's function, shared by the threads that build workers from it.
pub(crate) type SharedJob = Arc<dyn Fn(&mut Topology) -> Result<()> + Send + Sync>;

/// How long workers spin and sleep.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IdlePolicy {
    /// Never sleep.
    pub(crate) spin_only: bool,
    /// Spin for this long before sleeping.
    pub(crate) spin: Duration,
    /// With a source that found nothing, look again after this long; nobody rings for a source.
    pub(crate) poll_interval: Duration,
}

impl Default for IdlePolicy {
    fn default() -> Self {
        Self {
            spin_only: false,
            spin: Duration::from_micros(50),
            poll_interval: Duration::from_micros(500),
        }
    }
}

/// Everything that a job's threads share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) plan: Arc<Plan>,
    pub(crate) config: Arc<JobConfig>,
    pub(crate) job: SharedJob,
    pub(crate) metrics: Metrics,
    pub(crate) idle: IdlePolicy,
    pub(crate) record: bool,
    /// Set when a worker has failed or the job is cancelled; every worker looks at it once a turn.
    pub(crate) stop: Arc<AtomicBool>,
    /// The first error.
    pub(crate) failure: Arc<Mutex<Option<JobError>>>,
    ringers: Arc<[Ringer]>,
}

/// What one worker's thread starts with.
pub(crate) struct Seat {
    pub(crate) worker: usize,
    pub(crate) ends: VecDeque<AnyEnds>,
    pub(crate) doorbell: Doorbell,
}

impl Shared {
    /// Makes rings, doorbells and metrics for a plan; one seat for each worker.
    pub(crate) fn new(
        plan: Plan,
        config: JobConfig,
        job: SharedJob,
        idle: IdlePolicy,
        record: bool,
    ) -> (Self, Vec<Seat>) {
        let workers = config.workers;
        let patterns = plan.graph.edges.iter().map(|edge| edge.pattern);
        let config =
            config.with_ring_sizes(patterns.map(|pattern| pattern.rings_into_one(workers)).sum());
        let doorbells: Vec<Doorbell> = (0..workers)
            .map(|_| match idle.spin_only {
                true => Doorbell::spinning(),
                false => Doorbell::new(CondvarPark::default()),
            })
            .collect();
        let ringers: Arc<[Ringer]> = doorbells.iter().map(Doorbell::ringer).collect();
        let ends = make_ends(&plan, &config, &ringers);
        let names = plan.graph.nodes.iter().map(|node| node.name.clone());
        let metrics = Metrics::new(names, workers);
        let shared = Self {
            plan: Arc::new(plan),
            config: Arc::new(config),
            job,
            metrics,
            idle,
            record,
            stop: Arc::default(),
            failure: Arc::default(),
            ringers,
        };
        let seat = |(worker, (ends, doorbell))| Seat { worker, ends, doorbell };
        let seats = ends.into_iter().zip(doorbells).enumerate().map(seat).collect();
        (shared, seats)
    }

    /// Builds one worker, on the thread that will turn it.
    pub(crate) fn worker(
        &self,
        worker: usize,
        ends: VecDeque<AnyEnds>,
        clock: Rc<dyn Clock>,
        files: Rc<dyn Files>,
    ) -> Result<Worker> {
        let splits = self.plan.splits.iter().cloned().collect();
        let streams = Arc::clone(&self.plan.streams);
        let parts =
            crate::api::WorkerParts { worker, ends, splits, streams, clock: Rc::clone(&clock) };
        let tasks = build::tasks(&*self.job, &self.config, files, parts)?;
        let cells = self.metrics.worker(worker);
        Ok(Worker::new(worker, tasks, clock, &self.config, cells, self.record))
    }

    /// Keeps the first error and stops all workers.
    pub(crate) fn fail(&self, error: JobError) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        self.stop();
    }

    /// Asks all workers to stop at the end of their turn.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.ringers.iter().for_each(Ringer::ring);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// The ends of every edge, dealt to the workers.
pub(crate) fn make_ends(
    plan: &Plan,
    config: &JobConfig,
    ringers: &[Ringer],
) -> Vec<VecDeque<AnyEnds>> {
    let mesh = MeshConfig {
        workers: config.workers,
        ring_pages: config.ring_pages.expect("invariant: sizes are derived before rings are made"),
        page_bytes: config.page_bytes,
        ringers,
    };
    let mut ends: Vec<VecDeque<AnyEnds>> = (0..config.workers).map(|_| VecDeque::new()).collect();
    for (maker, edge) in plan.makers.iter().zip(&plan.graph.edges) {
        for (worker, end) in maker(edge.pattern, &mesh).into_iter().enumerate() {
            ends[worker].push_back(end);
        }
    }
    ends
}

/// What the loop wants from its surroundings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Turn again.
    Again,
    /// All tasks have finished, or the job was stopped.
    Ended,
}

/// Turns one worker: step until dry, spin briefly, park.
pub(crate) struct Loop {
    worker: Worker,
    doorbell: Doorbell,
    shared: Shared,
    turns: u32,
    clock_ns: u64,
    dry_since_ns: Option<u64>,
}

/// Turns between two looks at the clock and two publications of the counters: some microseconds each, so some hundred together.
const TURNS_BETWEEN_CLOCKS: u32 = 64;
/// The decided clock moves in steps of at least this, so that a recording is not full of clocks.
const CLOCK_STEP_NS: u64 = 1_000_000;

impl Loop {
    pub(crate) fn new(seat: Seat, shared: Shared, files: Rc<dyn Files>) -> Result<Self> {
        let Seat { worker, ends, doorbell } = seat;
        let worker = shared.worker(worker, ends, Rc::new(Monotonic), files)?;
        Ok(Self { worker, doorbell, shared, turns: 0, clock_ns: 0, dry_since_ns: None })
    }

    /// One turn over all tasks; sleeps if there was nothing to do for a while and `may_sleep`.
    pub(crate) fn turn(&mut self, may_sleep: bool) -> Result<Next> {
        if self.shared.is_stopped() {
            return Ok(Next::Ended);
        }
        if self.turns == 0 {
            self.look_at_clock()?;
        }
        self.turns = (self.turns + 1) % TURNS_BETWEEN_CLOCKS;
        match self.worker.turn()? {
            Turn::Busy => {
                self.dry_since_ns = None;
                Ok(Next::Again)
            }
            Turn::Finished => Ok(Next::Ended),
            Turn::Dry => {
                self.rest(may_sleep)?;
                Ok(Next::Again)
            }
        }
    }

    fn look_at_clock(&mut self) -> Result<()> {
        let now_ns = now_ns();
        if now_ns - self.clock_ns >= CLOCK_STEP_NS {
            self.clock_ns = now_ns;
            self.worker.step(Decision::Clock(now_ns))?;
            self.worker.publish_metrics();
        }
        Ok(())
    }

    /// Nothing to do: spins, and after a while sleeps until a doorbell rings or a source is due.
    fn rest(&mut self, may_sleep: bool) -> Result<()> {
        self.turns = 0;
        if !may_sleep || !self.doorbell.can_sleep() {
            std::hint::spin_loop();
            return Ok(());
        }
        let now_ns = now_ns();
        let since_ns = *self.dry_since_ns.get_or_insert(now_ns);
        if Duration::from_nanos(now_ns - since_ns) < self.shared.idle.spin {
            std::hint::spin_loop();
            return Ok(());
        }
        self.worker.publish_metrics();
        self.doorbell.prepare_sleep();
        // Rings are read again after the announcement, or a page could be missed (see `raw::doorbell`).
        if self.worker.has_pages() || self.shared.is_stopped() {
            self.doorbell.cancel();
            return Ok(());
        }
        let timeout = match self.worker.has_sources() {
            true => self.shared.idle.poll_interval,
            false => LONGEST_SLEEP,
        };
        self.doorbell.sleep(Some(timeout));
        Ok(())
    }

    /// What is left of the worker.
    pub(crate) fn end(self) -> WorkerEnd {
        self.worker.into_parts()
    }
}

/// A sleeping worker looks around this often even if nobody rings: pages of its own that wait for room are not rung for.
const LONGEST_SLEEP: Duration = Duration::from_millis(50);

/// Calls `run`; a panic in it, of the job's function or of the engine, is an error like another, so that the other workers stop too.
pub(crate) fn guarded<R>(worker: usize, run: impl FnOnce() -> Result<R>) -> Result<R> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|payload| {
        let operator = format!("worker {worker}");
        Err(JobError::Panic { operator, message: panic_message(&*payload) })
    })
}

/// Access to sockets for one job.
pub(crate) fn system_streams() -> Arc<dyn Streams> {
    Arc::new(SystemStreams::default())
}

/// Access to files for a driver that has nothing better.
pub(crate) fn system_files() -> Rc<dyn Files> {
    Rc::new(SystemFiles)
}
