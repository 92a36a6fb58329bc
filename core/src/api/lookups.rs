//! A stream and a table that does not change.

use super::stream::Stream;
use crate::operator::LookupTable;
use crate::operator::chain::{Chain, Linked};
use crate::operator::lookup::Lookup;
use crate::raw::view::Rec;
use crate::record::{Key, KeyRef, Record};

/// The link that `lookup_join` adds; its pairs are made by a closure that has no type to name.
type Looked<C, K, V, S, R, F, U> = Linked<C, Lookup<K, V, S, R, F, U>>;

impl<T: Record, C: Chain<Out = T>> Stream<T, C> {
    /// One record for each row of the table that has the record's key: an inner join with a side input.
    ///
    /// ```
    /// use thalweg::operator::LookupTable;
    /// use thalweg::prelude::*;
    ///
    /// # fn job(t: &mut Topology) -> Result<()> {
    /// let names = LookupTable::of([(1_u32, "one"), (2, "two")]);
    /// t.source("numbers", Items::of(vec![1_u32, 2, 3]))
    ///     .without_event_time()
    ///     .lookup_join(&names, |n| n.to_native(), |_, name| Str::from(*name))
    ///     .sink("names", Blackhole);
    /// # Ok(())
    /// # }
    /// # Engine::builder().build().plan(job).unwrap();
    /// ```
    ///
    /// Cost: a look-up in a table in memory, on the worker where the record is.
    #[expect(
        clippy::type_complexity,
        reason = "it is the chain with one more link, whose closure has no name"
    )]
    pub fn lookup_join<K, V, R, U, S, F>(
        self,
        table: &LookupTable<K, V>,
        key: S,
        mut pair: F,
    ) -> Stream<
        U,
        Looked<
            C,
            K,
            V,
            S,
            R,
            impl FnMut(&Rec<T>, Option<&V>) -> U + use<T, C, K, V, R, U, S, F>,
            U,
        >,
    >
    where
        K: Key,
        V: 'static,
        R: KeyRef<Key = K> + 'static,
        U: Record,
        S: Fn(&Rec<T>) -> R + 'static,
        F: FnMut(&Rec<T>, &V) -> U + 'static,
    {
        let pair = move |record: &Rec<T>, row: Option<&V>| {
            pair(record, row.expect("invariant: an inner join shows pairs"))
        };
        self.link(Lookup::new(table.clone(), key, pair, false))
    }

    /// As [`Self::lookup_join`]; a record without a row is shown with `None`.
    #[expect(clippy::type_complexity, reason = "it is the chain with one more link")]
    pub fn lookup_left_join<K, V, R, U, S, F>(
        self,
        table: &LookupTable<K, V>,
        key: S,
        pair: F,
    ) -> Stream<U, Looked<C, K, V, S, R, F, U>>
    where
        K: Key,
        V: 'static,
        R: KeyRef<Key = K> + 'static,
        U: Record,
        S: Fn(&Rec<T>) -> R + 'static,
        F: FnMut(&Rec<T>, Option<&V>) -> U + 'static,
    {
        self.link(Lookup::new(table.clone(), key, pair, true))
    }
}
