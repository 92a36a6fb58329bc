//! What all process operators with keys share.

use std::marker::PhantomData;
use std::rc::Rc;

use super::context::{Collector, Context};
use super::side::Sides;
use super::timers::{Fired, Next, TimerSet, TimerTables, Timers};
use crate::checkpoint::Freezing;
use crate::error::OperatorFault;
use crate::exchange::{KeySelector, Records};
use crate::operator::Progress;
use crate::operator::ahead::each_ahead;
use crate::operator::output::Output;
use crate::raw::view::Rec;
use crate::record::{Key, KeyHash, KeyScratch, Record};
use crate::state::{Expires, Hint, Prefetch, Scope, State, StateBuilder, Sweep, Tables};
use crate::time::{EventTime, ProcessingTime};

/// State, timers and outputs of a process operator.
pub(crate) struct Keyed<K, S, N, O: Record, D> {
    pub(super) scope: Rc<Scope>,
    state: S,
    timers: TimerTables,
    pub(super) out: Output<O>,
    pub(super) side: D,
    /// Up to here timers fire.
    watermark: EventTime,
    /// The last watermark that was passed on: what is sent before it is late.
    passed: EventTime,
    now: ProcessingTime,
    /// The key of the timer that fires.
    key: Vec<u8>,
    sweep: Sweep,
    marker: PhantomData<fn() -> (K, N)>,
}

/// Memory of what has expired in processing time is freed in steps of this, 134 ms: one alarm for many entries.
const EXPIRY_STEP_BITS: u32 = 27;

impl<K: Key, S: State, N: Timers, O: Record, D: Sides> Keyed<K, S, N, O, D> {
    pub(crate) fn new(tables: &mut dyn Tables, scope: Rc<Scope>, out: Output<O>, side: D) -> Self {
        let state = S::declare(&mut StateBuilder::new(tables, &scope));
        Self {
            state,
            timers: TimerTables::new::<N>(tables),
            scope,
            out,
            side,
            watermark: EventTime::MIN,
            passed: EventTime::MIN,
            now: ProcessingTime::MIN,
            key: Vec::new(),
            sweep: Sweep::default(),
            marker: PhantomData,
        }
    }

    pub(super) fn clock(&mut self, now: ProcessingTime) {
        self.now = now;
        self.scope.set_processing(now);
    }

    /// The context of a record.
    #[inline]
    pub(super) fn at_record(
        &mut self,
        key: &[u8],
        hash: KeyHash,
        at: EventTime,
    ) -> Context<'_, K, S, N, O, D> {
        self.scope.set_key(hash, key);
        self.scope.set_times(at.max(self.watermark), at);
        self.context(at)
    }

    /// Hands a run of records to `handle`, each in the context of its key; up to the first error.
    #[inline(always)]
    pub(super) fn each_record<T: Record>(
        &mut self,
        run: Records<'_, T>,
        selector: &impl KeySelector<T>,
        key: &mut KeyScratch,
        mut handle: impl FnMut(&mut Context<'_, K, S, N, O, D>, &Rec<T>) -> Result<(), OperatorFault>,
    ) -> Result<(), OperatorFault> {
        let mut result = Ok(());
        each_ahead(
            run,
            self,
            |_, hash| hash,
            |keyed, _, (record, at, hash)| {
                if result.is_ok() {
                    let bytes = selector.bytes(record, key);
                    result = handle(&mut keyed.at_record(bytes, hash, at), record);
                }
            },
        );
        result
    }

    /// State, to look at.
    pub(super) fn state(&self) -> &S {
        &self.state
    }

    /// The key at hand is this one, and the time that of what `at` belongs to; not before the watermark.
    pub(super) fn go_to(&mut self, hash: KeyHash, key: &[u8], at: EventTime) {
        let at = at.max(self.passed);
        self.scope.set_key(hash, key);
        self.scope.set_times(at, at);
    }

    /// The context of a key that was gone to.
    pub(super) fn at_key(&mut self) -> Context<'_, K, S, N, O, D> {
        let at = self.scope.emit_at();
        self.context(at)
    }

    fn context(&mut self, emit_at: EventTime) -> Context<'_, K, S, N, O, D> {
        let Self { scope, state, timers, out, side, watermark, .. } = self;
        Context {
            state,
            event_timers: TimerSet::new(&mut timers.event, scope),
            processing_timers: TimerSet::new(&mut timers.processing, scope),
            out: Collector::new(out, emit_at),
            side,
            scope,
            watermark: *watermark,
            marker: PhantomData,
        }
    }

    /// The watermark is `at`; [`Self::fire`] is to follow until it is done.
    pub(super) fn advance(&mut self, at: EventTime) {
        self.watermark = at;
    }

    /// Shows all tables; how far event time is the task notes.
    pub(super) fn freeze(&mut self, into: &mut Freezing<'_>) {
        self.state.freeze(into);
        self.timers.event.freeze(into);
        self.timers.processing.freeze(into);
    }

    /// Event time was at `at` when the barrier came, and everything that was due at it was done.
    pub(super) fn resume(&mut self, at: EventTime) {
        (self.watermark, self.passed) = (at, at);
    }

    /// Fires event-time timers that are due, then frees state that has expired; about `limit` of both.
    pub(super) fn fire(
        &mut self,
        limit: usize,
        mut call: impl FnMut(&mut Context<'_, K, S, N, O, D>, N, EventTime) -> Result<(), OperatorFault>,
    ) -> Result<Progress, OperatorFault> {
        let mut budget = limit.max(1);
        let to = self.watermark.as_nanos();
        loop {
            match self.timers.event.pop(to, &mut budget, &mut self.key, &self.scope) {
                Next::Timer(Fired { timer, at }) => {
                    let at = EventTime::from_nanos(at);
                    // A timer may have been set to a time that was over: what expired since is gone, and what is sent then would be late.
                    let event = at.max(self.passed);
                    self.scope.set_times(event, event);
                    call(&mut self.context(event), timer, at)?;
                }
                Next::Budget => return Ok(Progress::More),
                Next::Nothing => break,
            }
        }
        // At the end of the input all state goes, without being looked at.
        if self.watermark < EventTime::MAX {
            self.sweep.begin(Expires::Event, to, budget);
            self.state.expire(&mut self.sweep);
            if self.sweep.has_more() {
                return Ok(Progress::More);
            }
        }
        self.passed = self.watermark;
        Ok(Progress::Done)
    }

    pub(super) fn alarm(&self) -> Option<ProcessingTime> {
        let timer = self.timers.processing.next_due();
        let expiry = self.state.next_expiry(Expires::Processing);
        let expiry = expiry.map(|at| at | ((1 << EXPIRY_STEP_BITS) - 1));
        let next = match (timer, expiry) {
            (Some(timer), Some(expiry)) => timer.min(expiry),
            (timer, expiry) => timer.or(expiry)?,
        };
        Some(ProcessingTime::from_nanos(next))
    }

    /// Fires processing-time timers that are due, then frees state that has expired; about `limit` of both.
    pub(super) fn fire_by_clock(
        &mut self,
        limit: usize,
        mut call: impl FnMut(
            &mut Context<'_, K, S, N, O, D>,
            N,
            ProcessingTime,
        ) -> Result<(), OperatorFault>,
    ) -> Result<(), OperatorFault> {
        let mut budget = limit.max(1);
        let to = self.now.as_nanos();
        loop {
            match self.timers.processing.pop(to, &mut budget, &mut self.key, &self.scope) {
                Next::Timer(Fired { timer, at }) => {
                    self.scope.set_times(self.watermark, self.watermark);
                    let watermark = self.watermark;
                    call(&mut self.context(watermark), timer, ProcessingTime::from_nanos(at))?;
                }
                Next::Budget => return Ok(()),
                Next::Nothing => break,
            }
        }
        self.sweep.begin(Expires::Processing, to, budget);
        self.state.expire(&mut self.sweep);
        Ok(())
    }
}

impl<K, S: State, N: Timers, O: Record, D> Prefetch for Keyed<K, S, N, O, D> {
    type Key = KeyHash;

    #[inline(always)]
    fn bucket(&self, hash: KeyHash) {
        self.state.prefetch_bucket(hash);
        self.timers.event.prefetch_bucket(hash);
        self.timers.processing.prefetch_bucket(hash);
    }

    #[inline(always)]
    fn entry(&self, hash: KeyHash) -> Hint {
        self.state.prefetch_entry(hash);
        self.timers.event.prefetch_entry(hash);
        self.timers.processing.prefetch_entry(hash);
        // Each table looks into its bucket again, which is there by then.
        Hint::default()
    }
}
