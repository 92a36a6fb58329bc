//! `latest`: lets a record pass if its key has none that is later.
//!
//! What passes is the log of a table with the latest record of each key: each replaces the one before. So the time of that one is all there is to
//! remember; it lies in the table `latest` of the operator, for as long as the job runs.

use std::marker::PhantomData;
use std::rc::Rc;

use super::output::{AnyOutput, Output};
use super::{Input, Operator, Progress};
use crate::checkpoint::Freezing;
use crate::error::OperatorFault;
use crate::exchange::{KeySelector, Records};
use crate::operator::ahead::each_ahead;
use crate::record::{KeyScratch, Record};
use crate::state::ValueTable;
use crate::time::EventTime;

/// Made by `KeyedStream::latest`.
pub(crate) struct Latest<T: Record, S> {
    selector: Rc<S>,
    latest: ValueTable<EventTime>,
    out: Output<T>,
    key: KeyScratch,
    marker: PhantomData<fn(T)>,
}

impl<T: Record, S> Latest<T, S> {
    pub(crate) fn new(selector: Rc<S>, latest: ValueTable<EventTime>, out: Output<T>) -> Self {
        Self { selector, latest, out, key: KeyScratch::default(), marker: PhantomData }
    }
}

impl<T: Record, S: KeySelector<T>> Operator for Latest<T, S> {
    fn freeze(&mut self, into: &mut Freezing<'_>) -> Result<Progress, OperatorFault> {
        into.state(&mut self.latest);
        Ok(Progress::Done)
    }

    fn outputs(&mut self, each: &mut dyn FnMut(&mut dyn AnyOutput)) {
        each(&mut self.out);
    }
}

impl<T: Record, S: KeySelector<T>> Input<T, 0> for Latest<T, S> {
    fn records(&mut self, run: Records<'_, T>) -> Result<(), OperatorFault> {
        let Self { selector, latest, out, key, .. } = self;
        let hash_of = |_, hash| hash;
        each_ahead(run, latest, hash_of, |latest, hint, (record, at, hash)| {
            let bytes = selector.bytes(record, key);
            let passes = latest.update(
                (hash, hint),
                bytes,
                || at,
                |latest| {
                    let passes = at >= *latest;
                    *latest = at.max(*latest);
                    passes
                },
            );
            if passes {
                out.record(record, at);
            }
        });
        Ok(())
    }
}
