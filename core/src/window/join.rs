//! A window join: pairs of records of two streams with equal key in the same window.
//!
//! Symmetric hash join: each record is kept for its window and meets at once what the other side has brought, so a pair leaves when
//! its second record arrives and closing a window only drops two tables. A pair's event time is the last instant of its window, as in
//! Flink, so it is never behind the watermark.
//!
//! # Source
//!
//! Wilschut and Apers, "Dataflow query execution in a parallel main-memory environment", PDIS 1991.

use std::rc::Rc;

use super::Tumbling;
use crate::error::OperatorFault;
use crate::exchange::{KeySelector, Records};
use crate::operator::output::{AnyOutput, Output};
use crate::operator::{Input, Operator, Progress};
use crate::raw::view::Rec;
use crate::record::{KeyHash, KeyScratch, Record};
use crate::state::ListPanes;
use crate::time::EventTime;

/// One side: what it has brought, and what came too late.
struct Side<T: Record, S> {
    selector: Rc<S>,
    panes: ListPanes<T>,
    late: Output<T>,
}

/// Made by `JoinedStreams::apply`.
pub(crate) struct WindowJoin<A: Record, B: Record, SA, SB, F, U: Record> {
    window: Tumbling,
    left: Side<A, SA>,
    right: Side<B, SB>,
    pair: F,
    out: Output<U>,
    watermark: EventTime,
    key: KeyScratch,
}

crate::operator::opaque_debug!(WindowJoin<A: Record, B: Record, SA, SB, F, U: Record>);

/// The outputs of a join, for its constructor.
pub(crate) struct JoinOutputs<A: Record, B: Record, U: Record> {
    pub(crate) pairs: Output<U>,
    pub(crate) late_left: Output<A>,
    pub(crate) late_right: Output<B>,
}

impl<A: Record, B: Record, SA, SB, F, U: Record> WindowJoin<A, B, SA, SB, F, U> {
    pub(crate) fn new(
        window: Tumbling,
        (left, left_panes): (Rc<SA>, ListPanes<A>),
        (right, right_panes): (Rc<SB>, ListPanes<B>),
        pair: F,
        outputs: JoinOutputs<A, B, U>,
    ) -> Self {
        let JoinOutputs { pairs, late_left, late_right } = outputs;
        Self {
            window,
            left: Side { selector: left, panes: left_panes, late: late_left },
            right: Side { selector: right, panes: right_panes, late: late_right },
            pair,
            out: pairs,
            watermark: EventTime::MIN,
            key: KeyScratch::default(),
        }
    }
}

/// Keeps one record and hands each partner of the other side to `meet`; false if the record is late.
fn arrive<T: Record, S: KeySelector<T>, O: Record, P>(
    (window, watermark): (Tumbling, EventTime),
    own: &mut Side<T, S>,
    other: &mut Side<O, P>,
    key: &mut KeyScratch,
    (record, at, hash): (&Rec<T>, EventTime, KeyHash),
    mut meet: impl FnMut(&Rec<O>, EventTime),
) {
    let pane = window.assign(at);
    if pane.end <= watermark {
        own.late.record(record, at);
        return;
    }
    let key = own.selector.bytes(record, key);
    own.panes.append(pane.start, hash, key, record);
    other.panes.for_each(pane.start, hash, key, |partner| meet(partner, pane.last_instant()));
}

impl<A, B, SA, SB, F, U> Operator for WindowJoin<A, B, SA, SB, F, U>
where
    A: Record,
    B: Record,
    SA: KeySelector<A>,
    SB: KeySelector<B>,
    U: Record,
    F: FnMut(&Rec<A>, &Rec<B>) -> U + 'static,
{
    fn watermark(&mut self, at: EventTime) -> Result<Progress, OperatorFault> {
        self.watermark = at;
        let Some(closed) = self.window.last_closed(at) else { return Ok(Progress::Done) };
        self.left.panes.drop_through(closed);
        self.right.panes.drop_through(closed);
        Ok(Progress::Done)
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

impl<A, B, SA, SB, F, U> Input<A, 0> for WindowJoin<A, B, SA, SB, F, U>
where
    A: Record,
    B: Record,
    SA: KeySelector<A>,
    SB: KeySelector<B>,
    U: Record,
    F: FnMut(&Rec<A>, &Rec<B>) -> U + 'static,
{
    fn records(&mut self, run: Records<'_, A>) -> Result<(), OperatorFault> {
        let Self { window, left, right, pair, out, watermark, key } = self;
        for arrival in run.keyed() {
            arrive((*window, *watermark), left, right, key, arrival, |partner, at| {
                out.value(&pair(arrival.0, partner), at);
            });
        }
        Ok(())
    }
}

impl<A, B, SA, SB, F, U> Input<B, 1> for WindowJoin<A, B, SA, SB, F, U>
where
    A: Record,
    B: Record,
    SA: KeySelector<A>,
    SB: KeySelector<B>,
    U: Record,
    F: FnMut(&Rec<A>, &Rec<B>) -> U + 'static,
{
    fn records(&mut self, run: Records<'_, B>) -> Result<(), OperatorFault> {
        let Self { window, left, right, pair, out, watermark, key } = self;
        for arrival in run.keyed() {
            arrive((*window, *watermark), right, left, key, arrival, |partner, at| {
                out.value(&pair(partner, arrival.0), at);
            });
        }
        Ok(())
    }
}
