//! An inner join over tumbling, sliding or cumulating windows: pairs of records of two streams with equal key in the same window.
//!
//! Symmetric hash join: each record is kept once, in its slice, and meets at once what the other side has brought to the slices of its windows.
//! So a pair leaves when its second record arrives, once for each window that holds both, and closing a window only drops tables. A pair's event
//! time is the last instant of its window, as in Flink, so it is never behind the watermark; but for a pair of a record that came late, within what is
//! allowed. Lateness keeps slices longer, and is all that it does: a window has no firings that could come again.
//!
//! # Invariants
//!
//! 1. A record is late if all its windows have closed, which is when they end and what is allowed has passed; in a gap between windows it meets nobody.
//! 2. Pairs of one arrival come by the partner's slice and arrival, and with one partner by window.
//!
//! # Source
//!
//! Wilschut and Apers, "Dataflow query execution in a parallel main-memory environment", PDIS 1991.

use std::rc::Rc;

use super::JoinOutputs;
use crate::checkpoint::{Freezing, Resuming};
use crate::error::OperatorFault;
use crate::exchange::{KeySelector, Records};
use crate::operator::output::{AnyOutput, Output};
use crate::operator::{Input, Operator, Progress};
use crate::raw::view::Rec;
use crate::record::{KeyHash, KeyScratch, Record};
use crate::state::TimedListPanes;
use crate::time::EventTime;
use crate::window::{Lateness, Slices};

/// One side: what it has brought, and what came too late.
struct Side<T: Record, S> {
    selector: Rc<S>,
    panes: TimedListPanes<T>,
    late: Output<T>,
}

/// Windows and how far they have closed.
#[derive(Debug, Clone, Copy)]
struct Extent {
    slices: Slices,
    lateness: Lateness,
    closed: i64,
    first_live: i64,
}

impl Extent {
    /// The watermark is at `at`.
    fn close(&mut self, at: EventTime) {
        self.closed = self.slices.closed(self.lateness.before(at));
        self.first_live = self.slices.first_live(self.closed);
    }
}

/// Made by `JoinedStreams::apply`.
pub(crate) struct SlicedJoin<A: Record, B: Record, SA, SB, F, U: Record> {
    extent: Extent,
    left: Side<A, SA>,
    right: Side<B, SB>,
    pair: F,
    out: Output<U>,
    key: KeyScratch,
}

impl<A: Record, B: Record, SA, SB, F, U: Record> SlicedJoin<A, B, SA, SB, F, U> {
    pub(crate) fn new(
        (slices, lateness): (Slices, Lateness),
        (left, left_panes): (Rc<SA>, TimedListPanes<A>),
        (right, right_panes): (Rc<SB>, TimedListPanes<B>),
        pair: F,
        outputs: JoinOutputs<A, B, U>,
    ) -> Self {
        let JoinOutputs { pairs, late_left, late_right } = outputs;
        Self {
            extent: Extent { slices, lateness, closed: i64::MIN, first_live: i64::MIN },
            left: Side { selector: left, panes: left_panes, late: late_left },
            right: Side { selector: right, panes: right_panes, late: late_right },
            pair,
            out: pairs,
            key: KeyScratch::default(),
        }
    }
}

/// The lesser first.
fn ordered(one: i64, other: i64) -> (i64, i64) {
    (one.min(other), one.max(other))
}

/// Keeps one record and hands each partner of the other side, with the pair's event time, to `meet`; late ones go where they belong.
fn arrive<T: Record, S: KeySelector<T>, O: Record, P>(
    extent: Extent,
    own: &mut Side<T, S>,
    other: &mut Side<O, P>,
    key: &mut KeyScratch,
    (record, at, hash): (&Rec<T>, EventTime, KeyHash),
    mut meet: impl FnMut(&Rec<O>, EventTime),
) {
    let Extent { slices, closed, first_live, .. } = extent;
    let index = slices.index(at);
    if slices.is_gap(index) {
        return;
    }
    if index < first_live {
        own.late.record(record, at);
        return;
    }
    let key = own.selector.bytes(record, key);
    own.panes.append(index, hash, key, record, at);
    let reach = (slices.first_of(slices.next_last(index)), slices.final_last(index));
    other.panes.for_each(reach, hash, key, |partner, partner_at| {
        let (older, newer) = ordered(index, slices.index(partner_at));
        let common = slices.windows_of(newer).take_while(|last| slices.first_of(*last) <= older);
        for last in common.filter(|last| *last > closed) {
            meet(partner, slices.window(last).last_instant());
        }
    });
}

impl<A, B, SA, SB, F, U> Operator for SlicedJoin<A, B, SA, SB, F, U>
where
    A: Record,
    B: Record,
    SA: KeySelector<A>,
    SB: KeySelector<B>,
    U: Record,
    F: FnMut(&Rec<A>, &Rec<B>) -> U + 'static,
{
    fn watermark(&mut self, at: EventTime) -> Result<Progress, OperatorFault> {
        self.extent.close(at);
        self.left.panes.drop_below(self.extent.first_live);
        self.right.panes.drop_below(self.extent.first_live);
        Ok(Progress::Done)
    }

    fn freeze(&mut self, into: &mut Freezing<'_>) -> Result<Progress, OperatorFault> {
        into.state(&mut self.left.panes);
        into.state(&mut self.right.panes);
        Ok(Progress::Done)
    }

    fn resume(&mut self, from: &Resuming<'_>) -> Result<(), OperatorFault> {
        self.extent.close(from.watermark());
        Ok(())
    }

    fn outputs(&mut self, each: &mut dyn FnMut(&mut dyn AnyOutput)) {
        each(&mut self.out);
        each(&mut self.left.late);
        each(&mut self.right.late);
    }

    fn late(&self) -> u64 {
        self.left.late.records() + self.right.late.records()
    }
}

impl<A, B, SA, SB, F, U> Input<A, 0> for SlicedJoin<A, B, SA, SB, F, U>
where
    A: Record,
    B: Record,
    SA: KeySelector<A>,
    SB: KeySelector<B>,
    U: Record,
    F: FnMut(&Rec<A>, &Rec<B>) -> U + 'static,
{
    fn records(&mut self, run: Records<'_, A>) -> Result<(), OperatorFault> {
        let Self { extent, left, right, pair, out, key } = self;
        for arrival in run.keyed() {
            arrive(*extent, left, right, key, arrival, |partner, at| {
                out.value(&pair(arrival.0, partner), at);
            });
        }
        Ok(())
    }
}

impl<A, B, SA, SB, F, U> Input<B, 1> for SlicedJoin<A, B, SA, SB, F, U>
where
    A: Record,
    B: Record,
    SA: KeySelector<A>,
    SB: KeySelector<B>,
    U: Record,
    F: FnMut(&Rec<A>, &Rec<B>) -> U + 'static,
{
    fn records(&mut self, run: Records<'_, B>) -> Result<(), OperatorFault> {
        let Self { extent, left, right, pair, out, key } = self;
        for arrival in run.keyed() {
            arrive(*extent, right, left, key, arrival, |partner, at| {
                out.value(&pair(partner, arrival.0), at);
            });
        }
        Ok(())
    }
}
