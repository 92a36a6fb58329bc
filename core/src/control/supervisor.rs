//! The thread that sees to one job: coordinates its checkpoints, writes them, and starts the job again when it has failed.
//!
//! It waits for disks and sleeps, which no worker does; and it is never on the way of a record.
//!
//! # Invariants
//!
//! 1. It lives as long as its job does, runs and pauses between them alike, and holds the lock of the job's folder for so long.
//! 2. A run begins when no worker of the one before is left.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use thalweg_storage::io::{PublishError, StateLock};

use super::copies::Copies;
use super::life::Life;
use super::restart::{Failures, Restart};
use super::starter::{Coordination, Started, Starter};
use crate::checkpoint::{
    Abort, Action, Event, FrozenPart, Request, Requests, SavepointError, When,
};
use crate::error::{JobError, error_chain};
use crate::metrics::{CheckpointStats, OperatorStall};
use crate::rt::driver::{Seat, Shared};
use crate::rt::now_ns;
use crate::rt::reports::Report;
use crate::time::Clock;

/// Sends the seats of a run to their cores.
pub(super) type Seating = Box<dyn Fn(Vec<Seat>) + Send>;

/// See the module.
pub(super) struct Supervisor {
    pub(super) starter: Starter,
    pub(super) life: Arc<Life>,
    pub(super) restart: Restart,
    pub(super) reports: Receiver<Report>,
    pub(super) seating: Seating,
    pub(super) lock: Option<StateLock>,
}

/// One run, as it is seen from here.
struct Run<'a> {
    shared: &'a Shared,
    name: &'a str,
    coordination: Option<Coordination>,
    /// Of the epoch that is under way: when it began, when its last part was frozen, and what is known of it.
    began_ns: u64,
    gathered_ns: u64,
    bytes: u64,
    stalls: Vec<OperatorStall>,
    requests: &'a mut Requests,
    copies: Copies,
}

impl Supervisor {
    /// Seats the workers of the first run, and sees to it and to all that follow it.
    pub(super) fn begin(self, seats: Vec<Seat>, coordination: Option<Coordination>) {
        (self.seating)(seats);
        self.run(coordination);
    }

    fn run(self, coordination: Option<Coordination>) {
        let Self { starter, life, restart, reports, seating, lock } = self;
        let (mut failures, mut requests) = (Failures::default(), Requests::default());
        let mut coordination = coordination;
        loop {
            let (shared, began_ns) = (life.shared(), now_ns());
            let run = Run::new(&shared, &starter.name, coordination.take(), &mut requests);
            run.follow(&reports);
            drop(shared);
            starter.write_suspects_down();
            let mut ran = Duration::from_nanos(now_ns() - began_ns);
            // A start may fail as well, because of the disk say, and is then tried again.
            coordination = loop {
                let delay = next(&life, restart, &mut failures, ran);
                let pause = |delay: &_| pause(*delay, &life, &reports, &mut requests);
                let Some(delay) = delay.filter(pause) else {
                    // Who waits for the end finds the folder free.
                    drop((starter, lock));
                    life.end();
                    return;
                };
                tracing::warn!(job = starter.name, ?delay, "the job is started again");
                starter.cell.change(|snapshot| snapshot.restarts += 1);
                match starter.start() {
                    Ok(Started { shared, seats, ports, coordination }) => {
                        life.begin(shared, ports);
                        seating(seats);
                        break coordination;
                    }
                    Err(error) => life.shared().replace_failure(error),
                }
                ran = Duration::ZERO;
            };
        }
    }
}

/// After how long the job is started again; `None` if it has not failed, or not in a way that another start would mend.
fn next(life: &Life, restart: Restart, failures: &mut Failures, ran: Duration) -> Option<Duration> {
    let shared = life.shared();
    let message = shared.with_failure(|failure| {
        failure.filter(|error| error.is_worth_a_restart()).map(|error| error_chain(error))
    })?;
    tracing::error!(error = message, "the job has failed");
    failures.next(restart, now_ns(), ran).filter(|_| !life.is_cancelled())
}

/// Lets time pass; false if the job was cancelled meanwhile.
fn pause(
    delay: Duration,
    life: &Life,
    reports: &Receiver<Report>,
    requests: &mut Requests,
) -> bool {
    let until_ns = now_ns().saturating_add(u64::try_from(delay.as_nanos()).unwrap_or(u64::MAX));
    loop {
        let left_ns = until_ns.saturating_sub(now_ns());
        if life.is_cancelled() {
            life.shared().replace_failure(JobError::Cancelled);
            return false;
        }
        // What the run before has said is over with it.
        match reports.recv_timeout(Duration::from_nanos(left_ns)) {
            Ok(Report::Savepoint(request)) => requests.add(request),
            Ok(_) if left_ns > 0 => {}
            _ => return !life.is_cancelled(),
        }
    }
}

impl<'a> Run<'a> {
    fn new(
        shared: &'a Shared,
        name: &'a str,
        coordination: Option<Coordination>,
        requests: &'a mut Requests,
    ) -> Self {
        let (began_ns, gathered_ns, bytes, stalls) = (0, 0, 0, Vec::new());
        let copies = Copies::default();
        Self { shared, name, coordination, began_ns, gathered_ns, bytes, stalls, requests, copies }
    }

    /// Sees to the run until its last worker has left.
    fn follow(mut self, reports: &Receiver<Report>) {
        if self.requests.begin() {
            self.on(Event::Wish);
        }
        loop {
            let next_ns = self.coordination.as_ref().map(|of| of.coordinator.next_ns());
            let wait_ns = next_ns.unwrap_or(u64::MAX).saturating_sub(now_ns());
            // An hour at most: longer spans are not for every system's clock.
            let wait = Duration::from_nanos(wait_ns).min(Duration::from_secs(3_600));
            match reports.recv_timeout(wait) {
                Ok(Report::Over) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(Report::Frozen { worker, part }) => self.write(worker, *part),
                Ok(Report::Through { worker }) => self.on(Event::Through { worker }),
                Ok(Report::Wish) => self.on(Event::Wish),
                Ok(Report::Savepoint(request)) => self.save(request),
                Ok(Report::Copied { epoch }) => self.let_go(epoch),
                Ok(Report::Look) | Err(RecvTimeoutError::Timeout) => self.on(Event::Tick),
            }
        }
    }

    /// Somebody wants a savepoint.
    fn save(&mut self, request: Request) {
        let Some(Coordination { coordinator, .. }) = &mut self.coordination else { return };
        let has_ended = coordinator.has_ended();
        let when = request.when;
        self.requests.add(request);
        match when {
            // The last checkpoint is there.
            _ if has_ended => self.copy(None),
            When::Last => {}
            When::Next | When::Epoch(_) => self.on(Event::Wish),
        }
    }

    /// Copies the newest checkpoint, which is `epoch` or the last one, to where it was asked for.
    fn copy(&mut self, epoch: Option<u64>) {
        let Some(Coordination { keeper, .. }) = &mut self.coordination else { return };
        let requests = self.requests.take(epoch);
        if let Some(manifest) = (!requests.is_empty()).then(|| keeper.hold_newest()).flatten() {
            let from = (keeper.directory(), manifest);
            self.copies.begin(self.name, from, requests, self.shared.reports.clone());
        }
    }

    fn let_go(&mut self, epoch: u64) {
        if let Some(Coordination { keeper, .. }) = &mut self.coordination {
            keeper.let_go(epoch);
        }
    }

    fn write(&mut self, worker: usize, part: FrozenPart) {
        let Some(Coordination { keeper, .. }) = &mut self.coordination else { return };
        let epoch = part.epoch;
        let stall = |stall: &crate::checkpoint::Stall| OperatorStall {
            operator: stall.operator.clone(),
            worker,
            stall: Duration::from_nanos(stall.nanos),
        };
        let stalls: Vec<_> = part.stalls.iter().map(stall).collect();
        self.gathered_ns = now_ns();
        match keeper.write(worker, part) {
            Ok(None) => {}
            Ok(Some(bytes)) => {
                self.bytes += bytes;
                self.stalls.extend(stalls);
                self.on(Event::Acknowledged { worker, epoch });
            }
            Err(error) => {
                self.alarm(
                    if error.is_full() { "the disk is full" } else { "the state was not written" },
                    &error,
                );
                self.on(Event::Failed { epoch });
            }
        }
    }

    fn on(&mut self, event: Event) {
        let Some(Coordination { coordinator, .. }) = &mut self.coordination else { return };
        let mut actions = Vec::new();
        coordinator.on(event, now_ns(), &mut |action| actions.push(action));
        actions.into_iter().for_each(|action| self.act(action));
    }

    fn act(&mut self, action: Action) {
        let Some(Coordination { keeper, .. }) = &mut self.coordination else { return };
        match action {
            Action::Raise(epoch) => {
                keeper.begin(epoch);
                (self.began_ns, self.bytes) = (now_ns(), 0);
                self.stalls.clear();
                self.requests.raise(epoch);
                self.shared.epoch_wish.raise(epoch);
                self.shared.ring();
            }
            Action::Publish(epoch) => self.publish(epoch),
            Action::Commit(epoch) => {
                self.note_complete(epoch);
                self.shared.epoch_wish.commit(epoch);
                self.shared.ring();
                self.copy(Some(epoch));
            }
            Action::Abort(epoch, why) => self.note_aborted(epoch, why),
            Action::Retire(epochs) => {
                if let Err(error) = keeper.retire(&epochs) {
                    tracing::warn!(
                        job = self.name,
                        error = error_chain(&error),
                        "old checkpoints are not removed yet"
                    );
                }
            }
            Action::End => {
                self.copy(None);
                self.shared.epoch_wish.end();
                self.shared.ring();
            }
        }
    }

    fn publish(&mut self, epoch: u64) {
        let Some(Coordination { keeper, .. }) = &mut self.coordination else { return };
        let origin_ns = crate::rt::Monotonic.origin_unix_ns();
        let time_ns = origin_ns.saturating_add(i64::try_from(now_ns()).unwrap_or(i64::MAX));
        match keeper.publish(time_ns) {
            Ok(()) => self.on(Event::Published { epoch }),
            Err(error @ PublishError::NotPublished { .. }) => {
                self.alarm("the checkpoint was not published", &error);
                self.on(Event::NotPublished { epoch });
            }
            // It may be there or not: only a new start can tell.
            Err(error) => self.shared.fail(JobError::Restore(Box::new(error))),
        }
    }

    fn note_complete(&mut self, epoch: u64) {
        let since = |from_ns: u64, to_ns: u64| Duration::from_nanos(to_ns.saturating_sub(from_ns));
        let stats = CheckpointStats {
            epoch,
            duration: since(self.began_ns, now_ns()),
            gathered: since(self.began_ns, self.gathered_ns),
            bytes: self.bytes,
            stalls: std::mem::take(&mut self.stalls),
        };
        tracing::debug!(job = self.name, epoch, bytes = self.bytes, duration = ?stats.duration, "checkpoint complete");
        self.shared.checkpoints.change(|snapshot| {
            snapshot.completed += 1;
            snapshot.last = Some(stats);
            snapshot.alarm = None;
        });
    }

    fn note_aborted(&mut self, epoch: u64, why: Abort) {
        if why == Abort::TimeOut {
            let alarm = format!(
                "checkpoint {epoch} took too long: a barrier waits for what is before it, or a sink for its output to be durable; see which operator is backpressured, or give it more time (Checkpoints::timeout)"
            );
            tracing::warn!(job = self.name, epoch, "a checkpoint took too long and is given up");
            self.shared.checkpoints.change(|snapshot| snapshot.alarm = Some(alarm));
        }
        let alarm = self.shared.checkpoints.read().alarm;
        let reason = alarm.unwrap_or_else(|| "its state was not written".to_owned());
        for request in self.requests.take(Some(epoch)) {
            let (folder, reason) = (request.folder.clone(), reason.clone());
            request.answer(Err(SavepointError::GivenUp { epoch, folder, reason }));
        }
        self.shared.checkpoints.change(|snapshot| snapshot.aborted += 1);
    }

    fn alarm(&self, what: &str, error: &(dyn std::error::Error + 'static)) {
        let error = error_chain(error);
        tracing::error!(
            job = self.name,
            error,
            "{what}; the next checkpoint has all that this one would have had"
        );
        self.shared
            .checkpoints
            .change(|snapshot| snapshot.alarm = Some(format!("{what}: {error}")));
    }
}
