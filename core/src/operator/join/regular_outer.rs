//! Regular left outer join: as [`super::regular`], and a left record without a partner is shown alone until one comes.
//!
//! So the result is a changelog: what was shown alone is deleted when the first partner of its key arrives.
//!
//! All state is in the tables `left` and `right` of the operator; whether a left record was shown alone follows from whether the key has a right
//! one.

use std::rc::Rc;

use crate::checkpoint::Freezing;
use crate::error::OperatorFault;
use crate::exchange::{KeySelector, Records};
use crate::operator::change::Change;
use crate::operator::output::{AnyOutput, Output};
use crate::operator::{Input, Operator, Progress};
use crate::raw::view::Rec;
use crate::record::{KeyScratch, Record};
use crate::state::TimedLists;

/// Made by `RegularJoinedStreams::left_outer`.
pub(crate) struct RegularLeftJoin<A: Record, B: Record, SA, SB, F, U: Record> {
    selectors: (Rc<SA>, Rc<SB>),
    left: TimedLists<A>,
    right: TimedLists<B>,
    pair: F,
    out: Output<Change<U>>,
    key: KeyScratch,
}

impl<A: Record, B: Record, SA, SB, F, U: Record> RegularLeftJoin<A, B, SA, SB, F, U> {
    pub(crate) fn new(
        selectors: (Rc<SA>, Rc<SB>),
        (left, right): (TimedLists<A>, TimedLists<B>),
        pair: F,
        out: Output<Change<U>>,
    ) -> Self {
        Self { selectors, left, right, pair, out, key: KeyScratch::default() }
    }
}

impl<A, B, SA, SB, F, U> Operator for RegularLeftJoin<A, B, SA, SB, F, U>
where
    A: Record,
    B: Record,
    SA: KeySelector<A>,
    SB: KeySelector<B>,
    U: Record,
    F: FnMut(&Rec<A>, Option<&Rec<B>>) -> U + 'static,
{
    fn freeze(&mut self, into: &mut Freezing<'_>) -> Result<Progress, OperatorFault> {
        into.state(&mut self.left);
        into.state(&mut self.right);
        Ok(Progress::Done)
    }

    fn outputs(&mut self, each: &mut dyn FnMut(&mut dyn AnyOutput)) {
        each(&mut self.out);
    }
}

impl<A, B, SA, SB, F, U> Input<A, 0> for RegularLeftJoin<A, B, SA, SB, F, U>
where
    A: Record,
    B: Record,
    SA: KeySelector<A>,
    SB: KeySelector<B>,
    U: Record,
    F: FnMut(&Rec<A>, Option<&Rec<B>>) -> U + 'static,
{
    fn records(&mut self, run: Records<'_, A>) -> Result<(), OperatorFault> {
        let Self { selectors, left, right, pair, out, key } = self;
        for (record, at, hash) in run.keyed() {
            let key = selectors.0.bytes(record, key);
            left.append(hash, key, record, at);
            let mut is_alone = true;
            right.for_each(hash, key, |partner, partner_at| {
                is_alone = false;
                out.value(&Change::insert(pair(record, Some(partner))), at.max(partner_at));
            });
            if is_alone {
                out.value(&Change::insert(pair(record, None)), at);
            }
        }
        Ok(())
    }
}

impl<A, B, SA, SB, F, U> Input<B, 1> for RegularLeftJoin<A, B, SA, SB, F, U>
where
    A: Record,
    B: Record,
    SA: KeySelector<A>,
    SB: KeySelector<B>,
    U: Record,
    F: FnMut(&Rec<A>, Option<&Rec<B>>) -> U + 'static,
{
    fn records(&mut self, run: Records<'_, B>) -> Result<(), OperatorFault> {
        let Self { selectors, left, right, pair, out, key } = self;
        for (record, at, hash) in run.keyed() {
            let key = selectors.1.bytes(record, key);
            let is_first = right.count(hash, key) == 0;
            right.append(hash, key, record, at);
            left.for_each(hash, key, |partner, partner_at| {
                let at = at.max(partner_at);
                if is_first {
                    out.value(&Change::delete(pair(partner, None)), at);
                }
                out.value(&Change::insert(pair(partner, Some(record))), at);
            });
        }
        Ok(())
    }
}
