//! Partitioning: which worker a record goes to.
//!
//! A key's hash selects its key group, and key groups are dealt to workers in contiguous ranges. The hash is
//! computed once, by the sender, and travels in the record's slot.

use std::marker::PhantomData;
use std::rc::Rc;

use crate::error::{NamedFault, OperatorFault};
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

/// Chooses the lane of each record of one edge. Control elements go to all lanes, whatever the route.
pub(crate) trait Route<T: Record>: 'static {
    /// True if the choice needs the record; else [`Self::next_lane`] serves, and the hash is zero.
    const READS_RECORD: bool;
    /// True if every record goes to every lane; nothing else is asked then.
    const TO_ALL: bool = false;
    /// True if [`Self::route`] may give [`REFUSED`].
    const MAY_REFUSE: bool = false;

    /// The key hash and the lane of a record.
    fn route(&mut self, record: &Rec<T>) -> (KeyHash, usize);

    /// The lane of the next record, whatever it is.
    fn next_lane(&mut self) -> usize {
        0
    }

    /// True if all records go to lane 0.
    fn is_one_way(&self) -> bool;

    /// Why the route gave [`REFUSED`] since the last call.
    fn fault(&mut self) -> Option<OperatorFault> {
        None
    }
}

/// The lane of a record that has none: the route has a fault.
pub(crate) const REFUSED: usize = usize::MAX;

/// All records to the one lane there is: the same worker, or the worker that gathers.
#[derive(Debug)]
pub(crate) struct Forward;

impl<T: Record> Route<T> for Forward {
    const READS_RECORD: bool = false;

    #[inline]
    fn route(&mut self, _: &Rec<T>) -> (KeyHash, usize) {
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
    fn route(&mut self, record: &Rec<T>) -> (KeyHash, usize) {
        let hash = self.selector.hash(record);
        (hash, hash.owner(self.workers))
    }

    fn is_one_way(&self) -> bool {
        self.workers == 1
    }
}

/// Every record to every worker; for [`super::Pattern::Broadcast`].
#[derive(Debug)]
pub(crate) struct ToAll;

impl<T: Record> Route<T> for ToAll {
    const READS_RECORD: bool = false;
    const TO_ALL: bool = true;

    fn route(&mut self, _: &Rec<T>) -> (KeyHash, usize) {
        unreachable!("invariant: what goes to all lanes has no route of its own")
    }

    fn is_one_way(&self) -> bool {
        false
    }
}

/// One record to each worker in turn; for [`super::Pattern::Rebalance`].
///
/// The turn is a counter of this sender, which begins with the sender's own worker, so that the first records of many senders do not all go
/// to worker 0. It is no state: where a record goes is not part of any result.
#[derive(Debug)]
pub(crate) struct InTurn {
    next: usize,
    workers: usize,
}

impl InTurn {
    /// The turn of sender `worker`.
    pub(crate) fn new(worker: usize, workers: usize) -> Self {
        Self { next: worker, workers }
    }
}

impl<T: Record> Route<T> for InTurn {
    const READS_RECORD: bool = false;

    #[inline]
    fn route(&mut self, _: &Rec<T>) -> (KeyHash, usize) {
        (KeyHash(0), Route::<T>::next_lane(self))
    }

    #[inline]
    fn next_lane(&mut self) -> usize {
        let lane = self.next;
        // Not `%`: a division costs more than the rest of this.
        self.next = if lane + 1 == self.workers { 0 } else { lane + 1 };
        lane
    }

    fn is_one_way(&self) -> bool {
        self.workers == 1
    }
}

/// One record to each worker by the hash of a counter; for [`super::Pattern::Rebalance`].
///
/// In turn, records of which every second is large would all be large on every second worker; scattered, they are not. The counter is
/// no state, as in [`InTurn`].
#[derive(Debug)]
pub(crate) struct Scattered {
    next: u64,
    workers: usize,
}

impl Scattered {
    /// The sequence of sender `worker`.
    pub(crate) fn new(worker: usize, workers: usize) -> Self {
        Self { next: (worker as u64) << 48, workers }
    }
}

impl<T: Record> Route<T> for Scattered {
    const READS_RECORD: bool = false;

    #[inline]
    fn route(&mut self, _: &Rec<T>) -> (KeyHash, usize) {
        (KeyHash(0), Route::<T>::next_lane(self))
    }

    #[inline]
    fn next_lane(&mut self) -> usize {
        self.next += 1;
        KeyHash::of_int(self.next).owner(self.workers)
    }

    fn is_one_way(&self) -> bool {
        self.workers == 1
    }
}

/// Records to the worker that a function of the user's says; for [`super::Pattern::Partition`].
pub(crate) struct ByPartitioner<F> {
    operator: String,
    partition: F,
    workers: usize,
    fault: Option<OperatorFault>,
}

impl<F> std::fmt::Debug for ByPartitioner<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ByPartitioner").field("operator", &self.operator).finish_non_exhaustive()
    }
}

impl<F> ByPartitioner<F> {
    /// `operator`: whose fault it is if the function says a worker that there is not.
    pub(crate) fn new(operator: &str, partition: F, workers: usize) -> Self {
        Self { operator: operator.to_owned(), partition, workers, fault: None }
    }

    #[cold]
    fn refuse(&mut self, worker: usize) -> usize {
        let Self { operator, workers, .. } = self;
        let message =
            format!("the partitioner chose worker {worker}; there are {workers}, numbered from 0");
        let operator = operator.clone();
        self.fault = Some(Box::new(NamedFault { operator, source: message.into() }));
        REFUSED
    }
}

impl<T, F> Route<T> for ByPartitioner<F>
where
    T: Record,
    F: FnMut(&Rec<T>, usize) -> usize + 'static,
{
    const READS_RECORD: bool = true;
    const MAY_REFUSE: bool = true;

    #[inline]
    fn route(&mut self, record: &Rec<T>) -> (KeyHash, usize) {
        // After the first error nothing more leaves: the job ends at the end of this page.
        if self.fault.is_some() {
            return (KeyHash(0), REFUSED);
        }
        let worker = (self.partition)(record, self.workers);
        let lane = if worker < self.workers { worker } else { self.refuse(worker) };
        (KeyHash(0), lane)
    }

    fn is_one_way(&self) -> bool {
        // Also a single worker can be missed.
        false
    }

    fn fault(&mut self) -> Option<OperatorFault> {
        self.fault.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turn_begins_with_the_senders_own_worker_and_comes_round() {
        let mut turn = InTurn::new(2, 3);
        let lanes: Vec<usize> = (0..7).map(|_| Route::<u64>::next_lane(&mut turn)).collect();
        assert_eq!(lanes, [2, 0, 1, 2, 0, 1, 2]);
        assert!(!Route::<u64>::is_one_way(&turn));
        assert!(Route::<u64>::is_one_way(&InTurn::new(0, 1)));
    }
}
