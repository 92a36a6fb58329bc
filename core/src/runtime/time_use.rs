//! Where a worker's time goes: to which task, to waiting for room, or nowhere.
//!
//! One of [`SAMPLE`] turns is measured, with a look at the clock after each task; what lies between two settlements is divided as the measured turns
//! were. Sleep is measured as it is. So the parts add up to the time that has passed, and each of them is an estimate: of a worker that turns 20,000 times a
//! second, from some hundred turns.
//!
//! A turn that takes long is followed by another that is measured, so that what is published of slow operators is not old.
//!
//! Cost: for one turn of [`SAMPLE`] a reading of the clock (20 to 30 ns) for each task.

use crate::metrics::WorkerTime;

/// One of so many turns is measured; a prime, so that it does not beat in time with anything that is done every some turns.
const SAMPLE: u32 = 31;

/// A turn of this length is long: the clock costs nothing beside it.
const LONG_NS: u64 = 100_000;

/// What a worker has measured.
#[derive(Debug)]
pub(super) struct TimeUse {
    is_on: bool,
    /// Turns since the last that was measured.
    turns: u32,
    /// The last turn that was measured was long; perhaps the next is too.
    is_long: bool,
    /// For how many turns the one that is measured stands.
    weight: u64,
    /// What a reading of the clock costs: it is part of every piece that is measured.
    clock_ns: u64,
    started_ns: u64,
    settled_ns: u64,
    /// The measured turn whose rest is not over yet: when its tasks were done, and whether they had done anything.
    open_since_ns: Option<u64>,
    sample: Vec<Sample>,
    /// Time of the measured turns, and the part of it in which nothing was done, since the last settlement.
    sampled_ns: u64,
    sampled_idle_ns: u64,
    slept_ns: u64,
    tasks: Vec<TaskTime>,
    total: WorkerTime,
}

/// One task in the turns measured since the last settlement.
#[derive(Debug, Clone, Copy, Default)]
struct Sample {
    busy_ns: u64,
    blocked_ns: u64,
    /// It was blocked when the turn that is being measured came to it.
    is_blocked: bool,
}

/// One task since the start.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TaskTime {
    pub(super) busy_ns: u64,
    pub(super) blocked_ns: u64,
}

/// `part` of `whole` in `of`.
fn share(part: u64, whole: u64, of: u64) -> u64 {
    let share = u128::from(part) * u128::from(of) / u128::from(whole.max(1));
    u64::try_from(share).unwrap_or(u64::MAX)
}

impl TimeUse {
    /// For `tasks` tasks; measures nothing unless `is_on`.
    pub(super) fn new(tasks: usize, is_on: bool, mut clock: impl FnMut() -> u64) -> Self {
        let mut cost_ns = || {
            let before_ns = clock();
            clock() - before_ns
        };
        let clock_ns = if is_on { (0..16).map(|_| cost_ns()).min().unwrap_or(0) } else { 0 };
        let now_ns = if is_on { clock() } else { 0 };
        Self {
            is_on,
            turns: 0,
            is_long: false,
            weight: 1,
            clock_ns,
            started_ns: now_ns,
            settled_ns: now_ns,
            open_since_ns: None,
            sample: vec![Sample::default(); tasks],
            sampled_ns: 0,
            sampled_idle_ns: 0,
            slept_ns: 0,
            tasks: vec![TaskTime::default(); tasks],
            total: WorkerTime::default(),
        }
    }

    /// True if the turn that begins is to be measured, or the one before it has still to be closed.
    #[inline]
    pub(super) fn is_due(&mut self) -> bool {
        if !self.is_on {
            return false;
        }
        self.turns += 1;
        self.turns >= SAMPLE || self.is_long || self.open_since_ns.is_some()
    }

    /// A turn begins: what lies between the measured one and it was rest. True if this one is to be measured too.
    pub(super) fn begin(&mut self, now_ns: u64) -> bool {
        if let Some(since_ns) = self.open_since_ns.take() {
            let rest_ns = now_ns.saturating_sub(since_ns + self.clock_ns);
            self.sampled_ns += rest_ns * self.weight;
            self.sampled_idle_ns += rest_ns * self.weight;
        }
        if self.turns < SAMPLE && !self.is_long {
            return false;
        }
        self.weight = u64::from(std::mem::take(&mut self.turns));
        true
    }

    /// True if nothing was settled for `nanos`.
    pub(super) fn is_older_than(&self, nanos: u64, now_ns: u64) -> bool {
        now_ns.saturating_sub(self.settled_ns) >= nanos
    }

    /// Task `task` had its turn, which took `nanos`; it was blocked then, or it was busy, or had nothing to do.
    pub(super) fn note(&mut self, task: usize, nanos: u64, is_busy: bool, is_blocked: bool) {
        let nanos = nanos.saturating_sub(self.clock_ns) * self.weight;
        self.sampled_ns += nanos;
        let sample = &mut self.sample[task];
        sample.is_blocked = is_blocked;
        if is_busy {
            sample.busy_ns += nanos;
        } else {
            self.sampled_idle_ns += nanos;
        }
    }

    /// All tasks had their turn, which began at `began_ns`.
    pub(super) fn end(&mut self, began_ns: u64, now_ns: u64) {
        let turn_ns = now_ns.saturating_sub(began_ns);
        self.is_long = turn_ns >= LONG_NS;
        let turn_ns = turn_ns * self.weight;
        for sample in self.sample.iter_mut().filter(|sample| sample.is_blocked) {
            sample.blocked_ns += turn_ns;
            sample.is_blocked = false;
        }
        self.open_since_ns = Some(now_ns);
    }

    /// The worker slept; `is_blocked` says of each task whether its output waited for room.
    pub(super) fn slept(&mut self, nanos: u64, mut is_blocked: impl FnMut(usize) -> bool) {
        if !self.is_on {
            return;
        }
        // The rest of a measured turn would take the sleep for something that happens after one turn of thirty.
        self.open_since_ns = None;
        self.slept_ns += nanos;
        for (task, time) in self.tasks.iter_mut().enumerate() {
            if is_blocked(task) {
                time.blocked_ns += nanos;
            }
        }
    }

    /// Divides what has passed since the last settlement.
    pub(super) fn settle(&mut self, now_ns: u64) {
        if !self.is_on || (self.sampled_ns == 0 && self.slept_ns == 0) {
            return;
        }
        let passed_ns = now_ns.saturating_sub(self.settled_ns);
        let awake_ns = passed_ns.saturating_sub(self.slept_ns);
        self.settled_ns = now_ns;
        // A worker that looked around and went to sleep again, without a turn that was measured, was idle.
        let (sampled_ns, sampled_idle_ns) = match self.sampled_ns {
            0 => (1, 1),
            sampled_ns => (sampled_ns, self.sampled_idle_ns),
        };
        for (time, sample) in self.tasks.iter_mut().zip(&mut self.sample) {
            time.busy_ns += share(sample.busy_ns, sampled_ns, awake_ns);
            time.blocked_ns += share(sample.blocked_ns, sampled_ns, awake_ns);
            *sample = Sample::default();
        }
        let idle_ns = share(sampled_idle_ns, sampled_ns, awake_ns);
        self.total.idle_ns += idle_ns + passed_ns.min(self.slept_ns);
        self.total.busy_ns += awake_ns - idle_ns;
        self.total.elapsed_ns = now_ns.saturating_sub(self.started_ns);
        (self.sampled_ns, self.sampled_idle_ns, self.slept_ns) = (0, 0, 0);
    }

    pub(super) fn task(&self, task: usize) -> TaskTime {
        self.tasks[task]
    }

    pub(super) fn total(&self) -> WorkerTime {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Turns of two tasks: the first is busy for `busy_ns` in one turn of `every`, else both need a nanosecond to find nothing.
    fn turns(time: &mut TimeUse, now_ns: &mut u64, count: u64, (busy_ns, every): (u64, u64)) {
        for turn in 0..count {
            let is_busy = busy_ns > 0 && turn % every == 0;
            let is_due = time.is_due() && time.begin(*now_ns);
            let began_ns = *now_ns;
            *now_ns += if is_busy { busy_ns } else { 1 };
            if is_due {
                time.note(0, *now_ns - began_ns, is_busy, false);
            }
            *now_ns += 1;
            if is_due {
                time.note(1, 1, false, turn % 2 == 0);
                time.end(began_ns, *now_ns);
            }
            // The rest between two turns.
            *now_ns += if is_busy { 0 } else { 18 };
        }
    }

    #[test]
    fn the_parts_add_up_and_are_near_what_was_spent() {
        let mut now_ns = 50;
        let mut time = TimeUse::new(2, true, || 50);
        for _ in 0..100 {
            turns(&mut time, &mut now_ns, 2_000, (200, 10));
            time.settle(now_ns);
        }
        // One turn of ten takes 201 ns, the others 20 each.
        let total = time.total();
        assert_eq!(total.busy_ns + total.idle_ns, total.elapsed_ns);
        assert_eq!(total.elapsed_ns, now_ns - 50);
        let busy = time.task(0).busy_ns as f64 / total.elapsed_ns as f64;
        assert!((busy - 200.0 / 381.0).abs() < 0.02, "{busy}");
        let blocked = time.task(1).blocked_ns as f64 / total.elapsed_ns as f64;
        assert!(blocked > 0.2 && blocked < 0.8, "{blocked}");
    }

    #[test]
    fn long_turns_are_all_measured_and_short_ones_between_them_not_forgotten() {
        let mut now_ns = 0;
        let mut time = TimeUse::new(2, true, || 0);
        // 4,000 turns of 20 ns that do nothing, then 40 of 200,000 ns; again and again.
        for _ in 0..50 {
            turns(&mut time, &mut now_ns, 4_000, (0, 1));
            turns(&mut time, &mut now_ns, 40, (200_000, 1));
        }
        time.settle(now_ns);
        let total = time.total();
        let busy = time.task(0).busy_ns as f64 / total.elapsed_ns as f64;
        let expected = 40.0 * 200_000.0 / (40.0 * 200_001.0 + 4_000.0 * 20.0);
        assert!((busy - expected).abs() < 0.05, "{busy} {expected}");
    }

    #[test]
    fn sleep_is_idle_and_blocked_for_those_that_wait_for_room() {
        let mut time = TimeUse::new(2, true, || 0);
        time.slept(900, |task| task == 1);
        time.settle(1_000);
        let total = time.total();
        assert_eq!((total.elapsed_ns, total.busy_ns, total.idle_ns), (1_000, 0, 1_000));
        assert_eq!((time.task(0).blocked_ns, time.task(1).blocked_ns), (0, 900));
    }

    #[test]
    fn nothing_is_measured_where_that_was_asked_for() {
        let mut time = TimeUse::new(1, false, || unreachable!("the clock is not read"));
        assert!((0..100).all(|_| !time.is_due()));
        time.slept(5, |_| true);
        time.settle(9);
        assert_eq!((time.total(), time.task(0).blocked_ns), (WorkerTime::default(), 0));
    }
}
