//! The engine: runs jobs on the cores it is given.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use crate::api::{Topology, build};
use crate::config::JobConfig;
use crate::error::{JobError, Result};
use crate::metrics::{JobReport, Snapshot};
use crate::plan::Plan;
use crate::rt::driver::{IdlePolicy, Shared, SharedJob, system_files, system_streams};
use crate::rt::{Driver, WorkerThread, now_ns, start_workers};
use crate::runtime::Journal;

/// Settings of an engine; made by [`Engine::builder`].
#[derive(Debug, Clone)]
pub struct EngineBuilder {
    config: JobConfig,
    cores: Vec<usize>,
    driver: Driver,
    idle: IdlePolicy,
    record: bool,
}

impl EngineBuilder {
    /// Workers, each a thread with a share of every job's keys. Default 1.
    pub fn workers(mut self, workers: usize) -> Self {
        self.config.workers = workers;
        self
    }

    /// Pins worker `n` to the n-th of these cores, and makes as many workers. Default: nothing is pinned.
    pub fn cores(mut self, cores: impl IntoIterator<Item = usize>) -> Self {
        self.cores = cores.into_iter().collect();
        self.config.workers = self.cores.len();
        self
    }

    /// What turns the workers. Default: [`Driver::Auto`].
    pub fn driver(mut self, driver: Driver) -> Self {
        self.driver = driver;
        self
    }

    /// Records that a poll gives at most, and elements of a page that a step reads at most. Default 256.
    pub fn batch_records(mut self, records: u32) -> Self {
        self.config.batch_records = records;
        self
    }

    /// Pages of each ring. Default: derived from the number of rings.
    pub fn ring_pages(mut self, pages: usize) -> Self {
        self.config.ring_pages = Some(pages);
        self
    }

    /// Bytes of a page, a multiple of 64. Default: derived from the number of rings, 8 KiB if they are few.
    pub fn page_bytes(mut self, bytes: usize) -> Self {
        self.config.ring_page_bytes = Some(bytes);
        self
    }

    /// Results of a long firing that one step sends at most. Default 512.
    pub fn slice_records(mut self, records: u32) -> Self {
        self.config.slice_records = records;
        self
    }

    /// Workers never sleep: the lowest latency, for a core each.
    pub fn spin(mut self) -> Self {
        self.idle.spin_only = true;
        self
    }

    /// Keeps the decisions of each run, to be replayed on the simulator.
    pub fn record_decisions(mut self) -> Self {
        self.record = true;
        self
    }

    /// The engine.
    pub fn build(self) -> Engine {
        Engine { settings: self }
    }
}

/// Runs jobs.
#[derive(Debug, Clone)]
pub struct Engine {
    settings: EngineBuilder,
}

impl Engine {
    /// An engine with one worker, unpinned, until it is told otherwise.
    pub fn builder() -> EngineBuilder {
        EngineBuilder {
            config: JobConfig::default(),
            cores: Vec::new(),
            driver: Driver::default(),
            idle: IdlePolicy::default(),
            record: false,
        }
    }

    /// Checks a job without running it.
    ///
    /// # Errors
    ///
    /// [`JobError::Build`] with everything that is wrong.
    pub fn plan(&self, job: impl Fn(&mut Topology) -> Result<()> + 'static) -> Result<Plan> {
        build::plan(&job, &self.settings.config, system_files(), system_streams())
    }

    /// Runs a job to its end.
    ///
    /// # Errors
    ///
    /// If it cannot be built, or when its first operator fails.
    pub fn run(
        &self,
        name: &str,
        job: impl Fn(&mut Topology) -> Result<()> + Send + Sync + 'static,
    ) -> Result<JobReport> {
        self.start(name, job)?.join()
    }

    /// Starts a job and returns at once.
    ///
    /// # Errors
    ///
    /// If it cannot be built.
    pub fn start(
        &self,
        name: &str,
        job: impl Fn(&mut Topology) -> Result<()> + Send + Sync + 'static,
    ) -> Result<JobHandle> {
        let EngineBuilder { config, cores, driver, idle, record } = self.settings.clone();
        let job: SharedJob = Arc::new(job);
        let plan = build::plan(&*job, &config, system_files(), system_streams())?;
        let (shared, seats) = Shared::new(plan, config, job, idle, record);
        let started_ns = now_ns();
        let (driver, threads) = start_workers(driver, &shared, seats, &cores)?;
        Ok(JobHandle { name: name.to_owned(), shared, threads, driver, started_ns })
    }
}

/// A job that runs.
#[must_use = "join the job to learn how it ended"]
pub struct JobHandle {
    name: String,
    shared: Shared,
    threads: Vec<WorkerThread>,
    driver: &'static str,
    started_ns: u64,
}

impl std::fmt::Debug for JobHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JobHandle").field("name", &self.name).finish_non_exhaustive()
    }
}

impl JobHandle {
    /// The counters as they were a moment ago; takes no lock and disturbs nobody.
    pub fn snapshot(&self) -> Snapshot {
        self.shared.metrics.snapshot()
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.shared.plan
    }

    /// Time since the start.
    pub fn elapsed(&self) -> Duration {
        Duration::from_nanos(now_ns() - self.started_ns)
    }

    /// True if every worker has ended, well or not.
    pub fn is_ended(&self) -> bool {
        self.threads.iter().all(WorkerThread::is_finished)
    }

    /// Stops the workers at the end of their turn; [`Self::join`] then says [`JobError::Cancelled`].
    pub fn cancel(&self) {
        self.shared.fail(JobError::Cancelled);
    }

    /// Waits for the end.
    ///
    /// # Errors
    ///
    /// The first error of any worker.
    pub fn join(self) -> Result<JobReport> {
        Ok(self.join_recorded()?.0)
    }

    /// Waits for the end; with the decisions, if they were recorded.
    ///
    /// # Errors
    ///
    /// The first error of any worker.
    pub fn join_recorded(self) -> Result<(JobReport, Journal)> {
        let Self { name, shared, threads, driver, started_ns } = self;
        let ends: Vec<_> = threads.into_iter().map(WorkerThread::join).collect();
        if let Some(error) = shared.failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Err(error);
        }
        let elapsed = Duration::from_nanos(now_ns() - started_ns);
        let mut operators = Vec::with_capacity(ends.len());
        let mut journal = Journal { page_bytes: shared.config.page_bytes, ..Journal::default() };
        for end in ends {
            let end = end.expect("invariant: a worker without an error has an end");
            operators.push(end.operators);
            journal.workers.push(end.journal);
            journal.found.push(end.found);
        }
        Ok((JobReport::new(name, driver, elapsed, operators), journal))
    }
}
