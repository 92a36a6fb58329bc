//! The engine: owns its cores, and runs any number of jobs on them side by side.
//!
//! # Invariants
//!
//! 1. An engine has the threads of its cores, and one for each job that takes checkpoints or is started again when it fails. The former are started with the first job
//!    and joined when the engine stops; the latter end with their jobs. It installs no signal handler, writes nothing to the standard streams and keeps nothing in globals.
//! 2. Names of jobs that run differ; a name is free again when the job has ended.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use thalweg_storage::TableName;

use super::deploy::deploy;
use super::job::JobHandle;
use super::registry::Registry;
use super::{Checkpoints, InlineEngine, Restart};
use crate::api::{Topology, build};
use crate::config::JobConfig;
use crate::error::{BuildError, JobError, Result};
use crate::metrics::JobReport;
use crate::plan::Plan;
use crate::rt::driver::{IdlePolicy, SharedJob, system_files, system_streams};
use crate::rt::{CoreSettings, Cores, Driver};

/// Settings of an engine; made by [`Engine::builder`].
#[derive(Debug, Clone)]
pub struct EngineBuilder {
    pub(super) config: JobConfig,
    cores: Vec<usize>,
    driver: Driver,
    pub(super) idle: IdlePolicy,
    pub(super) record: bool,
    pub(super) checkpoints: Option<Checkpoints>,
    pub(super) restart: Restart,
    pub(super) restore_from: Option<PathBuf>,
    pub(super) retired: BTreeSet<TableName>,
}

impl EngineBuilder {
    /// Cores of the engine, each a thread with a worker of every job. Default 1.
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

    /// How many keys the stateful operator `operator` will have, on all workers together; of a windowed one, in one window. Default: not known.
    ///
    /// Its index is then made for so many at the start, in populated memory, and need not grow until there are more. With
    /// it and [`Self::state_reserve_bytes`] a new key costs about as much as any other record; without, an index of
    /// millions of keys grows beside the records, with pauses of up to 10 ms where the system gives memory slowly.
    /// A job without an operator of that name is refused.
    ///
    /// Cost: 9 to 24 bytes a key, and the time to populate them.
    pub fn expected_keys(mut self, operator: impl Into<String>, keys: usize) -> Self {
        self.config.expected_keys.insert(operator.into(), keys);
        self
    }

    /// Memory to have ready, populated, for the entries of keyed state, bytes, shared evenly by the workers. Default 0.
    ///
    /// An entry is 16 bytes, key and value, each rounded up to 8, all of it to 16: 32 bytes for a key and a value of 8 bytes each.
    pub fn state_reserve_bytes(mut self, bytes: usize) -> Self {
        self.config.state_reserve_bytes = bytes;
        self
    }

    /// The memory that the state of each worker may hold, bytes, indexes included; 0, the default, is whatever it needs.
    ///
    /// Beyond it what the last checkpoint has made durable, the oldest of it first, is read from the checkpoint's files; keys that are written to come back to memory. So it does nothing without
    /// [checkpoints](Self::checkpoints), and is passed by what is written between two of them. An index, 9 to 24 bytes a key, cannot be let go of.
    #[must_use]
    pub fn state_resident_bytes(mut self, bytes: usize) -> Self {
        self.config.state_resident_bytes = bytes;
        self
    }

    /// Whether jobs publish counters while they run and measure latencies and times. Default true; it costs below 2 %. The counts of the
    /// report are there either way.
    pub fn measure(mut self, measure: bool) -> Self {
        self.config.measure = measure;
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

    /// Jobs take checkpoints, and go on from their newest one when they are started. Default: they do not, and their state is lost with them.
    ///
    /// A job with checkpoints has a thread more, which is not pinned, writes them, and sleeps in between.
    pub fn checkpoints(mut self, checkpoints: Checkpoints) -> Self {
        self.checkpoints = Some(checkpoints);
        self
    }

    /// What becomes of a job that fails. Default: [`Restart::none`].
    ///
    /// Handles of inputs and outputs belong to one run: after a restart there are new ones ([`JobHandle::input`]), and what was sent and not yet part of a
    /// checkpoint is gone.
    pub fn restart(mut self, restart: Restart) -> Self {
        self.restart = restart;
        self
    }

    /// A job that has no checkpoint of its own yet goes on from this [savepoint](JobHandle::savepoint), or from the newest checkpoint in this folder, such as a copy of another job's. Its state
    /// is copied to where the job's own checkpoints are, so it needs [`Self::checkpoints`]; the folder is only read.
    ///
    /// It may be said each time: a job that has taken a checkpoint goes on from that one. A savepoint that was cut short is refused, as is state that the job does not ask for, unless it
    /// is [retired](Self::retire); operators that the savepoint does not know begin with nothing.
    pub fn restore_from(mut self, folder: impl Into<PathBuf>) -> Self {
        self.restore_from = Some(folder.into());
        self
    }

    /// State `state` of operator `operator` in the checkpoint is to go; for a source that is gone, `"positions"`. A job is refused whose checkpoint has state that it
    /// does not ask for, unless that is said here.
    pub fn retire(mut self, operator: &str, state: &str) -> Self {
        self.retired.insert(TableName::new(operator, state));
        self
    }

    pub(super) fn check(&self) -> Result<()> {
        if let Some(checkpoints) = &self.checkpoints {
            return Ok(checkpoints.check()?);
        }
        match &self.restore_from {
            None => Ok(()),
            Some(_) => {
                let message = "say where the job's own checkpoints go, with checkpoints()".into();
                Err(BuildError::Setting { name: "restore_from".into(), message }.into())
            }
        }
    }

    /// The engine. Its threads are started with its first job.
    pub fn build(self) -> Engine {
        let inner = Inner { settings: self, jobs: Arc::default(), cores: Mutex::new(State::New) };
        Engine { inner: Arc::new(inner) }
    }

    /// An engine without threads: jobs are turned by the thread that calls it.
    ///
    /// # Errors
    ///
    /// [`JobError::Build`] if more than one worker was asked for.
    pub fn build_inline(self) -> Result<InlineEngine> {
        InlineEngine::new(self)
    }

    fn core_settings(&self) -> CoreSettings {
        CoreSettings {
            driver: self.driver,
            workers: self.config.workers,
            pins: self.cores.clone(),
            idle: self.idle,
        }
    }
}

/// Runs jobs, any number side by side, on the cores it was given.
///
/// Clones are one engine. When the last is dropped, or by [`Engine::shutdown`], the jobs that still run are cancelled and the threads joined; the handles of
/// the jobs stay and say so.
///
/// ```
/// use thalweg::prelude::*;
///
/// let engine = Engine::builder().workers(2).build();
/// let doubled = Collected::new();
/// let sink = doubled.clone();
/// let first = engine.deploy("doubled", move |t| {
///     t.source("numbers", Items::of(vec![1u64, 2, 3]))
///         .without_event_time()
///         .map(|n| n.to_native() * 2)
///         .sink("doubled", sink.sink());
///     Ok(())
/// })?;
/// let second = engine.deploy("dropped", |t| {
///     t.source("numbers", Items::of(vec![4u64])).without_event_time().sink("nowhere", Blackhole);
///     Ok(())
/// })?;
/// first.join()?;
/// second.join()?;
/// assert_eq!(doubled.take(), [2, 4, 6]);
/// # Ok::<(), JobError>(())
/// ```
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    settings: EngineBuilder,
    jobs: Arc<Registry>,
    cores: Mutex<State>,
}

/// What became of the cores.
enum State {
    /// No job has come yet.
    New,
    Running(Cores),
    Stopped,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("settings", &self.inner.settings).finish_non_exhaustive()
    }
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
            checkpoints: None,
            restart: Restart::none(),
            restore_from: None,
            retired: BTreeSet::new(),
        }
    }

    /// Checks a job without running it.
    ///
    /// # Errors
    ///
    /// [`JobError::Build`] with everything that is wrong.
    pub fn plan(&self, job: impl Fn(&mut Topology) -> Result<()> + 'static) -> Result<Plan> {
        let config = &self.inner.settings.config;
        Ok(build::plan(&job, config, system_files(), system_streams(), None)?.plan)
    }

    /// Runs a job to its end.
    ///
    /// # Errors
    ///
    /// As [`Self::deploy`], or with the job's first failure.
    pub fn run(
        &self,
        name: &str,
        job: impl Fn(&mut Topology) -> Result<()> + Send + Sync + 'static,
    ) -> Result<JobReport> {
        self.deploy(name, job)?.join()
    }

    /// As [`Self::deploy`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn start(
        &self,
        name: &str,
        job: impl Fn(&mut Topology) -> Result<()> + Send + Sync + 'static,
    ) -> Result<JobHandle> {
        self.deploy(name, job)
    }

    /// Starts a job beside those that run, and returns at once. It gets a worker on every core, and lives until its sources end, it
    /// fails or is cancelled, or the engine stops, whether its handle is kept or not.
    ///
    /// Cost: builds the job once here and once on each core; allocates its rings. Other jobs wait while their cores build, some 100 us.
    ///
    /// # Errors
    ///
    /// [`JobError::Build`] if it cannot be built, [`JobError::Lock`] if another process has its state, [`JobError::Restore`] if there is state that cannot be read,
    /// [`JobError::NameInUse`] if a job of that name runs, [`JobError::Worker`] if the engine's threads
    /// cannot be started, [`JobError::EngineStopped`] after [`Self::shutdown`].
    pub fn deploy(
        &self,
        name: &str,
        job: impl Fn(&mut Topology) -> Result<()> + Send + Sync + 'static,
    ) -> Result<JobHandle> {
        let Inner { settings, jobs, cores } = &*self.inner;
        let job: SharedJob = Arc::new(job);
        settings.check()?;
        // Held until the seats are on their way: a shutdown comes before or after, not in between.
        let mut cores = cores.lock().unwrap_or_else(PoisonError::into_inner);
        let cores = cores.running(settings)?;
        let to = (Arc::clone(cores.ringers()), cores.seating());
        let life = deploy(name, job, settings, jobs, to)?;
        Ok(JobHandle::new(name, life, cores.driver()))
    }

    /// The names of the jobs that run.
    pub fn jobs(&self) -> Vec<String> {
        self.inner.jobs.names()
    }

    /// Cancels all jobs, waits until their workers have ended, and joins the threads. Further jobs are refused.
    ///
    /// Called by a thread of the engine itself, from an operator, it does not wait for that thread.
    pub fn shutdown(&self) {
        self.inner.shutdown();
    }
}

impl State {
    fn running(&mut self, settings: &EngineBuilder) -> Result<&Cores> {
        if let Self::New = self {
            *self = Self::Running(Cores::start(&settings.core_settings())?);
        }
        match self {
            Self::Running(cores) => Ok(cores),
            Self::New | Self::Stopped => Err(JobError::EngineStopped),
        }
    }
}

impl Inner {
    fn shutdown(&self) {
        let cores = {
            let mut cores = self.cores.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *cores, State::Stopped)
        };
        self.jobs.cancel_all();
        if let State::Running(mut cores) = cores {
            cores.stop();
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shutdown();
    }
}
