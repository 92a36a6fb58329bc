//! A job with checkpoints, as a sink sees it, that is cut short between any two calls and goes on from its last checkpoint.
//!
//! There is no engine here: runs of records, epochs that are completed or given up, commits that come late and crashes are drawn from a seed, so that a
//! sink meets more of them in a second than in a year of work.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::rc::Rc;

use super::sink_suite::{SinkSuite, ok, wait, write_run};
use super::{World, is_same};
use crate::record::Record;
use crate::sink::{Prepared, Sink, SinkWriter, Writers};
use crate::source::OpenContext;

/// How a job ends before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Crash {
    /// Its process: what it had not handed over is gone.
    Process,
    /// The machine: what was not synced is gone, or not.
    Power,
}

/// What a job goes on from.
#[derive(Debug, Clone, Default)]
struct Checkpoint {
    epoch: u64,
    /// Records of the input that it covers.
    records: usize,
    prepared: Vec<Prepared>,
}

/// Numbers that look random; the same for the same seed.
struct Dice(u64);

impl Dice {
    /// From 0 to `most`.
    fn roll(&mut self, most: usize) -> usize {
        // Xorshift64*, Vigna 2016.
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(high).unwrap_or(0) % (most + 1)
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.roll(count - 1) == 0
    }
}

/// More records make no new cases, and every case is run for every call.
const RECORDS: usize = 23;

/// One job, over all its attempts.
struct Job<'a, T, S, R, F> {
    suite: &'a SinkSuite<T, F>,
    world: World,
    sink: Option<(S, R)>,
    /// Complete ones, the newest last.
    checkpoints: Vec<Checkpoint>,
    epoch: u64,
    dice: Dice,
    /// Calls until the next crash.
    left: usize,
    calls: usize,
    crash: Crash,
    how: String,
}

/// The job was cut short.
struct Crashed;

impl<T, F, S, R> SinkSuite<T, F>
where
    T: Record + PartialEq + Debug,
    S: Sink<T>,
    R: FnOnce() -> Vec<T>,
    F: Fn(&World) -> (S, R),
{
    /// Crashes after each call in turn, and some calls later again.
    pub(super) fn crash_everywhere(&self) {
        for crash in [Crash::Process, Crash::Power] {
            if crash == Crash::Power && (self.in_process || !(self.world)().is_in_memory()) {
                continue;
            }
            for workers in 1..=3 {
                let calls = self.job(crash, workers, usize::MAX).run(workers);
                for after in 1..=calls {
                    self.job(crash, workers, after).run(workers);
                }
            }
        }
    }

    fn job(&self, crash: Crash, workers: usize, after: usize) -> Job<'_, T, S, R, F> {
        let seed = 0x9E37_79B9 * (workers as u64 + 1);
        let how = format!("{workers} worker(s), {crash:?} crash after call {after}");
        Job {
            suite: self,
            world: (self.world)(),
            sink: None,
            checkpoints: Vec::new(),
            epoch: 0,
            dice: Dice(seed),
            left: after,
            calls: 0,
            crash,
            how,
        }
    }
}

/// The writers of an attempt; each is opened when it is needed.
struct Attempt<W> {
    writers: Vec<Option<W>>,
    context: Vec<OpenContext>,
    /// Epochs that are complete and not yet told of, for each writer.
    untold: Vec<VecDeque<u64>>,
}

impl<T, S, R, F> Job<'_, T, S, R, F>
where
    T: Record + PartialEq + Debug,
    S: Sink<T>,
    R: FnOnce() -> Vec<T>,
    F: Fn(&World) -> (S, R),
{
    /// Runs to the end, through all crashes; returns how many calls it were.
    fn run(mut self, mut workers: usize) -> usize {
        while self.attempt(workers).is_err() {
            self.after_crash();
            workers = 1 + self.dice.roll(2);
            // Half of them early, when it has only just recovered.
            self.left =
                1 + if self.dice.one_in(2) { self.dice.roll(8) } else { 8 + self.dice.roll(200) };
        }
        let outside = self.outside();
        let records = self.records();
        assert!(
            is_same(&outside, records),
            "exactly once: {}: outside are {} records of {}: {outside:?}",
            self.how,
            outside.len(),
            records.len()
        );
        self.calls
    }

    fn records(&self) -> &[T] {
        &self.suite.records[..self.suite.records.len().min(RECORDS)]
    }

    fn outside(&mut self) -> Vec<T> {
        let sink = self.sink.take().unwrap_or_else(|| (self.suite.make)(&self.world));
        (sink.1)()
    }

    fn after_crash(&mut self) {
        if self.suite.in_process {
            return;
        }
        self.sink = None;
        if self.crash == Crash::Power {
            self.world = self.world.after_power_cut(&mut |most| self.dice.roll(most));
        }
        if self.suite.hides {
            let covered = self.checkpoints.last().map_or(0, |newest| newest.records);
            let (outside, covered) = (self.outside(), &self.records()[..covered]);
            let stray = outside.iter().find(|record| !covered.contains(record));
            assert!(
                stray.is_none(),
                "commit: {}: outside is {stray:?}, which no complete checkpoint covers",
                self.how
            );
        }
        // The newest one is damaged.
        if self.suite.goes_back && self.checkpoints.len() > 1 && self.dice.one_in(4) {
            self.checkpoints.pop();
        }
    }

    /// Counts a call that was made.
    fn call(&mut self) -> Result<(), Crashed> {
        self.calls += 1;
        self.left -= 1;
        if self.left == 0 { Err(Crashed) } else { Ok(()) }
    }

    fn attempt(&mut self, workers: usize) -> Result<(), Crashed> {
        let from = self.checkpoints.last().cloned().unwrap_or_default();
        let mut attempt = self.recover(workers, &from)?;
        // Numbers of epochs that were never complete may come again.
        if self.dice.one_in(2) {
            self.epoch = from.epoch;
        }
        let mut taken = from.records;
        while taken < self.records().len() {
            match self.dice.roll(9) {
                0 | 1 => self.checkpoint(&mut attempt, taken)?,
                2 => self.tell_one(&mut attempt)?,
                3 => self.flush_one(&mut attempt)?,
                _ => taken = self.write(&mut attempt, taken)?,
            }
        }
        while self.checkpoints.last().is_none_or(|newest| newest.records < taken) {
            self.checkpoint(&mut attempt, taken)?;
        }
        while attempt.untold.iter().any(|epochs| !epochs.is_empty()) {
            self.tell_one(&mut attempt)?;
        }
        for worker in 0..attempt.writers.len() {
            self.open(&mut attempt, worker)?;
            let writer = attempt.writers[worker].as_mut().expect("invariant: just opened");
            wait(&self.world, &self.how, "a close does not end", || writer.poll_close());
            self.call()?;
        }
        Ok(())
    }

    fn recover(
        &mut self,
        workers: usize,
        from: &Checkpoint,
    ) -> Result<Attempt<S::Writer>, Crashed> {
        if self.sink.is_none() {
            self.sink = Some((self.suite.make)(&self.world));
        }
        let sink = &self.sink.as_ref().expect("invariant: just made").0;
        let writers = match sink.writers() {
            Writers::One => 1,
            Writers::PerWorker => workers,
        };
        let restored: Rc<[Prepared]> = from.prepared.clone().into();
        let context = |worker| OpenContext {
            checkpoints: true,
            restored: Rc::clone(&restored),
            ..self.world.context(worker, workers)
        };
        let context: Vec<_> = (0..workers).map(context).collect();
        for _ in 0..=usize::from(self.dice.one_in(3)) {
            let sink = &self.sink.as_ref().expect("invariant: made above").0;
            ok("recover", sink.recover(&restored, &context[0]));
            self.call()?;
        }
        let untold = (0..writers).map(|_| VecDeque::new()).collect();
        let writers = (0..writers).map(|_| None).collect();
        Ok(Attempt { writers, context, untold })
    }

    fn open(&mut self, attempt: &mut Attempt<S::Writer>, worker: usize) -> Result<(), Crashed> {
        if attempt.writers[worker].is_some() {
            return Ok(());
        }
        let sink = &self.sink.as_ref().expect("invariant: made when it recovered").0;
        attempt.writers[worker] = Some(ok("open", sink.open(&attempt.context[worker])));
        self.call()
    }

    fn some_writer(&mut self, attempt: &mut Attempt<S::Writer>) -> Result<usize, Crashed> {
        let worker = self.dice.roll(attempt.writers.len() - 1);
        self.open(attempt, worker)?;
        Ok(worker)
    }

    fn write(&mut self, attempt: &mut Attempt<S::Writer>, taken: usize) -> Result<usize, Crashed> {
        let worker = self.some_writer(attempt)?;
        let end = (taken + 1 + self.dice.roll(4)).min(self.records().len());
        let writer = attempt.writers[worker].as_mut().expect("invariant: just opened");
        write_run(writer, &self.suite.records[taken..end], &self.world, &self.how);
        self.call()?;
        Ok(end)
    }

    fn flush_one(&mut self, attempt: &mut Attempt<S::Writer>) -> Result<(), Crashed> {
        let worker = self.some_writer(attempt)?;
        let writer = attempt.writers[worker].as_mut().expect("invariant: just opened");
        wait(&self.world, &self.how, "a flush does not end", || writer.poll_flush());
        self.call()
    }

    /// Tells one writer of an epoch that is complete; perhaps of a later one than the next.
    fn tell_one(&mut self, attempt: &mut Attempt<S::Writer>) -> Result<(), Crashed> {
        let worker = self.some_writer(attempt)?;
        let writer = attempt.writers[worker].as_mut().expect("invariant: just opened");
        let Some(epoch) = attempt.untold[worker].pop_front() else { return Ok(()) };
        for _ in 0..=usize::from(self.dice.one_in(4)) {
            ok("commit", writer.commit(epoch));
        }
        self.call()
    }

    /// Takes a checkpoint, which is given up at times.
    fn checkpoint(
        &mut self,
        attempt: &mut Attempt<S::Writer>,
        taken: usize,
    ) -> Result<(), Crashed> {
        self.epoch += 1;
        let (epoch, mut prepared) = (self.epoch, Vec::new());
        let mut waiting: Vec<usize> = (0..attempt.writers.len()).collect();
        while !waiting.is_empty() {
            let place = self.dice.roll(waiting.len() - 1);
            let worker = waiting[place];
            self.open(attempt, worker)?;
            let writer = attempt.writers[worker].as_mut().expect("invariant: just opened");
            if let Some(done) = ok("prepare", writer.poll_prepare(epoch)) {
                prepared.extend(Some(done).filter(|done| !done.is_nothing()));
                waiting.swap_remove(place);
            }
            self.call()?;
            // A commit may come while another epoch is prepared.
            if !waiting.is_empty() && self.dice.one_in(6) {
                self.tell_one(attempt)?;
            }
        }
        if self.dice.one_in(5) {
            return Ok(());
        }
        self.checkpoints.push(Checkpoint { epoch, records: taken, prepared });
        self.call()?;
        attempt.untold.iter_mut().for_each(|epochs| epochs.push_back(epoch));
        Ok(())
    }
}
