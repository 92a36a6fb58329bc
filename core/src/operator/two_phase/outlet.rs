//! The outlet of the first phase: through the fused chain into the table, and from there into the lanes.

use std::rc::Rc;

use super::held::{Held, Table};
use super::pieces::Pieces;
use super::{Early, Part};
use crate::error::OperatorFault;
use crate::exchange::KeySelector;
use crate::exchange::lane::Lane;
use crate::operator::aggregate::Aggregator;
use crate::operator::chain::{Chain, Emit};
use crate::operator::outlet::Outlet;
use crate::raw::page::{Control, Element, PageView};
use crate::raw::scratch::Scratch;
use crate::raw::view::Rec;
use crate::record::{KeyHash, KeyScratch, Record};
use crate::time::EventTime;

/// What travels between the phases of an aggregation.
pub(crate) type EarlyOf<T, S, A> =
    Early<T, <S as KeySelector<T>>::Key, <A as Aggregator<T>>::Accumulator>;

/// What is held of a key.
type HeldOf<T, S, A> = Held<<S as KeySelector<T>>::Key, <A as Aggregator<T>>::Accumulator>;

/// How records become accumulators, and those that have not been sent.
pub(crate) struct Combiner<T: Record, S: KeySelector<T>, A: Aggregator<T>, P> {
    selector: Rc<S>,
    aggregator: A,
    pieces: P,
    table: Table<S::Key, A::Accumulator>,
    /// What was passed on last, or what the operator had come to when it was frozen.
    watermark: EventTime,
    /// All records are sent whole.
    is_whole: bool,
    key: KeyScratch,
}

impl<T: Record, S: KeySelector<T>, A: Aggregator<T>, P: Pieces> Combiner<T, S, A, P> {
    /// `watermark`: where the operator that merges goes on from.
    pub(crate) fn new(selector: Rc<S>, aggregator: A, pieces: P, watermark: EventTime) -> Self {
        let (table, key) = (Table::new(), KeyScratch::default());
        Self { selector, aggregator, pieces, table, watermark, is_whole: false, key }
    }
}

/// A combiner, where its records come from and its accumulators go.
pub(crate) struct CombiningOutlet<C: Chain, S, A, P>
where
    S: KeySelector<C::Out>,
    A: Aggregator<C::Out>,
{
    chain: C,
    combiner: Combiner<C::Out, S, A, P>,
    lanes: Vec<Lane<EarlyOf<C::Out, S, A>>>,
    scratch: Scratch<C::Out>,
}

impl<C, S, A, P> CombiningOutlet<C, S, A, P>
where
    C: Chain,
    S: KeySelector<C::Out>,
    A: Aggregator<C::Out>,
    P: Pieces,
{
    pub(crate) fn new(
        chain: C,
        combiner: Combiner<C::Out, S, A, P>,
        lanes: Vec<Lane<EarlyOf<C::Out, S, A>>>,
    ) -> Self {
        Self { chain, combiner, lanes, scratch: Scratch::default() }
    }

    /// Sends what must not be held any longer, then the control.
    fn control(&mut self, control: Control) {
        let Self { combiner, lanes, .. } = self;
        match control {
            Control::Watermark(at) => {
                if combiner.table.is_due(at) {
                    combiner.send_until(at.saturating_add(combiner.pieces.slack()), lanes);
                }
                // Behind a restore the source's first ones may be before what the operator has come to.
                combiner.watermark = combiner.watermark.max(at);
            }
            Control::Idle => {
                combiner.send_until(EventTime::MAX, lanes);
                combiner.is_whole = P::MAY_BE_LATE;
            }
            Control::Barrier(_) | Control::Wave(_) | Control::End | Control::Halt => {
                combiner.send_until(EventTime::MAX, lanes);
            }
            Control::Active | Control::Call(_) => {}
        }
        lanes.iter_mut().for_each(|lane| lane.push_control(control));
    }
}

impl<T: Record, S: KeySelector<T>, A: Aggregator<T>, P: Pieces> Combiner<T, S, A, P> {
    /// Sends the accumulators whose pieces are due at `until` or before.
    fn send_until(&mut self, until: EventTime, lanes: &mut [Lane<EarlyOf<T, S, A>>]) {
        self.table.drain(until, |held| send(held, lanes));
    }

    /// Takes a record.
    #[inline(always)]
    fn add(&mut self, record: &Rec<T>, at: EventTime, lanes: &mut [Lane<EarlyOf<T, S, A>>]) {
        let Self { selector, aggregator, pieces, table, watermark, key, .. } = self;
        let Some(piece) = pieces.piece(at, *watermark) else { return };
        let hash = selector.hash(record);
        let bytes = selector.bytes(record, key);
        if let Some(held) = table.find(hash, bytes)
            && pieces.join(&mut held.piece, piece)
        {
            aggregator.add(&mut held.value, record, at);
            let due = held.piece.due;
            table.note_due(due);
            return;
        }
        self.add_first(record, at, hash, lanes);
    }

    /// Takes a record to which nothing fits that is held.
    fn add_first(
        &mut self,
        record: &Rec<T>,
        at: EventTime,
        hash: KeyHash,
        lanes: &mut [Lane<EarlyOf<T, S, A>>],
    ) {
        let Self { selector, aggregator, pieces, table, watermark, is_whole, key } = self;
        let Some(piece) = pieces.piece(at, *watermark) else { return };
        let bytes = selector.bytes(record, key);
        let has_ended = piece.end <= *watermark;
        if *is_whole || P::MAY_BE_LATE && has_ended {
            if let Some(held) = table.take(hash, bytes) {
                send(held, lanes);
            }
            let whole = Early::Whole(record.to_value());
            lanes[hash.owner(lanes.len())].push_value(&whole, at, hash);
            return;
        }
        let mut value = aggregator.create();
        aggregator.add(&mut value, record, at);
        let held = HeldOf::<T, S, A> {
            hash,
            key: <S::Key as crate::record::Key>::from_key_bytes(bytes),
            piece,
            value,
        };
        let gone = if has_ended { Some(held) } else { table.put(held) };
        if let Some(gone) = gone {
            send(gone, lanes);
        }
    }
}

/// Sends an accumulator to the owner of its key.
fn send<T, K, V>(held: Held<K, V>, lanes: &mut [Lane<Early<T, K, V>>])
where
    T: Record,
    K: crate::record::Key,
    V: Record,
{
    let Held { hash, key, piece, value } = held;
    let part = Early::Part(Part { key, end: piece.end, value });
    lanes[hash.owner(lanes.len())].push_value(&part, piece.at, hash);
}

/// Where the chain's results go.
struct IntoTable<'a, T: Record, S: KeySelector<T>, A: Aggregator<T>, P> {
    combiner: &'a mut Combiner<T, S, A, P>,
    lanes: &'a mut [Lane<EarlyOf<T, S, A>>],
    scratch: &'a mut Scratch<T>,
}

impl<T, S, A, P> Emit<T> for IntoTable<'_, T, S, A, P>
where
    T: Record,
    S: KeySelector<T>,
    A: Aggregator<T>,
    P: Pieces,
{
    #[inline]
    fn record(&mut self, record: &Rec<T>, at: EventTime) {
        self.combiner.add(record, at, self.lanes);
    }

    #[inline]
    fn value(&mut self, value: &T, at: EventTime) {
        self.combiner.add(self.scratch.archive(value), at, self.lanes);
    }
}

impl<C, S, A, P> Outlet<C::In> for CombiningOutlet<C, S, A, P>
where
    C: Chain,
    S: KeySelector<C::Out>,
    A: Aggregator<C::Out>,
    P: Pieces,
{
    fn page(&mut self, page: PageView<'_, C::In>) -> Result<(), OperatorFault> {
        self.lanes.iter_mut().for_each(|lane| lane.stamp(page.origin_ns()));
        let mut index = 0;
        while index < page.len() {
            let end = page.run_end(index);
            let Self { chain, combiner, lanes, scratch } = self;
            let mut emit = IntoTable { combiner, lanes, scratch };
            for (record, at) in page.records(index, end) {
                chain.push(record, at, &mut emit);
            }
            index = end;
            if index < page.len() {
                match page.element(index) {
                    Element::Control(control) => self.control(control),
                    Element::Record(..) | Element::Large(..) => {
                        unreachable!("invariant: an output's page holds records and controls")
                    }
                }
                index += 1;
            }
        }
        self.chain.fault().map_or(Ok(()), Err)
    }

    fn flush(&mut self) -> bool {
        self.lanes.iter_mut().fold(false, |any, lane| lane.flush() | any)
    }

    fn drain(&mut self) -> bool {
        self.lanes.iter_mut().fold(true, |all, lane| lane.drain() & all)
    }

    fn is_blocked(&self) -> bool {
        self.lanes.iter().any(Lane::is_blocked)
    }

    fn is_hungry(&mut self) -> bool {
        self.lanes.iter_mut().any(Lane::is_hungry)
    }

    fn has_open(&self) -> bool {
        self.lanes.iter().any(Lane::has_open)
    }

    fn is_drained(&mut self) -> bool {
        self.lanes.iter_mut().fold(true, |all, lane| lane.is_drained() & all)
    }
}
