//! The window operator for all windows that are not made of shared slices: assign, add, fire, purge.
//!
//! It is put together from an [assigner](super::assigner), a place where panes are kept ([`super::separate`], [`super::session`]), and
//! a [`Firing`], which is trigger, contents and output.
//!
//! # Invariants
//!
//! 1. A record is added to each of its windows that has not closed for good, or, if all have, goes to the late output. One without a
//!    window goes nowhere.
//! 2. What is due at a watermark is done in the order of the instants for which it waited, then of the keys' hashes; in slices.

use std::rc::Rc;

use super::TimeWindow;
use super::assigner::WindowAssigner;
use super::pane::{Add, Body, Firing, PaneOf, Site};
use super::trigger::Trigger;
use crate::checkpoint::{Freezing, Resuming};
use crate::error::OperatorFault;
use crate::exchange::{KeySelector, Records};
use crate::operator::ahead::each_ahead;
use crate::operator::output::{AnyOutput, Output};
use crate::operator::two_phase::{Early, Part};
use crate::operator::{Input, Operator, Progress};
use crate::raw::scratch::Scratch;
use crate::record::{KeyHash, KeyRef, KeyScratch, Record};
use crate::state::{Hint, Prefetch};
use crate::time::{EventTime, ProcessingTime};

/// Where the panes of all keys are kept.
pub(crate) trait Panes<T: Record, G: Trigger<T>, B: Body>:
    Prefetch<Key = KeyHash> + 'static
{
    /// Hands the pane of `window` to `take`, made if need be; false if the window has closed for good.
    fn arrive(
        &mut self,
        firing: &mut Firing<T, G, B>,
        key: (KeyHash, Hint, &[u8]),
        window: TimeWindow,
        take: impl FnOnce(&mut Firing<T, G, B>, &mut PaneOf<T, G, B>, &Site<'_>),
    ) -> bool;

    /// Does what is due at the watermark, about `limit` panes of it.
    fn fire(&mut self, firing: &mut Firing<T, G, B>, limit: &mut usize) -> Progress;

    /// Does what is due by the clock, about `limit` panes of it.
    fn fire_by_clock(&mut self, firing: &mut Firing<T, G, B>, limit: &mut usize);

    /// Shows all tables.
    fn freeze(&mut self, into: &mut Freezing<'_>);

    /// For when the earliest timers are set: of event time, and of the clock.
    fn timers(&self) -> (Option<EventTime>, Option<EventTime>);
}

/// Panes, what they are worked on with, and the windows of the current record.
pub(crate) struct Windows<T: Record, W, G, B: Body, P> {
    assigner: W,
    panes: P,
    pub(crate) firing: Firing<T, G, B>,
    windows: Vec<TimeWindow>,
}

impl<T: Record, W, G: Trigger<T>, B: Body, P: Panes<T, G, B>> Windows<T, W, G, B, P> {
    pub(crate) fn new(assigner: W, panes: P, firing: Firing<T, G, B>) -> Self {
        Self { assigner, panes, firing, windows: Vec::new() }
    }

    /// Takes a run of records of type `R`; `take` adds one to a pane.
    pub(crate) fn records<R, S>(
        &mut self,
        run: Records<'_, R>,
        (selector, scratch): (&S, &mut KeyScratch),
        late: &mut Output<R>,
        mut take: impl FnMut(
            &mut Firing<T, G, B>,
            &mut PaneOf<T, G, B>,
            &Site<'_>,
            (&crate::raw::view::Rec<R>, EventTime),
        ),
    ) -> Result<(), OperatorFault>
    where
        R: Record,
        S: KeySelector<R>,
        W: WindowAssigner<R>,
    {
        let Self { assigner, panes, firing, windows } = self;
        let mut fault = None;
        each_ahead(
            run,
            panes,
            |_, hash| hash,
            |panes, hint, (record, at, hash)| {
                windows.clear();
                let at =
                    if W::BY_CLOCK { EventTime::from_nanos(firing.now.as_nanos()) } else { at };
                assigner.assign(record, at, windows);
                let key = selector.bytes(record, scratch);
                let mut is_taken = windows.is_empty();
                for &window in &*windows {
                    if window.end <= window.start {
                        fault.get_or_insert_with(|| empty_window(window));
                        continue;
                    }
                    is_taken |=
                        panes.arrive(firing, (hash, hint, key), window, |firing, pane, site| {
                            take(firing, pane, site, (record, at));
                        });
                }
                if !is_taken {
                    late.record(record, at);
                }
            },
        );
        fault.map_or(Ok(()), Err)
    }

    /// Takes what records have come to elsewhere: in windows that have not ended, and that merge with what is here.
    pub(crate) fn parts<S: KeySelector<T>>(
        &mut self,
        run: Records<'_, Early<T, S::Key, B::Value>>,
        (selector, scratch): (&S, &mut KeyScratch),
        late: &mut Output<T>,
    ) -> Result<(), OperatorFault>
    where
        W: WindowAssigner<T>,
        B: Add<T>,
    {
        let Self { assigner, panes, firing, windows } = self;
        let mut whole = Scratch::default();
        each_ahead(
            run,
            panes,
            |_, hash| hash,
            |panes, hint, (early, at, hash)| match early.to_value() {
                Early::Part(Part { key, end, value }) => {
                    let window = TimeWindow { start: at, end };
                    let key = KeyRef::bytes(&key, scratch);
                    let is_taken =
                        panes.arrive(firing, (hash, hint, key), window, |firing, pane, site| {
                            firing.body.merge(&mut pane.value, site, value, window);
                        });
                    assert!(is_taken, "invariant: what is held is sent before its window closes");
                }
                Early::Whole(record) => {
                    let record = whole.archive(&record);
                    windows.clear();
                    assigner.assign(record, at, windows);
                    let key = selector.bytes(record, scratch);
                    let is_taken = windows.iter().any(|&window| {
                        panes.arrive(firing, (hash, hint, key), window, |firing, pane, site| {
                            firing.record(pane, site, record, at);
                        })
                    });
                    if !is_taken {
                        late.record(record, at);
                    }
                }
            },
        );
        Ok(())
    }

    /// Shows all tables.
    pub(crate) fn freeze(&mut self, into: &mut Freezing<'_>) {
        self.panes.freeze(into);
        self.firing.body.freeze(into);
    }

    /// Event time was at `at` when the barrier came.
    pub(crate) fn resume<R: Record>(&mut self, at: EventTime)
    where
        W: WindowAssigner<R>,
    {
        if !W::BY_CLOCK || at == EventTime::MAX {
            self.firing.watermark = at;
        }
    }

    /// The watermark has come to `at`.
    pub(crate) fn advance<R: Record>(&mut self, at: EventTime) -> Progress
    where
        W: WindowAssigner<R>,
    {
        // Windows of processing time take no notice of event time, but for its end.
        if W::BY_CLOCK && at != EventTime::MAX {
            return Progress::Done;
        }
        self.firing.watermark = at;
        self.fire(FIRST_SLICE)
    }

    /// The clock, for the step that begins.
    pub(crate) fn clock(&mut self, now: ProcessingTime) {
        self.firing.now = now;
    }

    /// When something is due by the clock.
    pub(crate) fn alarm<R: Record>(&self) -> Option<ProcessingTime>
    where
        W: WindowAssigner<R>,
    {
        let (event_time, clock) = self.panes.timers();
        let next = match event_time.filter(|_| W::BY_CLOCK) {
            Some(at) => Some(clock.map_or(at, |clock| clock.min(at))),
            None => clock,
        };
        next.filter(|at| *at != EventTime::MAX).map(|at| ProcessingTime::from_nanos(at.as_nanos()))
    }

    /// Does what is due by the clock.
    pub(crate) fn on_alarm<R: Record>(&mut self, mut limit: usize)
    where
        W: WindowAssigner<R>,
    {
        if W::BY_CLOCK {
            let now = EventTime::from_nanos(self.firing.now.as_nanos());
            self.firing.watermark = self.firing.watermark.max(now);
            if self.fire(limit) == Progress::More {
                return;
            }
        }
        self.panes.fire_by_clock(&mut self.firing, &mut limit);
    }

    /// Does what is due, about `limit` panes of it.
    pub(crate) fn fire(&mut self, mut limit: usize) -> Progress {
        let progress = self.panes.fire(&mut self.firing, &mut limit);
        if progress == Progress::Done {
            self.firing.settle();
        }
        progress
    }
}

#[cold]
fn empty_window(window: TimeWindow) -> OperatorFault {
    let TimeWindow { start, end } = window;
    format!(
        "the window assigner gave a window from {start} to {end}; a window ends after its start"
    )
    .into()
}

/// Panes of the first slice of a firing: a page or two of results.
const FIRST_SLICE: usize = 256;

/// Made by `WindowedStream::aggregate` and its like.
pub(crate) struct WindowOperator<T: Record, S, W, G, B: Body, P> {
    selector: Rc<S>,
    windows: Windows<T, W, G, B, P>,
    late: Output<T>,
    key: KeyScratch,
}

impl<T: Record, S, W, G, B: Body, P> WindowOperator<T, S, W, G, B, P> {
    pub(crate) fn new(selector: Rc<S>, windows: Windows<T, W, G, B, P>, late: Output<T>) -> Self {
        Self { selector, windows, late, key: KeyScratch::default() }
    }
}

impl<T, S, W, G, B, P> Operator for WindowOperator<T, S, W, G, B, P>
where
    T: Record,
    S: KeySelector<T>,
    W: WindowAssigner<T>,
    G: Trigger<T>,
    B: Body,
    P: Panes<T, G, B>,
{
    fn watermark(&mut self, at: EventTime) -> Result<Progress, OperatorFault> {
        Ok(self.windows.advance::<T>(at))
    }

    fn clock(&mut self, now: ProcessingTime) {
        self.windows.clock(now);
    }

    fn alarm(&self) -> Option<ProcessingTime> {
        self.windows.alarm::<T>()
    }

    fn on_alarm(&mut self, limit: usize) -> Result<(), OperatorFault> {
        self.windows.on_alarm::<T>(limit.max(1));
        Ok(())
    }

    fn slice(&mut self, limit: usize) -> Result<Progress, OperatorFault> {
        Ok(self.windows.fire(limit.max(1)))
    }

    fn freeze(&mut self, into: &mut Freezing<'_>) -> Result<Progress, OperatorFault> {
        self.windows.freeze(into);
        Ok(Progress::Done)
    }

    fn resume(&mut self, from: &Resuming<'_>) -> Result<(), OperatorFault> {
        self.windows.resume::<T>(from.watermark());
        Ok(())
    }

    fn outputs(&mut self, each: &mut dyn FnMut(&mut dyn AnyOutput)) {
        each(&mut self.windows.firing.out);
        each(&mut self.late);
    }

    fn late(&self) -> u64 {
        self.late.records()
    }
}

impl<T, S, W, G, B, P> Input<T, 0> for WindowOperator<T, S, W, G, B, P>
where
    T: Record,
    S: KeySelector<T>,
    W: WindowAssigner<T>,
    G: Trigger<T>,
    B: Add<T>,
    P: Panes<T, G, B>,
{
    fn records(&mut self, run: Records<'_, T>) -> Result<(), OperatorFault> {
        let Self { selector, windows, late, key } = self;
        windows.records(run, (&**selector, key), late, |firing, pane, site, (record, at)| {
            firing.record(pane, site, record, at);
        })
    }
}

/// Those of two phases, of windows that merge.
impl<T, S, W, G, B, P> Input<Early<T, S::Key, B::Value>, 0> for WindowOperator<T, S, W, G, B, P>
where
    T: Record,
    S: KeySelector<T>,
    W: WindowAssigner<T>,
    G: Trigger<T>,
    B: Add<T>,
    P: Panes<T, G, B>,
{
    fn records(
        &mut self,
        run: Records<'_, Early<T, S::Key, B::Value>>,
    ) -> Result<(), OperatorFault> {
        let Self { selector, windows, late, key } = self;
        windows.parts(run, (&**selector, key), late)
    }
}
