//! A core's loop: turns the workers of all jobs that have a seat on it, one after the other.
//!
//! A round gives each of them one turn, which is bounded (some pages of each task, or one poll or slice), so no job
//! starves another. When a round was dry for all, the core spins briefly and then sleeps until its doorbell rings.
//!
//! # Invariants
//!
//! 1. What happens to a job happens to it alone: its errors and panics end at its seat ([`Seated`]).
//! 2. Nothing is shared with other cores but the mailbox's flag, which is read once a round, and the jobs' stop flags.

use std::sync::Arc;
use std::time::Duration;

use super::clock::now_ns;
use super::driver::IdlePolicy;
use super::mailbox::Mailbox;
use super::seated::Seated;
use crate::error::JobError;
use crate::raw::doorbell::Doorbell;
use crate::runtime::worker::Turn;

/// What a round came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Round {
    /// Some job had something to do.
    Busy,
    /// No job had.
    Dry,
    /// The engine stops: the loop is to end.
    Quit,
}

/// The loop of one core.
pub(crate) struct CoreLoop {
    mailbox: Arc<Mailbox>,
    doorbell: Doorbell,
    idle: IdlePolicy,
    seats: Vec<Seated>,
    rounds: u32,
    /// Dry rounds one after the other.
    dry_rounds: u32,
    dry_since_ns: Option<u64>,
    /// It has slept since there was something to do.
    has_slept: bool,
}

/// Rounds between two looks at the clock and two publications of the counters: some microseconds each if there is much to do, so some hundred
/// together.
const ROUNDS_BETWEEN_CLOCKS: u32 = 64;
/// Dry rounds between two looks at the clock, on the way to sleep: a reading takes a good part of the time that such a round takes.
const DRY_ROUNDS_BETWEEN_CLOCKS: u32 = 16;
/// Rounds in vain between two looks at the clock while an alarm is set.
const ROUNDS_BETWEEN_ALARM_CLOCKS: u32 = 4;
/// A sleeping core looks around this often even if nobody rings: pages of its own that wait for room are not rung for.
const LONGEST_SLEEP: Duration = Duration::from_millis(50);

impl CoreLoop {
    /// The loop of the core that `doorbell` wakes.
    pub(crate) fn new(mailbox: Arc<Mailbox>, doorbell: Doorbell, idle: IdlePolicy) -> Self {
        Self {
            mailbox,
            doorbell,
            idle,
            seats: Vec::new(),
            rounds: 0,
            dry_rounds: 0,
            dry_since_ns: None,
            has_slept: false,
        }
    }

    /// One turn for each job.
    pub(crate) fn round(&mut self) -> Round {
        if self.mailbox.has_mail() && self.take_mail() {
            return Round::Quit;
        }
        if self.rounds == 0 {
            let now_ns = now_ns();
            self.seats.iter_mut().for_each(|seat| seat.look_at_clock(now_ns));
        }
        // A round in which something was done may have taken long.
        let looks_for_alarms =
            self.dry_rounds == 0 || self.rounds.is_multiple_of(ROUNDS_BETWEEN_ALARM_CLOCKS);
        self.rounds = (self.rounds + 1) % ROUNDS_BETWEEN_CLOCKS;
        let mut round = Round::Dry;
        let mut index = 0;
        while index < self.seats.len() {
            match self.seats[index].turn(looks_for_alarms) {
                Turn::Busy => round = Round::Busy,
                Turn::Dry => {}
                Turn::Finished => {
                    // The seats behind it move up, so that the order of turns stays.
                    self.seats.remove(index).end();
                    round = Round::Busy;
                    continue;
                }
            }
            index += 1;
        }
        if round == Round::Dry {
            self.dry_rounds = self.dry_rounds.wrapping_add(1);
            if self.dry_rounds.is_multiple_of(DRY_ROUNDS_BETWEEN_CLOCKS) {
                self.rounds = 0;
            }
        } else {
            (self.dry_rounds, self.dry_since_ns, self.has_slept) = (0, None, false);
        }
        round
    }

    /// A round that a host's loop asks for, which may do other things for any time in between: so the clock is looked at in each.
    pub(crate) fn round_of_host(&mut self) -> Round {
        self.rounds = 0;
        self.round()
    }

    /// After a dry round: spins, and after a while sleeps until the doorbell rings, a source is due, or for `at_most`.
    pub(crate) fn rest(&mut self, at_most: Option<Duration>) {
        // A worker that never sleeps has a core of its own: a pause, which takes as long as half a round, would only add to what is under way.
        if !self.doorbell.can_sleep() {
            return;
        }
        let is_spinning = at_most.is_none() && !self.has_slept;
        if is_spinning && !self.dry_rounds.is_multiple_of(DRY_ROUNDS_BETWEEN_CLOCKS) {
            std::hint::spin_loop();
            return;
        }
        let now_ns = now_ns();
        let since_ns = *self.dry_since_ns.get_or_insert(now_ns);
        if Duration::from_nanos(now_ns - since_ns) < self.idle.spin {
            std::hint::spin_loop();
            return;
        }
        self.seats.iter_mut().for_each(Seated::publish_metrics);
        self.doorbell.prepare_sleep();
        // Rings are read again after the announcement, or a page could be missed (see `raw::doorbell`).
        if self.mailbox.has_mail() || self.seats.iter_mut().any(Seated::is_ready) {
            self.doorbell.cancel();
            return;
        }
        let own = self.longest_sleep(now_ns);
        let timeout = at_most.map_or(own, |most| Some(own.map_or(most, |own| own.min(most))));
        self.doorbell.sleep(timeout);
        // Time has passed: it is decided first.
        (self.rounds, self.has_slept) = (0, true);
        let slept_ns = super::clock::now_ns() - now_ns;
        self.seats.iter_mut().for_each(|seat| seat.slept(slept_ns));
    }

    /// Until a source is to be polled again, or an alarm is due; without end if there are no jobs.
    fn longest_sleep(&mut self, now_ns: u64) -> Option<Duration> {
        if self.seats.is_empty() {
            return None;
        }
        let polls = self.seats.iter_mut().any(Seated::has_sources);
        let timeout = if polls { self.idle.poll_interval } else { LONGEST_SLEEP };
        let alarm_ns = self.seats.iter().filter_map(Seated::next_alarm_ns).min();
        let until_alarm = Duration::from_nanos(alarm_ns.unwrap_or(u64::MAX).saturating_sub(now_ns));
        Some(timeout.min(until_alarm))
    }

    /// Gives new workers their seats; true if the loop is to end.
    #[cold]
    fn take_mail(&mut self) -> bool {
        let mail = self.mailbox.take();
        self.seats.extend(mail.seats.into_iter().filter_map(Seated::new));
        mail.quit
    }
}

impl Drop for CoreLoop {
    /// Ends what is left; only jobs that nobody stopped before still run.
    fn drop(&mut self) {
        for seat in self.seats.drain(..) {
            seat.cancel(JobError::Cancelled);
        }
    }
}
