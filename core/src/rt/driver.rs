//! What all drivers share: the parts of a job that its workers have in common, and a worker's seat on a core.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use thalweg_storage::RestoredParts;

use super::ends::{Ends, Leave};
use super::files::SystemFiles;
use super::reports::Reports;
use super::streams::SystemStreams;
use crate::api::{Topology, build};
use crate::checkpoint::Restored;
use crate::config::JobConfig;
use crate::error::{JobError, Result, error_chain};
use crate::exchange::host::{HostPorts, Outcome, PortConfig};
use crate::exchange::mesh::{AnyEnds, MeshConfig};
use crate::io::{Files, Streams};
use crate::metrics::{CheckpointCell, Ending, Metrics};
use crate::plan::Plan;
use crate::raw::doorbell::Ringer;
use crate::runtime::epochs::EpochWish;
use crate::runtime::stop::StopRequest;
use crate::runtime::worker::{Worker, panic_message};
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

/// What a job is started with.
pub(crate) struct JobParts {
    pub(crate) plan: Plan,
    pub(crate) config: JobConfig,
    pub(crate) job: SharedJob,
    pub(crate) record: bool,
    /// The checkpoint that it goes on from.
    pub(crate) from: Option<From>,
    /// Where workers say how far their checkpoints are.
    pub(crate) reports: Reports,
    /// Where it stands what became of checkpoints.
    pub(crate) checkpoints: CheckpointCell,
}

/// A checkpoint that a job goes on from, and the state of each worker in it.
pub(crate) struct From {
    pub(crate) restored: Arc<Restored>,
    pub(crate) states: Vec<RestoredParts>,
}

/// Everything that a job's workers and its handle share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) plan: Arc<Plan>,
    pub(crate) config: Arc<JobConfig>,
    pub(crate) job: SharedJob,
    pub(crate) metrics: Metrics,
    pub(crate) record: bool,
    /// Set when a worker has failed or the job is cancelled; every worker looks at it once a turn.
    pub(crate) stop: Arc<AtomicBool>,
    /// Set when the job is asked to end in order; every worker looks at it once a turn.
    pub(crate) stop_request: StopRequest,
    /// What is wished of checkpoints; every worker looks at it once a turn.
    pub(crate) epoch_wish: Arc<EpochWish>,
    pub(crate) reports: Reports,
    pub(crate) checkpoints: CheckpointCell,
    restored: Option<Arc<Restored>>,
    /// The first error.
    pub(crate) failure: Arc<Mutex<Option<JobError>>>,
    /// Which workers have ended, and with what.
    pub(crate) ends: Arc<Ends>,
    /// How it ends, for the handles of its inputs and outputs.
    pub(crate) outcome: Arc<Outcome>,
    ringers: Arc<[Ringer]>,
}

/// A worker's place on a core, on its way there.
pub(crate) struct Seat {
    pub(crate) worker: usize,
    pub(crate) ends: VecDeque<AnyEnds>,
    pub(crate) ports: VecDeque<AnyEnds>,
    /// What a checkpoint gives its worker.
    pub(crate) state: RestoredParts,
    pub(crate) shared: Shared,
    /// Says that the worker has ended, when it is dropped.
    pub(crate) leave: Leave,
}

impl Shared {
    /// Makes rings and metrics for a plan; one seat for each worker, whose cores are woken by `ringers`.
    ///
    /// `claim` is dropped when the last seat is.
    pub(crate) fn new(
        parts: JobParts,
        ringers: Arc<[Ringer]>,
        claim: &Arc<dyn Any + Send + Sync>,
    ) -> (Self, Vec<Seat>, HostPorts) {
        let JobParts { plan, config, job, record, from, reports, checkpoints } = parts;
        let (restored, states) = from.map(|from| (from.restored, from.states)).unzip();
        let mut states = states.unwrap_or_default().into_iter();
        let workers = config.workers;
        let patterns = plan.graph.edges.iter().map(|edge| edge.pattern);
        let input_ring = config.input_ring();
        let config =
            config.with_ring_sizes(patterns.map(|pattern| pattern.rings_into_one(workers)).sum());
        let ends = make_ends(&plan, &config, &ringers);
        let outcome = Arc::<Outcome>::default();
        let (ports, host) = make_ports(&plan, &config, input_ring, &ringers, &outcome);
        let metrics = Metrics::of(plan.shape(workers), workers);
        let metrics = metrics.with_checkpoints(checkpoints.clone());
        let shared = Self {
            plan: Arc::new(plan),
            config: Arc::new(config),
            job,
            metrics,
            record,
            stop: Arc::default(),
            stop_request: StopRequest::default(),
            epoch_wish: Arc::default(),
            restored,
            failure: Arc::default(),
            ends: Arc::new(Ends::new(workers, Arc::clone(&outcome), reports.clone())),
            reports,
            checkpoints,
            outcome,
            ringers,
        };
        let seat = |(worker, (ends, ports))| {
            let leave = Leave::new(worker, Arc::clone(&shared.ends), Arc::clone(claim));
            let state = states.next().unwrap_or_default();
            Seat { worker, ends, ports, state, shared: shared.clone(), leave }
        };
        let seats = ends.into_iter().zip(ports).enumerate().map(seat).collect();
        (shared, seats, host)
    }

    /// Builds one worker, on the thread that will turn it.
    pub(crate) fn worker(
        &self,
        worker: usize,
        (ends, ports, state): (VecDeque<AnyEnds>, VecDeque<AnyEnds>, RestoredParts),
        clock: Rc<dyn Clock>,
        files: Rc<dyn Files>,
    ) -> Result<Worker> {
        let splits = self.plan.splits.iter().cloned().collect();
        let streams = Arc::clone(&self.plan.streams);
        let (record, own_clock) = (self.record, Rc::clone(&clock));
        let parts = crate::api::WorkerParts {
            worker,
            ends,
            splits,
            ports,
            record,
            streams,
            clock: own_clock,
            ringer: self.ringers[worker].clone(),
            restored: self.restored.clone(),
            state,
        };
        let (tasks, store) = build::tasks(&*self.job, &self.config, files, parts)?;
        let cells = self.metrics.worker(worker);
        let worker = Worker::new(worker, tasks, clock, &self.config, cells, self.record);
        let mut worker = worker.with_store(store);
        if self.config.checkpoints {
            worker = worker.with_checkpoints();
        }
        if let Some(restored) = &self.restored {
            worker.resume(restored)?;
        }
        Ok(worker)
    }

    /// Keeps the first error and stops all workers.
    pub(crate) fn fail(&self, error: JobError) {
        self.outcome.fail(error_chain(&error));
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        self.stop();
    }

    /// Looks at the first error.
    pub(crate) fn with_failure<R>(&self, look: impl FnOnce(Option<&JobError>) -> R) -> R {
        look(self.failure.lock().unwrap_or_else(PoisonError::into_inner).as_ref())
    }

    /// Puts another error in the place of the first one: of an attempt to start the job again.
    pub(crate) fn replace_failure(&self, error: JobError) {
        self.outcome.fail(error_chain(&error));
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    /// Wakes all workers.
    pub(crate) fn ring(&self) {
        self.ringers.iter().for_each(Ringer::ring);
    }

    /// Asks all workers to stop at the end of their turn.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.ringers.iter().for_each(Ringer::ring);
    }

    /// Asks all workers to end in order.
    pub(crate) fn ask_to_end(&self, ending: Ending) {
        self.stop_request.ask(ending);
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

/// The ends of every port to the host, dealt to the workers, and the host's.
fn make_ports(
    plan: &Plan,
    config: &JobConfig,
    (input_pages, input_page_bytes): (usize, usize),
    ringers: &[Ringer],
    outcome: &Arc<Outcome>,
) -> (Vec<VecDeque<AnyEnds>>, HostPorts) {
    let config = PortConfig {
        workers: config.workers,
        input_pages,
        input_page_bytes,
        ring_pages: config.ring_pages.expect("invariant: sizes are derived before rings are made"),
        page_bytes: config.page_bytes,
        ringers,
        outcome,
    };
    let mut ends: Vec<VecDeque<AnyEnds>> = (0..config.workers).map(|_| VecDeque::new()).collect();
    let mut host = HostPorts::default();
    for maker in &plan.ports {
        let made = maker(&config);
        host.0.push(made.host);
        for (worker, end) in made.workers.into_iter().enumerate() {
            ends[worker].push_back(end);
        }
    }
    (ends, host)
}

/// Calls `run`; a panic in it, of the job's function or of the engine, is an error like another, so that the job's other workers stop too
/// and other jobs do not notice.
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
