//! Aligned windows that fire with the watermark: tumbling, sliding, cumulating.
//!
//! All keys have the same windows, so state is a table a slice and a firing is a walk over tables: no timer, no state a key and window. A
//! record is added to one slice; what a window is put together from is the business of the [tree](super::tree).
//!
//! # Invariants
//!
//! 1. A record is added to its slice or sent to the late output, never both; neither only in a gap between windows. It is late if all its
//!    windows ended, with the allowed lateness, at or before the watermark.
//! 2. Windows fire in the order of their ends, each once on time, in slices, so that a million keys do not stop the core. Keys come in the
//!    order in which they came into the oldest pane of the window that has them.
//! 3. A late record within the allowance fires its windows that have fired, at once, for its key: all records again, or, if discarding, it alone.
//!
//! # Source
//!
//! Akidau et al., "The Dataflow Model", PVLDB 8(12), 2015.

use std::rc::Rc;

use super::TimeWindow;
use super::lateness::Lateness;
use super::result::{Finish, Fired, PaneInfo, Timing};
use super::slices::Slices;
use super::tree::PaneTree;
use crate::checkpoint::{Freezing, Resuming};
use crate::error::OperatorFault;
use crate::exchange::{KeySelector, Records};
use crate::operator::aggregate::Aggregator;
use crate::operator::ahead::each_ahead;
use crate::operator::output::{AnyOutput, Output};
use crate::operator::two_phase::{Early, EarlyOf, Part};
use crate::operator::{Input, Operator, Progress};
use crate::raw::scratch::Scratch;
use crate::raw::view::Rec;
use crate::record::{KeyHash, KeyRef, KeyScratch, Record};
use crate::state::{Hint, Prefetch, SlicePanes};
use crate::time::EventTime;

/// What the operator keeps in the store.
pub(crate) struct AlignedState<A: Record> {
    pub(crate) tree: PaneTree<A>,
    /// How often late records have fired a key's window, by the window's last slice.
    pub(crate) late_firings: SlicePanes<u32>,
}

/// Made by `WindowedStream::aggregate` and its like.
pub(crate) struct AlignedWindows<T: Record, S, A: Aggregator<T>, F: Finish<A::Result>> {
    slices: Slices,
    lateness: Lateness,
    selector: Rc<S>,
    state: AlignedState<A::Accumulator>,
    aggregator: A,
    finish: F,
    on_time: Output<F::Out>,
    late: Output<T>,
    watermark: EventTime,
    /// The last slice that has ended.
    closed: i64,
    /// The first slice of a window that takes records.
    first_live: i64,
    /// No window that ends with a slice before this one has to fire.
    next: i64,
    /// Whether the tree puts the window together that ends with `next`.
    is_begun: bool,
    /// The slice of the last record, which is mostly that of the next.
    current: (TimeWindow, i64),
    key: KeyScratch,
}

impl<T, S, A, F> AlignedWindows<T, S, A, F>
where
    T: Record,
    S: KeySelector<T>,
    A: Aggregator<T>,
    F: Finish<A::Result>,
{
    pub(crate) fn new(
        (slices, lateness): (Slices, Lateness),
        selector: Rc<S>,
        state: AlignedState<A::Accumulator>,
        (aggregator, finish): (A, F),
        (on_time, late): (Output<F::Out>, Output<T>),
    ) -> Self {
        let first = slices.index(EventTime::EPOCH);
        Self {
            slices,
            lateness,
            selector,
            state,
            aggregator,
            finish,
            on_time,
            late,
            watermark: EventTime::MIN,
            closed: i64::MIN,
            first_live: i64::MIN,
            next: i64::MIN,
            is_begun: false,
            current: (slices.span(first), first),
            key: KeyScratch::default(),
        }
    }

    /// The next window that has records and has ended, by its last slice.
    fn next_window(&mut self) -> Option<i64> {
        loop {
            let last = self.slices.next_last(self.next);
            let first = self.slices.first_of(last);
            // A window without records gives nothing: on to the first that may have some.
            match self.state.tree.first_from(first) {
                Some(slice) if last > self.closed || slice > self.closed => break,
                Some(slice) if slice <= last => return Some(last),
                Some(slice) => self.next = slice,
                None => break,
            }
        }
        self.next = self.next.max(self.closed.saturating_add(1));
        None
    }

    /// Fires what is due, up to about `limit` keys and merges.
    fn fire(&mut self, mut limit: usize) -> Progress {
        while let Some(last) = self.next_window() {
            if !self.is_begun {
                self.state.tree.begin(self.slices.first_of(last), last);
                self.is_begun = true;
            }
            if !self.put_together(last, &mut limit) {
                return Progress::More;
            }
            self.is_begun = false;
            self.next = last.saturating_add(1);
        }
        let gone = self.lateness.before(self.watermark);
        self.first_live = self.slices.first_live(self.slices.closed(gone));
        self.state.tree.drop_below(self.first_live);
        self.state.late_firings.drop_below(self.slices.closed(gone).saturating_add(1));
        self.finish.forget_through(gone);
        Progress::Done
    }

    /// Goes on with the window that ends with `last`; true if it is done.
    fn put_together(&mut self, last: i64, limit: &mut usize) -> bool {
        let Self { slices, state, aggregator, finish, on_time, watermark, .. } = self;
        let (window, watermark) = (slices.window(last), *watermark);
        let merge = |into: &mut A::Accumulator, later| aggregator.merge(into, later);
        state.tree.build(limit, || aggregator.create(), merge)
            && state.tree.show(limit, merge, |hash, key, value| {
                let pane = PaneInfo { timing: Timing::OnTime, number: 0 };
                let fired = Fired { hash, key, window, pane, watermark, at: window.last_instant() };
                finish.finish(&fired, aggregator.result(&value), on_time);
            })
    }

    /// Adds a record to a slice that has ended, and fires the windows that have fired.
    #[cold]
    fn add_late(&mut self, index: i64, record: &Rec<T>, at: EventTime, hash: KeyHash) {
        let Self { slices, lateness, selector, state, aggregator, closed, watermark, .. } = self;
        let key = selector.bytes(record, &mut self.key);
        let gone = slices.closed(lateness.before(*watermark));
        let open = slices.windows_of(index).filter(|last| *last > gone && *last <= *closed);
        for last in open {
            let range = (slices.first_of(last), last);
            let mut value = aggregator.create();
            let mut has_fired = false;
            state.tree.show_key(range, (hash, key), &mut |part| {
                has_fired = true;
                if lateness.accumulating {
                    aggregator.merge(&mut value, part);
                }
            });
            aggregator.add(&mut value, record, at);
            let number = state.late_firings.update(
                last,
                hash,
                key,
                || u32::from(has_fired),
                |next| std::mem::replace(next, next.saturating_add(1)),
            );
            let pane = PaneInfo { timing: Timing::Late, number };
            let window = slices.window(last);
            let (watermark, at) = (*watermark, window.last_instant());
            let fired = Fired { hash, key, window, pane, watermark, at };
            self.finish.finish(&fired, aggregator.result(&value), &mut self.on_time);
        }
        state.tree.update_late(
            index,
            (hash, key),
            || aggregator.create(),
            |value| aggregator.add(value, record, at),
        );
    }

    /// The slices of instants, most of which are in one.
    fn index_of(&self) -> impl Fn(EventTime) -> i64 + use<T, S, A, F> {
        let (slices, current) = (self.slices, self.current);
        move |at| if current.0.covers(at) { current.1 } else { slices.index(at) }
    }

    /// The slice of `at`.
    #[inline(always)]
    fn index_at(&mut self, at: EventTime) -> i64 {
        if !self.current.0.covers(at) {
            let index = self.slices.index(at);
            self.current = (self.slices.span(index), index);
        }
        self.current.1
    }

    /// A record.
    #[inline(always)]
    fn arrive(&mut self, record: &Rec<T>, at: EventTime, (hash, hint): (KeyHash, Hint)) {
        let index = self.index_at(at);
        if index <= self.closed || self.slices.is_gap(index) {
            self.arrive_late(index, record, at, hash);
            return;
        }
        let Self { selector, state, aggregator, key, .. } = self;
        state.tree.slices_mut().update(
            index,
            (hash, hint),
            selector.bytes(record, key),
            || aggregator.create(),
            |value| aggregator.add(value, record, at),
        );
    }

    /// What records of one key and slice have come to elsewhere.
    fn arrive_part(
        &mut self,
        Part { key, value: part, .. }: Part<S::Key, A::Accumulator>,
        at: EventTime,
        (hash, hint): (KeyHash, Hint),
    ) {
        let index = self.index_at(at);
        assert!(index > self.closed, "invariant: what is held is sent before its slice is closed");
        let Self { state, aggregator, key: scratch, .. } = self;
        state.tree.slices_mut().update(
            index,
            (hash, hint),
            KeyRef::bytes(&key, scratch),
            || aggregator.create(),
            |value| aggregator.merge(value, part),
        );
    }

    /// A record of a slice that has ended: too late, within the allowance, or for windows that have not ended yet.
    #[cold]
    fn arrive_late(&mut self, index: i64, record: &Rec<T>, at: EventTime, hash: KeyHash) {
        if self.slices.is_gap(index) {
            return;
        }
        if index < self.first_live {
            self.late.record(record, at);
        } else {
            self.add_late(index, record, at, hash);
        }
    }
}

impl<T: Record, S, A: Aggregator<T>, F: Finish<A::Result>> Prefetch for AlignedWindows<T, S, A, F> {
    type Key = (i64, KeyHash);

    #[inline(always)]
    fn bucket(&self, key: (i64, KeyHash)) {
        self.state.tree.slices().bucket(key);
    }

    #[inline(always)]
    fn entry(&self, key: (i64, KeyHash)) -> Hint {
        self.state.tree.slices().entry(key)
    }

    #[inline(always)]
    fn again(&self, key: (i64, KeyHash)) -> Hint {
        self.state.tree.slices().again(key)
    }
}

/// Results of the first slice of a firing: a page or two.
const FIRST_SLICE: usize = 256;

impl<T, S, A, F> Operator for AlignedWindows<T, S, A, F>
where
    T: Record,
    S: KeySelector<T>,
    A: Aggregator<T>,
    F: Finish<A::Result>,
{
    fn watermark(&mut self, at: EventTime) -> Result<Progress, OperatorFault> {
        self.watermark = at;
        self.closed = self.slices.closed(at);
        Ok(self.fire(FIRST_SLICE))
    }

    fn slice(&mut self, limit: usize) -> Result<Progress, OperatorFault> {
        Ok(self.fire(limit.max(1)))
    }

    fn freeze(&mut self, into: &mut Freezing<'_>) -> Result<Progress, OperatorFault> {
        self.state.tree.freeze(into);
        into.state(&mut self.state.late_firings);
        self.finish.freeze(into);
        Ok(Progress::Done)
    }

    fn resume(&mut self, from: &Resuming<'_>) -> Result<(), OperatorFault> {
        // No firing was under way, so all windows that had ended have fired.
        self.watermark = from.watermark();
        self.closed = self.slices.closed(self.watermark);
        self.next = self.closed.saturating_add(1);
        let gone = self.lateness.before(self.watermark);
        self.first_live = self.slices.first_live(self.slices.closed(gone));
        Ok(())
    }

    fn outputs(&mut self, each: &mut dyn FnMut(&mut dyn AnyOutput)) {
        each(&mut self.on_time);
        each(&mut self.late);
    }

    fn late(&self) -> u64 {
        self.late.records()
    }
}

impl<T, S, A, F> Input<T, 0> for AlignedWindows<T, S, A, F>
where
    T: Record,
    S: KeySelector<T>,
    A: Aggregator<T>,
    F: Finish<A::Result>,
{
    fn records(&mut self, run: Records<'_, T>) -> Result<(), OperatorFault> {
        let index_of = self.index_of();
        each_ahead(
            run,
            self,
            |at, hash| (index_of(at), hash),
            |this, hint, (record, at, hash)| this.arrive(record, at, (hash, hint)),
        );
        Ok(())
    }
}

/// Those of two phases: accumulators of a slice that has not ended, and records as they are.
impl<T, S, A, F> Input<EarlyOf<T, S, A>, 0> for AlignedWindows<T, S, A, F>
where
    T: Record,
    S: KeySelector<T>,
    A: Aggregator<T>,
    F: Finish<A::Result>,
{
    fn records(&mut self, run: Records<'_, EarlyOf<T, S, A>>) -> Result<(), OperatorFault> {
        let index_of = self.index_of();
        let mut whole = Scratch::default();
        each_ahead(
            run,
            self,
            |at, hash| (index_of(at), hash),
            |this, hint, (early, at, hash)| match early.to_value() {
                Early::Whole(record) => this.arrive(whole.archive(&record), at, (hash, hint)),
                Early::Part(part) => this.arrive_part(part, at, (hash, hint)),
            },
        );
        Ok(())
    }
}
