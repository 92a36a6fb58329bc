//! Aggregates: what many records become, one after the other, in constant or bounded room.
//!
//! An [`Aggregator`] says how an accumulator is made, how a record is added, how two accumulators become one and what they come to.
//! Running aggregates and windows of every kind take the same ones. Those that everybody needs are methods of [`Of`]; several in a
//! tuple are one aggregator:
//!
//! ```
//! use thalweg::agg::{Aggregator, Of};
//! use thalweg::prelude::*;
//!
//! #[record]
//! struct Bid {
//!     price: u64,
//! }
//!
//! let of = Of::<Bid>::new();
//! let stats = (of.count(), of.mean(|bid| bid.price()), of.top_k(3, |bid| bid.price()));
//! assert_eq!(stats.result(&stats.create()), (0, 0.0, vec![]));
//! ```
//!
//! * Arrives from: [`crate::exchange`], as records of one key.
//! * Leaves to: [`crate::state`], as archives of the accumulator.
//!
//! # Invariants
//!
//! 1. All that an aggregator knows of its records is in the accumulator, a record of its own: so it lies in the store, is written to
//!    checkpoints with it, and can be moved to another worker.
//! 2. Merging the accumulators of two stretches of records gives what adding all of them in order would have given (floating point:
//!    up to rounding). So a window may be put together from slices, and a session from two.
//!
//! Aggregates of a changelog can take a record out again ([`Retract`]); windows that slide merge slices and need no inverse.

mod approximate;
mod count;
mod ends;
mod extreme;
mod fold;
mod list;
mod moments;
mod number;
mod retract;
mod sum;
mod tuple;

pub use approximate::{CountDistinctApprox, Sketch};
pub use count::Count;
pub use ends::{First, Last};
pub use extreme::{Max, MaxBy, Min, MinBy};
pub use fold::Fold;
pub use list::{Collect, CountDistinct, TopK};
pub use moments::{Mean, Moments, StdDev};
pub use number::{FloatTotal, Number};
pub use retract::{FoldAndRetract, Retract};
pub use sum::Sum;

use std::marker::PhantomData;
use std::rc::Rc;

use crate::raw::view::Rec;
use crate::record::Record;
use crate::time::EventTime;

/// How records of type `T` are aggregated.
///
/// Its methods take `&self`: an aggregator is a function, and what it remembers is in the accumulator (invariant 1 of the
/// [module](self)).
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not aggregate records of type `{T}`",
    note = "aggregators are made by the methods of `agg::Of`; up to six of them in a tuple are one; or implement `Aggregator`"
)]
pub trait Aggregator<T: Record>: 'static {
    /// What is kept for each key, or each key and window.
    ///
    /// One whose archive keeps its length, numbers and arrays of them, is updated in place.
    type Accumulator: Record;
    /// What it comes to.
    type Result: Record;

    /// The accumulator of no records.
    fn create(&self) -> Self::Accumulator;

    /// Adds a record with its event time.
    fn add(&self, accumulator: &mut Self::Accumulator, record: &Rec<T>, at: EventTime);

    /// Adds the records of `later`, which came after those of `accumulator`, or belong to a later stretch of time.
    fn merge(&self, accumulator: &mut Self::Accumulator, later: Self::Accumulator);

    /// What the records so far come to; there is at least one when the engine asks.
    fn result(&self, accumulator: &Self::Accumulator) -> Self::Result;
}

/// One aggregator in two places: where records are, and where their keys are owned.
impl<T: Record, A: Aggregator<T>> Aggregator<T> for Rc<A> {
    type Accumulator = A::Accumulator;
    type Result = A::Result;

    fn create(&self) -> A::Accumulator {
        (**self).create()
    }

    #[inline]
    fn add(&self, accumulator: &mut A::Accumulator, record: &Rec<T>, at: EventTime) {
        (**self).add(accumulator, record, at);
    }

    fn merge(&self, accumulator: &mut A::Accumulator, later: A::Accumulator) {
        (**self).merge(accumulator, later);
    }

    fn result(&self, accumulator: &A::Accumulator) -> A::Result {
        (**self).result(accumulator)
    }
}

/// Makes aggregators of records of type `T`; what a stream hands to the closure that says what it wants.
pub struct Of<T>(PhantomData<fn(T)>);

impl<T> std::fmt::Debug for Of<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Of")
    }
}

impl<T> Clone for Of<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Of<T> {}

impl<T: Record> Default for Of<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Record> Of<T> {
    /// A maker.
    #[must_use]
    pub fn new() -> Self {
        Self(PhantomData)
    }

    /// How many records.
    #[must_use]
    pub fn count(self) -> Count {
        Count
    }

    /// The sum of what `read` gives: of integers a 64-bit integer, of floats an `f64` with compensated rounding.
    ///
    /// A sum that does not fit ends the job.
    pub fn sum<N: Number, F: Fn(&Rec<T>) -> N + 'static>(self, read: F) -> Sum<F, N> {
        Sum::new(read)
    }

    /// The arithmetic mean.
    pub fn mean<N: Number, F: Fn(&Rec<T>) -> N + 'static>(self, read: F) -> Mean<F, N> {
        Mean::new(read)
    }

    /// The standard deviation of a whole population; of one record it is zero.
    pub fn stddev<N: Number, F: Fn(&Rec<T>) -> N + 'static>(self, read: F) -> StdDev<F, N> {
        StdDev::new(read, false)
    }

    /// The standard deviation that a sample lets one expect of its population (divided by n - 1); of one record it is zero.
    pub fn stddev_of_sample<N: Number, F: Fn(&Rec<T>) -> N + 'static>(
        self,
        read: F,
    ) -> StdDev<F, N> {
        StdDev::new(read, true)
    }

    /// The least value. What cannot be compared, as a NaN, counts only if there is nothing else.
    pub fn min<V: Record + PartialOrd + Clone, F: Fn(&Rec<T>) -> V + 'static>(
        self,
        read: F,
    ) -> Min<F, V> {
        Min::new(read)
    }

    /// The greatest value. What cannot be compared, as a NaN, counts only if there is nothing else.
    pub fn max<V: Record + PartialOrd + Clone, F: Fn(&Rec<T>) -> V + 'static>(
        self,
        read: F,
    ) -> Max<F, V> {
        Max::new(read)
    }

    /// What `read` gives for the record whose `rank` is least; for the first of several.
    pub fn min_by<K, V, G, F>(self, rank: G, read: F) -> MinBy<G, F, K, V>
    where
        K: Record + PartialOrd,
        V: Record + Clone,
        G: Fn(&Rec<T>) -> K + 'static,
        F: Fn(&Rec<T>) -> V + 'static,
    {
        MinBy::new(rank, read)
    }

    /// What `read` gives for the record whose `rank` is greatest; for the first of several.
    pub fn max_by<K, V, G, F>(self, rank: G, read: F) -> MaxBy<G, F, K, V>
    where
        K: Record + PartialOrd,
        V: Record + Clone,
        G: Fn(&Rec<T>) -> K + 'static,
        F: Fn(&Rec<T>) -> V + 'static,
    {
        MaxBy::new(rank, read)
    }

    /// What `read` gives for the record that came first.
    pub fn first<V: Record + Clone, F: Fn(&Rec<T>) -> V + 'static>(self, read: F) -> First<F, V> {
        First::new(read)
    }

    /// What `read` gives for the record that came last.
    pub fn last<V: Record + Clone, F: Fn(&Rec<T>) -> V + 'static>(self, read: F) -> Last<F, V> {
        Last::new(read)
    }

    /// The `k` greatest values, greatest first; equal ones in the order in which they came.
    pub fn top_k<V: Record + PartialOrd + Clone, F: Fn(&Rec<T>) -> V + 'static>(
        self,
        k: usize,
        read: F,
    ) -> TopK<F, V> {
        TopK::new(k, read)
    }

    /// All values, in the order in which they came.
    ///
    /// Cost: the whole list is read and written for each record; for short ones.
    pub fn collect<V: Record + Clone, F: Fn(&Rec<T>) -> V + 'static>(
        self,
        read: F,
    ) -> Collect<F, V> {
        Collect::new(read)
    }

    /// How many different values, exactly.
    ///
    /// Cost: every different value is kept, and all of them are read and written for each record; for some hundreds at most.
    pub fn distinct<V: Record + Ord + Clone, F: Fn(&Rec<T>) -> V + 'static>(
        self,
        read: F,
    ) -> CountDistinct<F, V> {
        CountDistinct::new(read)
    }

    /// About how many different values: exact while there are few, then within 1.6 % two times out of three (HyperLogLog).
    ///
    /// Cost: up to 2 KiB for each accumulator, read and written for each record.
    pub fn distinct_approx<K: crate::record::KeyRef, F: Fn(&Rec<T>) -> K + 'static>(
        self,
        read: F,
    ) -> CountDistinctApprox<F, K> {
        CountDistinctApprox::new(read)
    }

    /// An aggregator of your own from two closures: one adds a record, one merges a later accumulator; a `V::default()` is that of no
    /// records, and the accumulator is the result.
    pub fn fold<V, F, M>(self, add: F, merge: M) -> Fold<V, F, M>
    where
        V: Record + Default + Clone,
        F: Fn(&mut V, &Rec<T>) + 'static,
        M: Fn(&mut V, V) + 'static,
    {
        Fold::new(add, merge)
    }

    /// As [`Self::fold`], for a changelog: one closure adds a row, one takes it back.
    pub fn fold_and_retract<V, F, G>(self, add: F, retract: G) -> FoldAndRetract<V, F, G>
    where
        V: Record + Default + Clone,
        F: Fn(&mut V, &Rec<T>) + 'static,
        G: Fn(&mut V, &Rec<T>) + 'static,
    {
        FoldAndRetract::new(add, retract)
    }
}

#[cfg(test)]
mod tests;
