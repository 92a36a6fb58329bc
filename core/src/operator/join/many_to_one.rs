//! Many-to-one join: records of the left stream with the one record that has their key on the right, whenever it comes.
//!
//! It is a regular join whose right side has each key once, as a table has its primary key. So a left record is kept only until its partner is there, and
//! then never again: what is kept is the right side, and what waits.
//!
//! All state is in the tables `right` and `waiting` of the operator.

use std::rc::Rc;

use crate::checkpoint::Freezing;
use crate::error::OperatorFault;
use crate::exchange::{KeySelector, Records};
use crate::operator::ahead::each_ahead;
use crate::operator::output::{AnyOutput, Output};
use crate::operator::{Input, Operator, Progress};
use crate::raw::view::Rec;
use crate::record::{KeyHash, KeyScratch, Record};
use crate::state::{Hint, Prefetch, TimedLists, TimedRecords};
use crate::time::EventTime;

/// Both sides, as arrivals look ahead into them.
struct Both<'a, A: Record, B: Record> {
    right: &'a mut TimedRecords<B>,
    waiting: &'a mut TimedLists<A>,
}

impl<A: Record, B: Record> Prefetch for Both<'_, A, B> {
    type Key = KeyHash;

    #[inline]
    fn bucket(&self, hash: KeyHash) {
        self.right.prefetch_bucket(hash);
    }

    #[inline]
    fn entry(&self, hash: KeyHash) -> Hint {
        self.right.prefetch_entry(hash)
    }
}

/// Made by `RegularJoinedStreams::many_to_one`.
pub(crate) struct ManyToOne<A: Record, B: Record, SA, SB, F, U: Record> {
    selectors: (Rc<SA>, Rc<SB>),
    right: TimedRecords<B>,
    waiting: TimedLists<A>,
    pair: F,
    out: Output<U>,
    key: KeyScratch,
}

impl<A: Record, B: Record, SA, SB, F, U: Record> ManyToOne<A, B, SA, SB, F, U> {
    pub(crate) fn new(
        selectors: (Rc<SA>, Rc<SB>),
        (right, waiting): (TimedRecords<B>, TimedLists<A>),
        pair: F,
        out: Output<U>,
    ) -> Self {
        Self { selectors, right, waiting, pair, out, key: KeyScratch::default() }
    }
}

impl<A, B, SA, SB, F, U> Operator for ManyToOne<A, B, SA, SB, F, U>
where
    A: Record,
    B: Record,
    SA: KeySelector<A>,
    SB: KeySelector<B>,
    U: Record,
    F: FnMut(&Rec<A>, &Rec<B>) -> Option<U> + 'static,
{
    fn freeze(&mut self, into: &mut Freezing<'_>) -> Result<Progress, OperatorFault> {
        into.state(&mut self.right);
        into.state(&mut self.waiting);
        Ok(Progress::Done)
    }

    fn outputs(&mut self, each: &mut dyn FnMut(&mut dyn AnyOutput)) {
        each(&mut self.out);
    }
}

impl<A, B, SA, SB, F, U> Input<A, 0> for ManyToOne<A, B, SA, SB, F, U>
where
    A: Record,
    B: Record,
    SA: KeySelector<A>,
    SB: KeySelector<B>,
    U: Record,
    F: FnMut(&Rec<A>, &Rec<B>) -> Option<U> + 'static,
{
    fn records(&mut self, run: Records<'_, A>) -> Result<(), OperatorFault> {
        let Self { selectors, right, waiting, pair, out, key } = self;
        let mut both = Both { right, waiting };
        each_ahead(
            run,
            &mut both,
            |_: EventTime, hash| hash,
            |both, hint, (record, at, hash)| {
                let key = selectors.0.bytes(record, key);
                match both.right.get_at((hash, hint), key) {
                    None => both.waiting.append(hash, key, record, at),
                    Some((partner, partner_at)) => {
                        if let Some(pair) = pair(record, partner) {
                            out.value(&pair, at.max(partner_at));
                        }
                    }
                }
            },
        );
        Ok(())
    }
}

const NOT_UNIQUE: &str = "a second record of the right side has the same key: a many-to-one join needs a right side in which each key is once; use apply()";

impl<A, B, SA, SB, F, U> Input<B, 1> for ManyToOne<A, B, SA, SB, F, U>
where
    A: Record,
    B: Record,
    SA: KeySelector<A>,
    SB: KeySelector<B>,
    U: Record,
    F: FnMut(&Rec<A>, &Rec<B>) -> Option<U> + 'static,
{
    fn records(&mut self, run: Records<'_, B>) -> Result<(), OperatorFault> {
        let Self { selectors, right, waiting, pair, out, key } = self;
        let mut both = Both { right, waiting };
        let mut fault = None;
        each_ahead(
            run,
            &mut both,
            |_: EventTime, hash| hash,
            |both, _, (record, at, hash)| {
                let key = selectors.1.bytes(record, key);
                if both.right.get(hash, key).is_some() {
                    fault.get_or_insert(NOT_UNIQUE);
                    return;
                }
                both.right.put(hash, key, record, at);
                both.waiting.for_each(hash, key, |left, left_at| {
                    if let Some(pair) = pair(left, record) {
                        out.value(&pair, at.max(left_at));
                    }
                });
                both.waiting.remove(hash, key);
            },
        );
        fault.map_or(Ok(()), |fault| Err(fault.into()))
    }
}
