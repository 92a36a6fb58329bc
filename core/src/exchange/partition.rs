//! Partitioning: which worker a record goes to.
//!
//! A key's hash selects its key group, and key groups are dealt to workers in contiguous ranges. The hash is
//! computed once, by the sender, and travels in the record's slot.

use std::marker::PhantomData;
use std::rc::Rc;

use crate::raw::view::Rec;
use crate::record::{Key, KeyHash, KeyRef, KeyScratch, Record};

/// Reads the key of a record; made by `key_by` and `key_by_value`.
pub trait KeySelector<T: Record>: 'static {
    /// The key, as results carry it.
    type Key: Key;
    /// The hash of the record's key.
    fn hash(&self, record: &Rec<T>) -> KeyHash;
    /// The bytes of the record's key.
    fn bytes<'a>(&self, record: &'a Rec<T>, scratch: &'a mut KeyScratch) -> &'a [u8];
}

/// A selector that returns a reference into the record.
pub struct ByRef<F, R: ?Sized> {
    select: F,
    marker: PhantomData<fn() -> Box<R>>,
}

impl<F, R: ?Sized> ByRef<F, R> {
    pub(crate) fn new(select: F) -> Self {
        Self { select, marker: PhantomData }
    }
}

impl<F, R: ?Sized> std::fmt::Debug for ByRef<F, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ByRef")
    }
}

impl<T, F, R> KeySelector<T> for ByRef<F, R>
where
    T: Record,
    R: KeyRef + ?Sized + 'static,
    F: Fn(&Rec<T>) -> &R + 'static,
{
    type Key = R::Key;

    #[inline]
    fn hash(&self, record: &Rec<T>) -> KeyHash {
        (self.select)(record).hash()
    }

    #[inline]
    fn bytes<'a>(&self, record: &'a Rec<T>, scratch: &'a mut KeyScratch) -> &'a [u8] {
        (self.select)(record).bytes(scratch)
    }
}

/// A selector that computes a key.
pub struct ByValue<F, K> {
    select: F,
    marker: PhantomData<fn() -> K>,
}

impl<F, K> ByValue<F, K> {
    pub(crate) fn new(select: F) -> Self {
        Self { select, marker: PhantomData }
    }
}

impl<F, K> std::fmt::Debug for ByValue<F, K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ByValue")
    }
}

impl<T, F, K> KeySelector<T> for ByValue<F, K>
where
    T: Record,
    K: KeyRef + 'static,
    F: Fn(&Rec<T>) -> K + 'static,
{
    type Key = K::Key;

    #[inline]
    fn hash(&self, record: &Rec<T>) -> KeyHash {
        (self.select)(record).hash()
    }

    #[inline]
    fn bytes<'a>(&self, record: &'a Rec<T>, scratch: &'a mut KeyScratch) -> &'a [u8] {
        let key = (self.select)(record);
        scratch.clear();
        key.append_to(scratch);
        scratch.as_bytes()
    }
}

/// Chooses the lane of each record of one edge.
pub(crate) trait Route<T: Record>: 'static {
    /// True if the choice needs the record; else [`KeyHash`] 0 and lane 0 serve for all.
    const READS_RECORD: bool;
    fn route(&self, record: &Rec<T>) -> (KeyHash, usize);

    /// True if all records go to lane 0.
    fn is_one_way(&self) -> bool;
}

/// All records to the one lane there is: the same worker, or the worker that gathers.
#[derive(Debug)]
pub(crate) struct Forward;

impl<T: Record> Route<T> for Forward {
    const READS_RECORD: bool = false;

    #[inline]
    fn route(&self, _: &Rec<T>) -> (KeyHash, usize) {
        (KeyHash(0), 0)
    }

    fn is_one_way(&self) -> bool {
        true
    }
}

/// Records to the owner of their key group.
#[derive(Debug)]
pub(crate) struct ByKey<S> {
    pub(crate) selector: Rc<S>,
    pub(crate) workers: usize,
}

impl<T: Record, S: KeySelector<T>> Route<T> for ByKey<S> {
    const READS_RECORD: bool = true;

    #[inline]
    fn route(&self, record: &Rec<T>) -> (KeyHash, usize) {
        let hash = self.selector.hash(record);
        (hash, hash.owner(self.workers))
    }

    fn is_one_way(&self) -> bool {
        self.workers == 1
    }
}
