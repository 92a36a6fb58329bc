//! A worker that has taken its seat: one job's share of one core.

use std::rc::Rc;

use super::clock::{Monotonic, now_ns};
use super::driver::{Seat, Shared, guarded, system_files};
use super::ends::Leave;
use super::reports::Report;
use crate::error::JobError;
use crate::runtime::Decision;
use crate::runtime::worker::{Turn, Worker};
use crate::time::Clock;

/// One job's worker on this core.
pub(crate) struct Seated {
    worker: Worker,
    shared: Shared,
    clock_ns: u64,
    /// Somebody coordinates checkpoints of the job.
    is_coordinated: bool,
    /// It was said that all tasks have ended.
    was_through: bool,
    leave: Leave,
}

/// The decided clock moves in steps of at least this, so that a recording is not full of clocks.
const CLOCK_STEP_NS: u64 = 1_000_000;

impl Seated {
    /// Builds the worker of a seat; if it cannot be built the job fails, and nothing is left.
    pub(crate) fn new(seat: Seat) -> Option<Self> {
        let Seat { worker: index, ends, ports, state, shared, leave } = seat;
        let clock_ns = now_ns();
        let build = || {
            let mut worker =
                shared.worker(index, (ends, ports, state), Rc::new(Monotonic), system_files())?;
            worker.step(Decision::ClockOrigin(Monotonic.origin_unix_ns()))?;
            worker.step(Decision::Clock(clock_ns))?;
            Ok(worker)
        };
        match guarded(index, build) {
            Ok(worker) => {
                let (is_coordinated, was_through) = (shared.config.checkpoints, false);
                Some(Self { worker, shared, clock_ns, is_coordinated, was_through, leave })
            }
            Err(error) => {
                shared.fail(error);
                last_leave(shared, leave);
                None
            }
        }
    }

    /// One turn over all tasks; no error leaves this seat.
    ///
    /// `looks_for_alarms`: whether the clock is looked at in case an alarm is due.
    pub(crate) fn turn(&mut self, looks_for_alarms: bool) -> Turn {
        if self.shared.is_stopped() {
            return Turn::Finished;
        }
        if looks_for_alarms && let Some(due_ns) = self.worker.next_alarm_ns() {
            self.heed_alarm(due_ns);
        }
        let Self { worker, shared, leave, .. } = self;
        let turn = || {
            worker.heed(&shared.stop_request)?;
            worker.follow(&shared.epoch_wish)?;
            worker.turn()
        };
        let turn = guarded(leave.worker(), turn).unwrap_or_else(|error| {
            shared.fail(error);
            Turn::Finished
        });
        if self.is_coordinated {
            self.report(turn);
        }
        turn
    }

    /// Says what the coordinator of checkpoints is to know.
    fn report(&mut self, turn: Turn) {
        let Self { worker, shared, leave, .. } = self;
        // Also here an invariant of the state may be found broken.
        match guarded(leave.worker(), || Ok(worker.take_frozen())) {
            Ok(None) => {}
            Ok(Some(part)) => {
                let (worker, part) = (leave.worker(), Box::new(part));
                shared.reports.say(Report::Frozen { worker, part });
            }
            Err(error) => shared.fail(error),
        }
        if turn == Turn::Dry && !self.was_through && worker.is_through() {
            self.was_through = true;
            shared.reports.say(Report::Through { worker: leave.worker() });
        }
    }

    /// Decides what time it is, if enough of it has passed, and publishes the counters.
    pub(crate) fn look_at_clock(&mut self, now_ns: u64) {
        if now_ns - self.clock_ns < CLOCK_STEP_NS {
            return;
        }
        self.decide_clock(now_ns);
        self.worker.publish_metrics();
    }

    /// Decides the time if an alarm is due by it; so alarms need not wait for the next of the clock's steps.
    ///
    /// Cost: a look at the clock, about 20 ns.
    fn heed_alarm(&mut self, due_ns: u64) {
        let now_ns = now_ns();
        // An alarm that was due before and is not worked off yet needs no other time.
        if now_ns >= due_ns && due_ns > self.clock_ns {
            self.decide_clock(now_ns);
        }
    }

    fn decide_clock(&mut self, now_ns: u64) {
        self.clock_ns = now_ns;
        let Self { worker, shared, leave, .. } = self;
        let step = || worker.step(Decision::Clock(now_ns)).map(drop);
        guarded(leave.worker(), step).unwrap_or_else(|error| shared.fail(error));
    }

    /// Publishes the counters.
    pub(crate) fn publish_metrics(&mut self) {
        self.worker.publish_metrics();
    }

    /// The core has slept for so long.
    pub(crate) fn slept(&mut self, nanos: u64) {
        self.worker.slept(nanos);
    }

    /// Whether there is something to do; asked after the core has said that it is about to sleep.
    pub(crate) fn is_ready(&mut self) -> bool {
        let Self { worker, shared, .. } = self;
        shared.is_stopped()
            || worker.must_heed(&shared.stop_request)
            || worker.must_follow(&shared.epoch_wish)
            || worker.has_pages()
    }

    /// Whether the worker must be turned now and then though nobody rings.
    pub(crate) fn has_sources(&mut self) -> bool {
        self.worker.has_sources()
    }

    /// Ends the job with `error`, unless it has failed already, and leaves the seat.
    pub(crate) fn cancel(self, error: JobError) {
        self.shared.fail(error);
        self.end();
    }

    /// What the clock will show when the next alarm is due.
    pub(crate) fn next_alarm_ns(&self) -> Option<u64> {
        self.worker.next_alarm_ns()
    }

    /// Leaves the seat: with totals and decisions, if the worker came to its end.
    pub(crate) fn end(self) {
        let Self { worker, shared, mut leave, .. } = self;
        // Also the user's closures are dropped here, and may panic.
        match guarded(leave.worker(), || Ok(worker.into_parts())) {
            Ok(end) => leave.end = Some(end),
            Err(error) => shared.fail(error),
        }
        last_leave(shared, leave);
    }
}

/// Gives up this seat's part in the job before it says that its worker has ended: who has waited for that finds the job's sockets closed and
/// what its function owns dropped.
fn last_leave(shared: Shared, leave: Leave) {
    // The last part drops the user's closure, which may panic; nobody is left then to be told.
    drop(guarded(leave.worker(), || {
        drop(shared);
        Ok(())
    }));
    drop(leave);
}
