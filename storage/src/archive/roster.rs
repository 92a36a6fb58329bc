//! Rosters: the entries of chunks, listed by a part of their hash, so that a table can be served before its chunks have been read.
//!
//! A roster lists all entries of a few chunks that have single values alone, in order of their *partition*: ten bits of the hash. Whoever looks for a key reads the
//! list of its partition and has every place where the key may be, of whatever size the state is. It costs 8 bytes for each entry, a quarter of the smallest ones. So the youngest
//! [`crate::ArchiveConfig::unlisted_bytes`] of chunks have none: to read those as a whole is a moment, and many of them are written over soon.
//!
//! An extent of its own, under the table number [`ROSTER`]; numbers are little-endian:
//!
//! ```text
//! version (4): 1   chunks (4)   entries (8)
//! 1025 of: how many entries are in the partitions before (4)
//! 0 (4)
//! entries, by partition: place in its chunk / 16 (bits 0 to 16), chunk of the roster (17 to 31), bits 0 to 29 of the hash (32 to 61)
//! ```
//!
//! Bits 30 to 39 of the hash are the number of the partition; the index needs no more than these 40, and has what is of one partition in one place.

use crate::format::code::u32_at;
use crate::log::entries;
use crate::log::entry::{self, Kind};

/// What extents with a roster have in place of a table's number.
pub(crate) const ROSTER: u32 = u32::MAX - 2;

/// How many partitions there are.
pub(crate) const PARTITIONS: usize = 1 << PARTITION_BITS;

const PARTITION_BITS: u32 = 10;

const VERSION: u32 = 1;

/// Where the table of partitions starts.
const TABLE_AT: usize = 16;

/// Where the entries start.
pub(crate) const ENTRIES_AT: usize = (TABLE_AT + 4 * (PARTITIONS + 1)).next_multiple_of(8);

/// Bytes of an entry.
pub(crate) const ENTRY_BYTES: usize = 8;

/// Bits of a place in a chunk.
const UNIT_BITS: u32 = 17;

/// Bits of the hash that are in an entry.
const HASH_BITS: u32 = 30;

/// Chunks of one roster at most: with those of 2 MiB it has 8 MiB.
pub(crate) const MOST_CHUNKS: usize = 16;

/// The partition of a hash.
#[inline]
pub(crate) fn partition(hash: u64) -> usize {
    usize::try_from(hash >> HASH_BITS & (PARTITIONS as u64 - 1)).expect("invariant: ten bits")
}

/// An entry as a roster has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Which chunk of the roster.
    pub(crate) member: usize,
    /// Where in it, in units of 16 bytes.
    pub(crate) unit: u32,
    /// The low 40 bits of the hash.
    pub(crate) hash: u64,
}

impl Listed {
    pub(crate) fn of(word: u64, partition: usize) -> Self {
        let narrow = |bits: u64| u32::try_from(bits).expect("invariant: 17 bits or fewer");
        Self {
            member: narrow(word >> UNIT_BITS & 0x7fff) as usize,
            unit: narrow(word & ((1 << UNIT_BITS) - 1)),
            hash: (partition as u64) << HASH_BITS | word >> 32 & ((1 << HASH_BITS) - 1),
        }
    }
}

/// Which entries of a roster, from and to, are in a partition, given the eight bytes of its [table](table_at).
pub(crate) fn range(table: &[u8]) -> (u32, u32) {
    (u32_at(table, 0), u32_at(table, 4))
}

/// Where the eight bytes are that tell of a partition.
pub(crate) fn table_at(partition: usize) -> usize {
    TABLE_AT + 4 * partition
}

/// Makes rosters; to be used again.
#[derive(Debug, Default)]
pub(crate) struct Lister {
    /// Partition and word of each entry, in the order of the chunks.
    found: Vec<(u16, u64)>,
    members: u32,
}

/// What a chunk has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counted {
    pub(super) entries: u32,
    /// Bytes of those that are marked as dead.
    pub(super) dead_bytes: u64,
}

impl Lister {
    /// Adds a chunk; `None` if it has something else than single values, and then it is not added.
    pub(super) fn add(&mut self, chunk: &[u8]) -> Option<Counted> {
        let before = self.found.len();
        let mut dead_bytes = 0;
        for (offset, header, bytes) in entries(chunk) {
            match header.kind() {
                Kind::Single => self.push(entry::second_word(bytes), offset),
                Kind::Dead => dead_bytes += bytes.len() as u64,
                Kind::List | Kind::Block => {
                    self.found.truncate(before);
                    return None;
                }
            }
        }
        self.end_chunk();
        let entries = u32::try_from(self.found.len() - before);
        Some(Counted { entries: entries.expect("invariant: a chunk has 2^17 units"), dead_bytes })
    }

    /// Adds an entry of the chunk that is [ended](Lister::end_chunk) next.
    pub(crate) fn push(&mut self, hash: u64, offset: usize) {
        let unit = (offset / 16) as u64 | u64::from(self.members) << UNIT_BITS;
        let word = (hash & ((1 << HASH_BITS) - 1)) << 32 | unit;
        let number = u16::try_from(partition(hash)).expect("invariant: ten bits");
        self.found.push((number, word));
    }

    /// Ends a chunk; which one of the roster it is.
    pub(crate) fn end_chunk(&mut self) -> u32 {
        self.members += 1;
        self.members - 1
    }

    /// The roster of what was added; nothing is added any more then.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        let count = u32::try_from(self.found.len()).expect("invariant: a few chunks");
        let mut starts = vec![0u32; PARTITIONS + 1];
        self.found.iter().for_each(|(partition, _)| starts[usize::from(*partition) + 1] += 1);
        for partition in 0..PARTITIONS {
            starts[partition + 1] += starts[partition];
        }
        let mut bytes = vec![0; ENTRIES_AT + ENTRY_BYTES * self.found.len()];
        bytes[..4].copy_from_slice(&VERSION.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.members.to_le_bytes());
        bytes[8..16].copy_from_slice(&u64::from(count).to_le_bytes());
        for (at, start) in starts.iter().enumerate() {
            bytes[TABLE_AT + 4 * at..][..4].copy_from_slice(&start.to_le_bytes());
        }
        for (partition, word) in self.found.drain(..) {
            let next = &mut starts[usize::from(partition)];
            bytes[ENTRIES_AT + ENTRY_BYTES * *next as usize..][..8]
                .copy_from_slice(&word.to_le_bytes());
            *next += 1;
        }
        self.members = 0;
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::entry::Header;

    fn chunk(hashes: &[u64], kind: Kind) -> Vec<u8> {
        let mut bytes = vec![0; 32 * hashes.len()];
        for (entry, hash) in bytes.chunks_mut(32).zip(hashes) {
            Header::new(kind, 2, 8, 8).write(entry);
            entry::set_second_word(entry, *hash);
        }
        bytes
    }

    fn listed(roster: &[u8]) -> Vec<Listed> {
        let of = |partition: usize| {
            let (from, to) = range(&roster[table_at(partition)..][..8]);
            (from..to).map(move |at| {
                let word = entry::word(roster, ENTRIES_AT + 8 * at as usize);
                Listed::of(word, partition)
            })
        };
        (0..PARTITIONS).flat_map(of).collect()
    }

    #[test]
    fn a_roster_has_every_entry_once_in_order_of_partitions() {
        let hashes =
            |from: u64| (from..from + 500).map(|at| at.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let (first, second): (Vec<u64>, Vec<u64>) = (hashes(0).collect(), hashes(900).collect());
        let mut lister = Lister::default();
        let counted = Counted { entries: 500, dead_bytes: 0 };
        assert_eq!(lister.add(&chunk(&first, Kind::Single)), Some(counted));
        assert_eq!(lister.add(&chunk(&first, Kind::List)), None);
        let counted = Counted { entries: 0, dead_bytes: 64 };
        assert_eq!(lister.add(&chunk(&[1, 2], Kind::Dead)), Some(counted));
        assert!(lister.add(&chunk(&second, Kind::Single)).is_some());
        assert_eq!(lister.members, 3);
        let mut found = listed(&lister.take());
        let is_ordered = |pair: &[Listed]| partition(pair[0].hash) <= partition(pair[1].hash);
        assert!(found.windows(2).all(is_ordered));
        found.sort_by_key(|listed| (listed.member, listed.unit));
        let expected = |member, hashes: &[u64]| -> Vec<Listed> {
            let listed = |(at, hash): (u32, &u64)| Listed {
                member,
                unit: 2 * at,
                hash: hash & ((1 << 40) - 1),
            };
            (0..).zip(hashes).map(listed).collect()
        };
        assert_eq!(found, [expected(0, &first), expected(2, &second)].concat());
        assert!(listed(&lister.take()).is_empty());
    }

    /// What is on disk stays what it is.
    #[test]
    fn the_bytes_of_a_roster_are_these() {
        let mut lister = Lister::default();
        lister.add(&chunk(&[0, 0x0012_3456_789a_bc01], Kind::Single)).unwrap();
        let roster = lister.take();
        assert_eq!(roster.len(), ENTRIES_AT + 16);
        assert_eq!(roster[..20], [1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(roster[20..24], [1, 0, 0, 0]);
        assert_eq!(roster[16 + 4 * 1024..][..8], [2, 0, 0, 0, 0, 0, 0, 0]);
        // The lowest 30 bits, above the place.
        let word = (0x56_789a_bc01_u64 & ((1 << 30) - 1)) << 32 | 2;
        assert_eq!(roster[ENTRIES_AT..], [[0; 8], word.to_le_bytes()].concat());
    }
}
