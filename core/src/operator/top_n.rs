//! `top_n`: the best records of each key, sent on whenever they change.
//!
//! The ranking of a key is a list in the table `rankings` of the operator, best first, ties in the order in which they came.

use std::cmp::Ordering;
use std::marker::PhantomData;
use std::rc::Rc;

use super::output::{AnyOutput, Output};
use super::{Input, Operator, Progress};
use crate::checkpoint::Freezing;
use crate::error::OperatorFault;
use crate::exchange::{KeySelector, Records};
use crate::operator::ahead::each_ahead;
use crate::raw::view::Rec;
use crate::record::{Key, KeyScratch, Record};
use crate::state::ValueTable;

/// The best records of a key so far.
#[thalweg::record]
pub struct Ranking<K: Key, T: Record> {
    /// The key.
    pub key: K,
    /// Its best records, best first.
    pub top: Vec<T>,
}

/// Made by `KeyedStream::top_n`.
pub(crate) struct TopN<T: Record, S: KeySelector<T>, R: Record, F> {
    selector: Rc<S>,
    rankings: ValueTable<Vec<(R, T)>>,
    n: usize,
    rank: F,
    out: Output<Ranking<S::Key, T>>,
    key: KeyScratch,
    marker: PhantomData<fn(T)>,
}

impl<T: Record, S: KeySelector<T>, R: Record, F> TopN<T, S, R, F> {
    pub(crate) fn new(
        selector: Rc<S>,
        rankings: ValueTable<Vec<(R, T)>>,
        n: usize,
        rank: F,
        out: Output<Ranking<S::Key, T>>,
    ) -> Self {
        let (key, marker) = (KeyScratch::default(), PhantomData);
        Self { selector, rankings, n, rank, out, key, marker }
    }
}

/// Where a record of `rank` belongs; `None` if it is not among the best `n`, or cannot be compared, as a NaN.
fn place_of<R: PartialOrd, T>(top: &[(R, T)], rank: &R, n: usize) -> Option<usize> {
    rank.partial_cmp(rank)?;
    let is_before = |(other, _): &(R, T)| other.partial_cmp(rank) != Some(Ordering::Less);
    Some(top.partition_point(is_before)).filter(|place| *place < n)
}

impl<T, S, R, F> Operator for TopN<T, S, R, F>
where
    T: Record + Clone,
    S: KeySelector<T>,
    R: Record + PartialOrd,
    F: FnMut(&Rec<T>) -> R + 'static,
{
    fn freeze(&mut self, into: &mut Freezing<'_>) -> Result<Progress, OperatorFault> {
        into.state(&mut self.rankings);
        Ok(Progress::Done)
    }

    fn outputs(&mut self, each: &mut dyn FnMut(&mut dyn AnyOutput)) {
        each(&mut self.out);
    }
}

impl<T, S, R, F> Input<T, 0> for TopN<T, S, R, F>
where
    T: Record + Clone,
    S: KeySelector<T>,
    R: Record + PartialOrd,
    F: FnMut(&Rec<T>) -> R + 'static,
{
    fn records(&mut self, run: Records<'_, T>) -> Result<(), OperatorFault> {
        let Self { selector, rankings, n, rank, out, key, .. } = self;
        let hash_of = |_, hash| hash;
        each_ahead(run, rankings, hash_of, |rankings, hint, (record, at, hash)| {
            let bytes = selector.bytes(record, key);
            let rank = rank(record);
            let changed =
                rankings.update((hash, hint), bytes, Vec::new, |top: &mut Vec<(R, T)>| {
                    let place = place_of(top, &rank, *n)?;
                    top.truncate(*n - 1);
                    top.insert(place, (rank, record.to_value()));
                    Some(top.iter().map(|(_, record)| record.clone()).collect())
                });
            if let Some(top) = changed {
                out.value(&Ranking { key: S::Key::from_key_bytes(bytes), top }, at);
            }
        });
        Ok(())
    }
}
