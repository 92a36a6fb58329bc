//! Entries of restored chunks that are not in the index yet: they get there when a key of their partition is first used.
//!
//! A [roster](crate::archive::roster) lists them by partition of their hash; chunks that were read have one that was made then, since an index of all of them is larger than they are. An index that has some of the entries is a good index of those; so a table whose state is parked on disk is served
//! at once, and a key that is not found in the index is looked for again after its partition, a thousandth of all entries, was brought in. What is found in the index is not looked at
//! twice: with all partitions awake, or with keys that are there, nothing of this is on the path.
//!
//! # Invariants
//!
//! 1. No entry of an asleep partition was changed, removed or added since the restore: whatever does so wakes the partition first. So what the checkpoint says is
//!    dead, and nothing else, is dead there.
//! 2. A chunk with a live entry in an asleep partition is there: only what is wholly dead is dropped, and compaction waits until all is awake.
//!
//! # Cost
//!
//! Waking a partition: some 15 ns for each of its entries, and reading its part of each roster if that is cold: 64 KiB, for eight partitions. With 33 M keys (1 GiB) that is 0.5 ms each, a
//! thousand times.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::Table;
use crate::archive::roster::{self, Listed, PARTITIONS};
use crate::format::Flaw;
use crate::freeze::Place;
use crate::index::Place as Slot;
use crate::log::entry::{self, Header};
use crate::log::{Address, give_up};
use crate::segment::{MappedSegment, SegmentError};

/// Entries whose buckets are asked for together.
const GROUP: usize = 32;

/// See the file's header.
#[derive(Debug)]
pub(crate) struct Dormant {
    rosters: Vec<Roster>,
    /// What is dead in each chunk that is listed.
    dead: Vec<Dead>,
    /// Which of those is a chunk's, by its number.
    numbers: BTreeMap<u32, usize>,
    asleep: [u64; PARTITIONS / 64],
    /// Partitions that are asleep.
    left: usize,
    /// Where the next one to be woken without being asked for may be.
    next: usize,
    /// Entries in those that are asleep.
    keys: usize,
}

impl Default for Dormant {
    fn default() -> Self {
        Self {
            rosters: Vec::new(),
            dead: Vec::new(),
            numbers: BTreeMap::new(),
            asleep: [u64::MAX; PARTITIONS / 64],
            left: PARTITIONS,
            next: 0,
            keys: 0,
        }
    }
}

/// A roster, on disk or made when its chunks were read.
#[derive(Debug)]
pub(crate) struct Roster {
    bytes: Bytes,
    /// The chunks of it that are there, by their place in it.
    members: Vec<Option<Member>>,
}

#[derive(Debug)]
enum Bytes {
    Mapped(Arc<MappedSegment>, Place),
    Made(Box<[u8]>),
}

/// A chunk that is listed.
#[derive(Clone, Copy, Debug)]
struct Member {
    number: u32,
    used: usize,
    /// Which of [`Dormant::dead`] is its.
    dead: usize,
}

/// Dead entries of a chunk: a bit for each of its units.
#[derive(Debug)]
struct Dead(Box<[u64]>);

impl Dead {
    fn has(&self, unit: u32) -> bool {
        let word = self.0.get(unit as usize / 64);
        word.is_some_and(|word| word >> (unit % 64) & 1 == 1)
    }
}

impl Roster {
    /// A roster of which no chunk is known.
    ///
    /// # Errors
    ///
    /// It does not lie where it should.
    pub(crate) fn new(segment: Arc<MappedSegment>, place: Place) -> Result<Self, SegmentError> {
        let is_there = segment.holds(place.offset, place.bytes);
        if !is_there || place.bytes < roster::ENTRIES_AT as u64 {
            return Err(segment.unfit(Flaw::Inconsistent { offset: place.offset }));
        }
        Ok(Self { bytes: Bytes::Mapped(segment, place), members: Vec::new() })
    }

    /// A roster that was made.
    pub(crate) fn made(bytes: Vec<u8>) -> Self {
        Self { bytes: Bytes::Made(bytes.into()), members: Vec::new() }
    }

    fn is_mapped(&self) -> bool {
        matches!(self.bytes, Bytes::Mapped(..))
    }

    /// How many bytes it has.
    fn len(&self) -> u64 {
        match &self.bytes {
            Bytes::Mapped(_, place) => place.bytes,
            Bytes::Made(bytes) => bytes.len() as u64,
        }
    }

    /// Some of its bytes.
    fn read(&self, at: u64, count: usize) -> Result<&[u8], SegmentError> {
        match &self.bytes {
            Bytes::Mapped(segment, place) => segment.bytes(place.offset + at, count),
            Bytes::Made(bytes) => {
                let at = usize::try_from(at).expect("invariant: it is in memory");
                Ok(&bytes[at..at + count])
            }
        }
    }

    /// Has the entries of a partition read soon.
    fn ask_for(&self, partition: usize) {
        if let Bytes::Mapped(segment, place) = &self.bytes
            && let Ok((start, bytes)) = self.extent_of(partition)
        {
            segment.ask_for(place.offset + start, bytes);
        }
    }

    /// Where in it the entries of a partition are, and how many bytes.
    fn extent_of(&self, partition: usize) -> Result<(u64, usize), SegmentError> {
        let (from, to) = roster::range(self.read(roster::table_at(partition) as u64, 8)?);
        let size = roster::ENTRY_BYTES as u64;
        let end = roster::ENTRIES_AT as u64 + size * u64::from(to);
        if from > to || end > self.len() {
            return Err(self.flaw());
        }
        let start = roster::ENTRIES_AT as u64 + size * u64::from(from);
        Ok((start, (to - from) as usize * roster::ENTRY_BYTES))
    }

    /// Calls `each` with every entry of a partition that is not dead: its address and what is known of its hash.
    fn for_each(
        &self,
        partition: usize,
        dead_of: &[Dead],
        each: &mut impl FnMut(Address, u64),
    ) -> Result<(), SegmentError> {
        let (start, bytes) = self.extent_of(partition)?;
        if bytes == 0 {
            return Ok(());
        }
        for word in self.read(start, bytes)?.chunks_exact(roster::ENTRY_BYTES) {
            let listed = Listed::of(entry::word(word, 0), partition);
            // Of a chunk that is gone nothing is live.
            let member = self.members.get(listed.member).copied().flatten();
            let Some(Member { number, used, dead }) = member else { continue };
            let offset = listed.unit as usize * 16;
            if offset + entry::HEADER_BYTES > used {
                return Err(self.flaw());
            }
            if !dead_of[dead].has(listed.unit) {
                each(Address::of(number as usize, offset), listed.hash);
            }
        }
        Ok(())
    }

    fn flaw(&self) -> SegmentError {
        match &self.bytes {
            Bytes::Mapped(segment, place) => {
                segment.unfit(Flaw::Inconsistent { offset: place.offset })
            }
            Bytes::Made(_) => unreachable!("invariant: what was just made is right"),
        }
    }
}

impl Dormant {
    /// Entries that are not in the index.
    pub(crate) fn keys(&self) -> usize {
        self.keys
    }

    /// Adds a roster; which one it is.
    pub(crate) fn add(&mut self, roster: Roster) -> usize {
        self.rosters.push(roster);
        self.rosters.len() - 1
    }

    /// Adds a chunk that is the `at`-th of a roster: `entries` of it are listed and live. Other entries in it, listed or not, are those at the units `dead`.
    pub(crate) fn add_chunk(
        &mut self,
        (roster, at): (usize, u32),
        (number, used): (u32, usize),
        entries: usize,
        dead: &[u32],
    ) {
        let units = dead.iter().max().map_or(0, |last| *last as usize + 1);
        let mut bits = vec![0u64; units.div_ceil(64)];
        dead.iter().for_each(|unit| bits[*unit as usize / 64] |= 1 << (unit % 64));
        self.keys += entries;
        let member = Member { number, used, dead: self.dead.len() };
        let members = &mut self.rosters[roster].members;
        members.resize(members.len().max(at as usize + 1), None);
        members[at as usize] = Some(member);
        self.numbers.insert(number, self.dead.len());
        self.dead.push(Dead(bits.into()));
    }

    /// Whether the partition of this hash is asleep.
    pub(crate) fn is_asleep(&self, hash: u64) -> bool {
        self.sleeps(roster::partition(hash))
    }

    fn sleeps(&self, partition: usize) -> bool {
        self.asleep[partition / 64] >> (partition % 64) & 1 == 1
    }

    /// Whether a place in a partition that is asleep is an entry that is listed, and live.
    pub(crate) fn has(&self, address: Address) -> bool {
        let chunk = u32::try_from(address.chunk()).expect("invariant: an address has 52 bits");
        self.numbers.get(&chunk).is_some_and(|at| !self.dead[*at].has(address.unit()))
    }

    /// Calls `each` with every live entry of a partition.
    fn for_each(
        &self,
        partition: usize,
        mut each: impl FnMut(Address, u64),
    ) -> Result<(), SegmentError> {
        self.rosters.iter().for_each(|roster| roster.ask_for(partition));
        self.rosters.iter().try_for_each(|roster| roster.for_each(partition, &self.dead, &mut each))
    }
}

impl Table {
    /// As [`Table::find`], for somebody who may change the table: what is asleep is woken if it has to be.
    #[inline(always)]
    pub(crate) fn find_awake(&mut self, hash: u64, key: &[u8]) -> Option<(Slot, Address)> {
        match self.find(hash, key) {
            None if self.dormant.is_some() => self.find_after_waking(hash, key),
            found => found,
        }
    }

    #[cold]
    #[inline(never)]
    fn find_after_waking(&mut self, hash: u64, key: &[u8]) -> Option<(Slot, Address)> {
        self.wake(hash).then(|| self.find(hash, key)).flatten()
    }

    /// Where the entry of `key` is, be it asleep or not.
    #[inline(always)]
    pub(crate) fn look_up(&self, hash: u64, key: &[u8]) -> Option<Address> {
        match self.find(hash, key) {
            None if self.dormant.is_some() => self.find_asleep(hash, key),
            found => found.map(|(_, address)| address),
        }
    }

    /// Looks through the rosters. Cost: O(entries of a partition).
    #[cold]
    #[inline(never)]
    fn find_asleep(&self, hash: u64, key: &[u8]) -> Option<Address> {
        let dormant = self.dormant.as_ref().filter(|dormant| dormant.is_asleep(hash))?;
        let known = hash & ((1 << 40) - 1);
        let mut found = None;
        let looked = dormant.for_each(roster::partition(hash), |address, listed| {
            if listed == known && found.is_none() {
                let bytes = self.log.at(address);
                found = entry::has_key(bytes, Header::read(bytes), key).then_some(address);
            }
        });
        looked.unwrap_or_else(|error| give_up(self.account(), &error));
        found
    }

    /// Brings the partition of this hash into the index. `false` if it was there.
    #[cold]
    pub(crate) fn wake(&mut self, hash: u64) -> bool {
        match self.dormant.take() {
            Some(dormant) if dormant.is_asleep(hash) => {
                self.bring_in(dormant, roster::partition(hash));
                true
            }
            dormant => {
                self.dormant = dormant;
                false
            }
        }
    }

    /// Brings the next partition that is asleep into the index. `true` if others are left.
    #[cold]
    pub(crate) fn wake_next(&mut self) -> bool {
        let Some(mut dormant) = self.dormant.take() else { return false };
        while !dormant.sleeps(dormant.next) {
            dormant.next += 1;
        }
        let next = dormant.next;
        self.bring_in(dormant, next);
        self.dormant.is_some()
    }

    fn bring_in(&mut self, mut dormant: Box<Dormant>, partition: usize) {
        let mut group = [(0, Address::NONE); GROUP];
        let (mut filled, mut brought) = (0, 0);
        let (index, log) = (&mut self.index, &self.log);
        let looked = dormant.for_each(partition, |address, hash| {
            index.prefetch(hash);
            group[filled] = (hash, address);
            filled += 1;
            if filled == GROUP {
                group.iter().for_each(|(hash, address)| index.insert(*hash, *address, log));
                (filled, brought) = (0, brought + GROUP);
            }
        });
        looked.unwrap_or_else(|error| give_up(self.log.account(), &error));
        group[..filled].iter().for_each(|(hash, address)| index.insert(*hash, *address, log));
        brought += filled;
        dormant.asleep[partition / 64] &= !(1 << (partition % 64));
        dormant.left -= 1;
        self.account().remove_keys(brought.min(dormant.keys));
        let is_right = brought <= dormant.keys && (dormant.left > 0 || brought == dormant.keys);
        if !is_right {
            let mapped = dormant.rosters.iter().find(|roster| roster.is_mapped());
            give_up(self.account(), &mapped.unwrap_or(&dormant.rosters[0]).flaw());
        }
        dormant.keys -= brought;
        // What is not there any more costs nothing.
        self.dormant = (dormant.left > 0).then_some(dormant);
    }

    /// Forgets what is asleep.
    pub(crate) fn forget_dormant(&mut self) {
        if let Some(dormant) = self.dormant.take() {
            self.account().remove_keys(dormant.keys);
        }
    }
}
