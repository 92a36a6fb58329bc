//! `top_n_places`: the best records of each key with their places, each sent when it comes to another.
//!
//! A key's ranks lie in the table `ranks` of the operator, best first, ties in the order in which they came, each with the slot of its record; the records
//! lie in the table `records`, by key and slot, as they came. A record that is better than the last takes the last one's slot, and moves those behind it by
//! a place: these and it are sent.

use std::cmp::Ordering;
use std::marker::PhantomData;
use std::rc::Rc;

use super::output::{AnyOutput, Output};
use super::{Input, Operator, Progress};
use crate::checkpoint::Freezing;
use crate::error::OperatorFault;
use crate::exchange::{KeySelector, Records};
use crate::operator::ahead::each_ahead;
use crate::raw::placed::Placed;
use crate::raw::view::Rec;
use crate::record::{KeyScratch, Record};
use crate::state::{SlotTable, ValueTable};

/// The most places that a key has.
pub(crate) const MOST_PLACES: usize = 256;

/// Made by `KeyedStream::top_n_places`.
pub(crate) struct TopPlaces<T: Record, S, R: Record, F> {
    selector: Rc<S>,
    ranks: ValueTable<Vec<(R, u8)>>,
    records: SlotTable<T>,
    n: usize,
    rank: F,
    out: Output<(T, u32)>,
    key: KeyScratch,
    placed: Placed<T>,
    /// Slots of the records that have moved.
    moved: Vec<u8>,
    marker: PhantomData<fn(T)>,
}

impl<T: Record, S: KeySelector<T>, R: Record, F> TopPlaces<T, S, R, F> {
    pub(crate) fn new(
        selector: Rc<S>,
        (ranks, records): (ValueTable<Vec<(R, u8)>>, SlotTable<T>),
        n: usize,
        rank: F,
        out: Output<(T, u32)>,
    ) -> Self {
        let (key, placed, moved) = (KeyScratch::default(), Placed::default(), Vec::new());
        Self { selector, ranks, records, n, rank, out, key, placed, moved, marker: PhantomData }
    }
}

/// Puts `rank` in its place, if it is among the best `n`; its place. The slot is the next one, or that of the rank which falls out.
#[expect(clippy::cast_possible_truncation, reason = "there are `MOST_PLACES` slots at most")]
fn insert<R: PartialOrd>(ranks: &mut Vec<(R, u8)>, rank: R, n: usize) -> Option<usize> {
    // What cannot be compared, as a NaN, has no place.
    rank.partial_cmp(&rank)?;
    let is_before = |(other, _): &(R, u8)| other.partial_cmp(&rank) != Some(Ordering::Less);
    let place = ranks.partition_point(is_before);
    if place >= n {
        return None;
    }
    let slot = if ranks.len() == n { ranks.pop()?.1 } else { ranks.len() as u8 };
    ranks.insert(place, (rank, slot));
    Some(place)
}

impl<T, S, R, F> Operator for TopPlaces<T, S, R, F>
where
    T: Record,
    S: KeySelector<T>,
    R: Record + PartialOrd,
    F: FnMut(&Rec<T>) -> R + 'static,
{
    fn freeze(&mut self, into: &mut Freezing<'_>) -> Result<Progress, OperatorFault> {
        into.state(&mut self.ranks);
        into.state(&mut self.records);
        Ok(Progress::Done)
    }

    fn outputs(&mut self, each: &mut dyn FnMut(&mut dyn AnyOutput)) {
        each(&mut self.out);
    }
}

impl<T, S, R, F> Input<T, 0> for TopPlaces<T, S, R, F>
where
    T: Record,
    S: KeySelector<T>,
    R: Record + PartialOrd,
    F: FnMut(&Rec<T>) -> R + 'static,
{
    fn records(&mut self, run: Records<'_, T>) -> Result<(), OperatorFault> {
        let Self { selector, ranks, records, n, rank, out, key, placed, moved, .. } = self;
        let hash_of = |_, hash| hash;
        each_ahead(run, ranks, hash_of, |ranks, hint, (record, at, hash)| {
            let bytes = selector.bytes(record, key);
            let rank = rank(record);
            let place = ranks.update((hash, hint), bytes, Vec::new, |ranks| {
                let place = insert(ranks, rank, *n)?;
                moved.clear();
                moved.extend(ranks[place..].iter().map(|(_, slot)| *slot));
                Some(place)
            });
            let Some(place) = place else { return };
            records.put((hash, bytes), moved[0], record);
            for (place, slot) in (place + 1..).zip(moved.iter()) {
                let place = u32::try_from(place).expect("invariant: there are few places");
                out.record(placed.of(records.get((hash, bytes), *slot), place), at);
            }
        });
        Ok(())
    }
}
