//! The simulator: one thread steps all workers of a job in a seeded order, under virtual time.
//!
//! Every decision that a driver takes from its surroundings (which worker, which task, which lane, how many records, flush or not, what time it is) is drawn
//! from the seed, so one seed is one run, exactly; and ring sizes, page sizes and batch sizes are drawn as well. What holds over
//! thousands of seeds holds for the schedules that threads will produce.
//!
//! It also replays: decisions recorded on any driver are taken again, each worker's in its order, and give the same outputs bit for bit.

mod checkpoints;
mod disk;
mod files;
mod players;
mod random;
mod streams;

pub use disk::SimDisk;
pub use files::{FileEvent, MemoryFiles};
pub use streams::{Attempt, MemoryStreams};

use std::any::Any;
use std::cell::Cell;
use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use checkpoints::{Checkpoints, Start};
use players::Players;
use random::Random;

use thalweg_storage::TableName;

use super::driver::{JobParts, Shared, SharedJob};
use super::reports::Reports;
use crate::api::{Topology, build};
use crate::config::JobConfig;
use crate::error::{BuildError, JobError, Result};
use crate::exchange::host::{AnyPlayer, Direction, HostPorts, RecordType};
use crate::io::{Files, Streams};
use crate::metrics::{CheckpointCell, Ending, JobReport};
use crate::operator::task::Choice;
use crate::raw::doorbell::Doorbell;
use crate::record::Record;
use crate::runtime::worker::Worker;
use crate::runtime::{Decision, Journal};
use crate::source::Values;
use crate::time::{Clock, EventTime};

/// A seeded run of a job; made by [`Sim::new`].
#[derive(Clone)]
pub struct Sim {
    random: Random,
    config: JobConfig,
    files: Rc<dyn Files>,
    inputs: Vec<Input>,
    streams: Arc<dyn Streams>,
    /// After so many steps the job is asked to end.
    stop_after: Option<(u64, Ending)>,
    /// Where checkpoints are kept.
    disk: Option<SimDisk>,
    retired: BTreeSet<TableName>,
    /// After so many steps everything is gone but the disk.
    crash_after: Option<u64>,
}

/// Takes a handle and makes a player of it.
type Input = Rc<dyn Fn(&mut HostPorts) -> Result<Box<dyn AnyPlayer>>>;

impl std::fmt::Debug for Sim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sim").field("config", &self.config).finish_non_exhaustive()
    }
}

/// What a simulated run came to.
pub struct SimReport {
    /// Counts, as of any job.
    pub report: JobReport,
    /// All decisions; replaying them gives the same run.
    pub journal: Journal,
    /// The run was cut off by [`Sim::crash_after`].
    pub crashed: bool,
    /// Checkpoints that were completed.
    pub checkpoints: u64,
    outputs: Vec<(String, Box<dyn Any>)>,
}

impl SimReport {
    /// What the output of that name gave, in the order in which it came: that of each worker, and of one of the possible orders between them. The
    /// handles of an output per worker come one after the other.
    ///
    /// # Panics
    ///
    /// If there is no output of that name and type: the test is wrong.
    pub fn output<T: Record + Clone>(&self, name: &str) -> Vec<(EventTime, T)> {
        let named: Vec<_> = self.outputs.iter().filter(|(output, _)| output == name).collect();
        assert!(!named.is_empty(), "the job has no output {name:?}");
        let values = named.iter().map(|(_, values)| {
            let values = values.downcast_ref::<Vec<(EventTime, T)>>();
            values.unwrap_or_else(|| panic!("output {name:?} gives no records of type {}", T::NAME))
        });
        values.flatten().cloned().collect()
    }
}

impl std::fmt::Debug for SimReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SimReport").field("report", &self.report).finish_non_exhaustive()
    }
}

/// Virtual time, in nanoseconds.
#[derive(Debug, Default)]
struct VirtualClock(Cell<u64>);

impl Clock for VirtualClock {
    fn now_ns(&self) -> u64 {
        self.0.get()
    }

    fn origin_unix_ns(&self) -> i64 {
        ORIGIN_UNIX_NS
    }
}

/// When virtual time begins: 2020-01-01T00:00:00Z.
const ORIGIN_UNIX_NS: i64 = 1_577_836_800_000_000_000;

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
        let (files, streams) = (Rc::new(MemoryFiles::default()), MemoryStreams::shared());
        Self {
            random,
            config,
            files,
            streams,
            inputs: Vec::new(),
            stop_after: None,
            disk: None,
            retired: BTreeSet::new(),
            crash_after: None,
        }
    }

    /// The same run with these sockets, standard input and output; without them nobody connects and the input is empty.
    pub fn streams(mut self, streams: MemoryStreams) -> Self {
        self.streams = Arc::new(streams);
        self
    }

    /// The same run, asked to end after `steps` steps of its workers: [`Ending::Drained`] or [`Ending::Stopped`], as by `JobHandle::drain` and `stop`. Each
    /// worker heeds it at a moment of its own.
    pub fn end_after(mut self, steps: u64, ending: Ending) -> Self {
        self.stop_after = Some((steps, ending));
        self
    }

    /// The same run with checkpoints on `disk`, at moments that the seed draws; it goes on from the newest that is there.
    pub fn checkpoints(mut self, disk: &SimDisk) -> Self {
        self.disk = Some(disk.clone());
        self.config.checkpoints = true;
        self
    }

    /// The same run, which does not want that state of a checkpoint any more; see [`EngineBuilder::retire`](crate::control::EngineBuilder::retire).
    pub fn retire(mut self, operator: &str, state: &str) -> Self {
        self.retired.insert(TableName::new(operator, state));
        self
    }

    /// The same run, cut off after `steps` steps of its workers: what is neither on the disk nor in the files and streams of the world is gone.
    pub fn crash_after(mut self, steps: u64) -> Self {
        self.crash_after = Some(steps);
        self
    }

    /// The same run with these files; without them there are none.
    pub fn files(mut self, files: impl Files + 'static) -> Self {
        self.files = Rc::new(files);
        self
    }

    /// The same run, in which the next handle of the input `name` sends these values, at moments that the seed draws, and is closed. Handles
    /// without values are closed from the start.
    pub fn input<T: Record + Clone>(mut self, name: &str, values: impl Into<Vec<T>>) -> Self {
        let (name, values) = (name.to_owned(), values.into());
        self.inputs.push(Rc::new(move |ports| {
            let handle = ports.take(Direction::Input, &name, RecordType::of::<T>())?;
            Ok(Box::new(Values::<T, _>::new(handle, values.clone().into_iter())))
        }));
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
        let Self { mut random, config, files, streams, inputs, stop_after, .. } = self;
        let crash_after = self.crash_after.unwrap_or(u64::MAX);
        let clock = Rc::new(VirtualClock::default());
        clock.0.set(1);
        let start = self.disk.map(|disk| Start::find(disk, self.retired)).transpose()?;
        let ((shared, mut workers, mut ports), start) =
            make_workers(config, Arc::new(job), &files, streams, &clock, start)?;
        let coordinate = |start: Start| {
            let (plan, wish) = (&shared.plan, &shared.epoch_wish);
            start.coordinate(plan, workers.len(), wish, &mut random, clock.now_ns())
        };
        let began_at = start.as_ref().and_then(Start::epoch);
        shared.checkpoints.change(|snapshot| snapshot.restored = began_at);
        let mut checkpoints = start.map(coordinate).transpose()?;
        let players = inputs.iter().map(|input| input(&mut ports));
        let mut players = Players::new(players.collect::<Result<Vec<_>>>()?, ports, &[]);
        let mut choices: Vec<(usize, Choice)> = Vec::new();
        for worker in &mut workers {
            worker.step(Decision::ClockOrigin(ORIGIN_UNIX_NS))?;
        }
        let (mut idle_rounds, mut steps) = (0, 0);
        while workers.iter_mut().any(|worker| !worker.is_finished())
            || checkpoints.as_ref().is_some_and(|checkpoints| !checkpoints.has_ended())
        {
            if steps >= crash_after {
                return Ok(crash(workers, &shared, clock.now_ns(), players, checkpoints));
            }
            let index = random.below(workers.len());
            let worker = &mut workers[index];
            clock.0.set(clock.0.get() + u64::from(random.small(2_000)));
            let is_due = worker.next_alarm_ns().is_some_and(|due_ns| due_ns <= clock.now_ns());
            if random.one_in(if is_due { 2 } else { 16 }) {
                worker.step(Decision::Clock(clock.now_ns()))?;
            }
            if let Some((_, ending)) = stop_after.filter(|(after, _)| steps >= *after) {
                shared.stop_request.ask(ending);
                if random.one_in(4) {
                    worker.heed(&shared.stop_request)?;
                }
            }
            steps += 1;
            let mut progress = match &mut checkpoints {
                None => false,
                Some(checkpoints) => {
                    checkpoints.turn((index, worker), &mut random, clock.now_ns())?
                }
            };
            worker.choices(&mut choices);
            progress |= !players.is_empty() && random.one_in(4) && players.play(&mut random);
            if choices.is_empty() || random.one_in(8) {
                progress |= flush_one(worker, &mut random)?;
            } else {
                let (task, choice) = choices[random.below(choices.len())];
                let limit = match choice {
                    Choice::Slice | Choice::Alarm => shared.config.slice_records,
                    _ => 1 + random.small(shared.config.batch_records),
                };
                let done = worker.step(Decision::of(task, choice, limit))?;
                progress |= done.counts;
            }
            choices.clear();
            idle_rounds = if progress { 0 } else { idle_rounds + 1 };
            if idle_rounds > 1_000 {
                // Nobody has anything: time goes by, so that silent sources can become idle or speak again; but not past an alarm.
                let alarms = workers.iter().filter_map(Worker::next_alarm_ns);
                let alarm_ns = alarms.filter(|&due_ns| due_ns > clock.now_ns()).min();
                let step_ns = clock.now_ns() + 1_000_000;
                clock.0.set(alarm_ns.map_or(step_ns, |due_ns| due_ns.min(step_ns)));
            }
            assert!(idle_rounds < 1_000_000, "deadlock: no worker can go on");
        }
        let elapsed_ns = clock.now_ns();
        let completed = checkpoints.map_or(0, |checkpoints| checkpoints.completed);
        for worker in &mut workers {
            worker.follow(&shared.epoch_wish)?;
            // A sink that the last commit closes may take its time.
            while worker.waits_outside() {
                worker.drain();
            }
        }
        Ok(SimReport { checkpoints: completed, ..finish(workers, &shared, elapsed_ns, players) })
    }

    /// Takes recorded decisions again, each worker's in its order.
    ///
    /// # Errors
    ///
    /// [`crate::error::JobError::Diverged`] if the job, or its input, is not the one that was recorded; [`BuildError::NotFromBeginning`] if it went on from a checkpoint.
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
        if let Some(epoch) = journal.began_at {
            return Err(BuildError::NotFromBeginning { epoch }.into());
        }
        let config = JobConfig {
            workers: journal.workers.len(),
            ring_page_bytes: Some(journal.page_bytes),
            ..JobConfig::default()
        };
        let files: Rc<dyn Files> = Rc::new(files);
        let clock = Rc::new(VirtualClock::default());
        clock.0.set(1);
        let ((shared, mut workers, ports), _) =
            make_workers(config, Arc::new(job), &files, Arc::new(streams), &clock, None)?;
        if !shared.plan.gone.is_empty() {
            let refuse = |name: &String| BuildError::NotReplayable { operator: name.clone() };
            return Err(JobError::Build(shared.plan.gone.iter().map(refuse).collect()));
        }
        for (worker, found) in workers.iter_mut().zip(&journal.found) {
            worker.set_found(found.clone());
            worker.replay_inputs(&journal.inputs);
        }
        let mut players = Players::new(Vec::new(), ports, &journal.inputs);
        let mut left: Vec<VecDeque<Decision>> =
            journal.workers.iter().map(|decisions| decisions.iter().copied().collect()).collect();
        let mut idle_rounds = 0;
        while left.iter().any(|decisions| !decisions.is_empty()) {
            let mut progress = players.play_all();
            // What waits for the world, such as a sink, is asked again later.
            clock.0.set(clock.now_ns() + 1_000);
            // Also those that have nothing left to decide: others wait for their last pages.
            workers.iter_mut().for_each(Worker::drain);
            for (worker, decisions) in workers.iter_mut().zip(&mut left) {
                while let Some(decision) = decisions.front().copied() {
                    if !worker.can_replay(decision) {
                        break;
                    }
                    decisions.pop_front();
                    if let Decision::Clock(now_ns) = decision {
                        clock.0.set(clock.now_ns().max(now_ns));
                    }
                    worker.replay(decision)?;
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
        // A sink that could close at once when this was recorded may need longer now.
        for _ in 0..ROUNDS_TO_WAIT {
            clock.0.set(clock.now_ns() + 1_000);
            workers.iter_mut().for_each(Worker::drain);
            if !workers.iter_mut().any(Worker::waits_outside) {
                break;
            }
        }
        Ok(finish(workers, &shared, clock.now_ns(), players))
    }
}

/// Rounds of a replay without progress, for what waits for memory streams that are slow on purpose.
const ROUNDS_TO_WAIT: u32 = 100_000;

/// What all workers share, the workers, and the host's ends.
type Workforce = (Shared, Vec<Worker>, HostPorts);

fn make_workers(
    config: JobConfig,
    job: SharedJob,
    files: &Rc<dyn Files>,
    streams: Arc<dyn Streams>,
    clock: &Rc<VirtualClock>,
    start: Option<Start>,
) -> Result<(Workforce, Option<Start>)> {
    let restored = start.as_ref().filter(|start| start.is_restored());
    let restored = restored.map(|start| Arc::clone(&start.restored));
    let mut planned = build::plan(&*job, &config, Rc::clone(files), streams, restored)?;
    let from = start.as_ref().map(|start| start.from(config.workers));
    let from = from.transpose()?.flatten();
    if let Some(start) = &start {
        planned.recover(&start.restored)?;
    }
    let plan = planned.plan;
    let ringers = (0..config.workers).map(|_| Doorbell::spinning().ringer()).collect();
    let claim: Arc<dyn Any + Send + Sync> = Arc::new(());
    let (reports, checkpoints) = (Reports::default(), CheckpointCell::default());
    let parts = JobParts { plan, config, job, record: true, from, reports, checkpoints };
    let (shared, seats, ports) = Shared::new(parts, ringers, &claim);
    let workers = seats.into_iter().map(|seat| {
        let ends = (seat.ends, seat.ports, seat.state);
        shared.worker(seat.worker, ends, Rc::clone(clock) as Rc<dyn Clock>, Rc::clone(files))
    });
    let workers = workers.collect::<Result<Vec<_>>>()?;
    Ok(((shared, workers, ports), start))
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

/// Nothing is finished: what the host has received is all there is to see.
fn crash(
    workers: Vec<Worker>,
    shared: &Shared,
    elapsed_ns: u64,
    players: Players,
    checkpoints: Option<Checkpoints>,
) -> SimReport {
    drop(workers);
    let elapsed = std::time::Duration::from_nanos(elapsed_ns);
    let report = JobReport::new("simulated".into(), "sim", elapsed, &shared.metrics, elapsed_ns);
    SimReport {
        report,
        journal: Journal::default(),
        crashed: true,
        checkpoints: checkpoints.map_or(0, |checkpoints| checkpoints.completed),
        outputs: players.received(),
    }
}

fn finish(
    mut workers: Vec<Worker>,
    shared: &Shared,
    elapsed_ns: u64,
    mut players: Players,
) -> SimReport {
    // What the outputs sent last may wait for room still.
    loop {
        workers.iter_mut().for_each(Worker::drain);
        if !players.play_all() {
            break;
        }
    }
    let ends: Vec<_> = workers.into_iter().map(Worker::into_parts).collect();
    let (page_bytes, began_at) = (shared.config.page_bytes, shared.checkpoints.read().restored);
    let mut journal = Journal { page_bytes, began_at, ..Journal::default() };
    let mut was_cut = false;
    for end in ends {
        was_cut |= end.was_cut;
        journal.workers.push(end.journal);
        journal.found.push(end.found);
        journal.inputs.extend(end.inputs);
    }
    let elapsed = std::time::Duration::from_nanos(elapsed_ns);
    let report = JobReport::new("simulated".into(), "sim", elapsed, &shared.metrics, elapsed_ns);
    let report = report.ended(shared.stop_request.ending(was_cut));
    SimReport { report, journal, crashed: false, checkpoints: 0, outputs: players.received() }
}
