//! Growing without a pause: two tables for a while, and a few buckets moved with every insertion.
//!
//! A table of `n` buckets that is three quarters full gets a successor of `2 n`. Each insertion
//! then moves [`BUCKETS_PER_INSERT`] buckets, plus the rest of the run of full buckets that the last
//! one stands in (1.3 buckets in expectation), so all is moved after `n / 2` insertions, long before
//! the successor is full itself. Lookups and removals move nothing.
//!
//! # Invariants
//!
//! 1. An entry is in the outgoing table if and only if its home there is not moved yet: so one
//!    table is probed, never both ([`Migration::holds`]).
//! 2. Moving starts behind a bucket without overflow and pauses only behind one: so nothing that
//!    stays has probed across the line, and nothing that moved left its traces behind it.
//!
//! Invariant 1 decides insertions as well: what belongs to the part not moved yet is inserted there,
//! which fills the outgoing table by 4 % more at most.
//!
//! Memory comes and goes in pieces of one huge page: the successor is only mapped, and populated
//! just ahead of the place at which entries arrive (bucket `b` goes to `2 b` and `2 b + 1`); the empty table
//! is unmapped from its end, some huge pages with every insertion.
//!
//! # Cost
//!
//! Moving needs one more bit of each hash. From 2^16 buckets on (350 thousand keys) the slot has it, unless the entry may be
//! displaced, which is known from the bucket before; below, and for those, the entry is read from
//! the log, prefetched one insertion ahead. The bound for hashes that are well mixed: an insertion moves about
//! four buckets and obtains at most one huge page, two when growth begins. Many equal hashes are a run of full buckets of that length, moved at once,
//! as every lookup in it has that length too.

use super::bucket::{self, Print};
use super::buckets::HOME_END;
use super::{Buckets, Entries, Index};

/// Buckets moved by one insertion, at least.
pub(super) const BUCKETS_PER_INSERT: usize = 2;

/// A table of that many buckets (4 KiB) or fewer is moved at once.
const SMALL: usize = 64;

/// Buckets of one huge page.
const PIECE: usize = crate::raw::HUGE_PAGE_BYTES / size_of::<bucket::Bucket>();

/// Buckets given back by one insertion: 16 MiB, a few microseconds.
const RETIRED_PER_INSERT: usize = 8 * PIECE;

/// The way from a table to its successor.
#[derive(Debug)]
pub(super) struct Migration {
    pub(super) outgoing: Buckets,
    start: usize,
    moved: usize,
}

impl Migration {
    fn of(outgoing: Buckets) -> Self {
        // With equal hashes only there may be no such bucket; then all is one run, moved at once.
        let start =
            (0..outgoing.len()).find(|at| !outgoing.overflows(outgoing.before(*at))).unwrap_or(0);
        Self { outgoing, start, moved: 0 }
    }

    /// Whether entries with this hash are still here (invariant 1).
    #[inline(always)]
    pub(super) fn holds(&self, hash: u64) -> bool {
        self.position(self.outgoing.home(hash)) >= self.moved
    }

    #[cfg(test)]
    pub(super) fn moved(&self) -> usize {
        self.moved
    }

    fn position(&self, bucket: usize) -> usize {
        bucket.wrapping_sub(self.start) & (self.outgoing.len() - 1)
    }

    /// The bucket `ahead` of the next one to be moved.
    fn next(&self, ahead: usize) -> usize {
        (self.start + self.moved + ahead) & (self.outgoing.len() - 1)
    }

    /// Moves `count` buckets and the rest of the run; `true` if that was all.
    fn advance(&mut self, target: &mut Buckets, count: usize, entries: &impl Entries) -> bool {
        let stop = (self.moved + count).min(self.outgoing.len());
        let mut in_run = false;
        // A run at the very end may go on in the buckets moved first, where it was put meanwhile.
        while self.moved < stop || in_run {
            let at = self.next(0);
            self.populate_ahead(at, target);
            let overflows = self.outgoing.overflows(at);
            self.move_bucket(at, in_run, target, entries);
            in_run = overflows;
            self.moved += 1;
        }
        if self.moved >= self.outgoing.len() {
            return true;
        }
        for ahead in 0..count {
            let at = self.next(ahead);
            if !self.keeps_next_bit() || self.outgoing.overflows(self.outgoing.before(at)) {
                self.outgoing.addresses(at).for_each(|address| entries.prefetch(address));
            }
        }
        false
    }

    /// The bit of the hash that decides between `2 b` and `2 b + 1`.
    fn next_bit(&self) -> u32 {
        HOME_END - 1 - self.outgoing.len().trailing_zeros()
    }

    /// Whether slots have that bit.
    fn keeps_next_bit(&self) -> bool {
        Print::BITS.contains(&self.next_bit())
    }

    /// Moves one bucket; `in_run` if the bucket before had overflowed, so that entries may be displaced.
    fn move_bucket(
        &mut self,
        at: usize,
        in_run: bool,
        target: &mut Buckets,
        entries: &impl Entries,
    ) {
        let kept = self.keeps_next_bit() && !in_run;
        let bucket = self.outgoing.take(at);
        for word in bucket::occupied(&bucket) {
            let (print, address) = (Print::kept(&bucket, word), bucket::address(bucket[word]));
            let home = if kept {
                if print.bit(self.next_bit()) == 1 { 2 * at + 1 } else { 2 * at }
            } else {
                target.home(entries.hash(address))
            };
            target.insert_print(home, print, address);
        }
    }

    /// Populates the successor a huge page before entries arrive there, one at a time.
    fn populate_ahead(&self, at: usize, target: &mut Buckets) {
        if self.outgoing.len() < PIECE {
            return;
        }
        let piece = 2 * at / PIECE * PIECE;
        if self.moved == 0 {
            target.populate(piece..piece + PIECE);
        }
        if (2 * at).is_multiple_of(PIECE) || self.moved == 0 {
            let next = (piece + PIECE) % target.len();
            target.populate(next..next + PIECE);
        }
    }
}

impl Index {
    /// One insertion's share of growing.
    pub(super) fn grow(&mut self, entries: &impl Entries) {
        self.release_retired();
        if self.migration.is_none() {
            if self.len < self.current.limit() {
                return;
            }
            let successor = Buckets::new(2 * self.current.len());
            self.memory.add(successor.bytes());
            self.migration = Some(Migration::of(std::mem::replace(&mut self.current, successor)));
        }
        let Some(mut migration) = self.migration.take() else { return };
        let small = migration.outgoing.len() <= SMALL;
        let count = if small { migration.outgoing.len() } else { BUCKETS_PER_INSERT };
        if migration.advance(&mut self.current, count, entries) {
            self.retire(migration);
        } else {
            self.migration = Some(migration);
        }
    }

    /// Forgets all entries; [`Index::scrub`] has to run to its end before the next use.
    pub(crate) fn begin_clear(&mut self) {
        self.memory.remove_keys(self.len);
        self.len = 0;
        if let Some(migration) = self.migration.take() {
            self.retire(migration);
        }
        self.dirty = self.current.len();
    }

    /// Zeroes up to `budget_bytes` of the cleared table; `true` if there is more to do.
    pub(crate) fn scrub(&mut self, budget_bytes: usize) -> bool {
        self.release_retired();
        let keep = self.dirty.saturating_sub((budget_bytes / size_of::<bucket::Bucket>()).max(1));
        self.current.zero(keep..self.dirty);
        self.dirty = keep;
        self.dirty > 0
    }

    fn retire(&mut self, migration: Migration) {
        if let Some(older) = self.retired.replace(Box::new(migration.outgoing)) {
            self.memory.subtract(older.bytes());
        }
        self.release_retired();
    }

    /// Gives back some of a table that everything has left.
    fn release_retired(&mut self) {
        let Some(mut retired) = self.retired.take() else { return };
        let before = retired.bytes();
        let left = retired.left().saturating_sub(RETIRED_PER_INSERT);
        if left == 0 {
            self.memory.subtract(before);
            return;
        }
        retired.truncate(left);
        self.memory.subtract(before - retired.bytes());
        self.retired = Some(retired);
    }
}
