//! A count per key: linear probing over 16-byte cells in resident huge pages.
//!
//! A cell is `{key u64, count u64}`, little endian; a count of zero means that the cell is free, so zeroed
//! memory is an empty table. There is no growth: the number of keys is a parameter of the run.

use std::io;

use memmap2::{Advice, MmapMut};
use prefetch_index::prefetch_index;

const CELL_BYTES: usize = 16;

/// Counts of up to as many keys as it was made for.
#[derive(Debug)]
pub struct CountTable {
    memory: MmapMut,
}

impl CountTable {
    /// An empty table for `keys` keys, at most three quarters full, resident and on huge pages if the
    /// system grants them.
    ///
    /// # Errors
    ///
    /// The system has no memory for it.
    pub fn for_keys(keys: usize) -> io::Result<Self> {
        let cells = (keys + keys / 3 + 1).next_power_of_two().max(1024);
        let mut memory = MmapMut::map_anon(cells * CELL_BYTES)?;
        // Both are hints: without huge pages the table is slower, not wrong.
        drop(memory.advise(Advice::HugePage));
        if memory.advise(Advice::PopulateWrite).is_err() {
            memory.fill(0);
        }
        Ok(Self { memory })
    }

    /// The table for a number of operations: borrows the memory once.
    #[inline(always)]
    pub fn open(&mut self) -> OpenTable<'_> {
        let (cells, rest) = self.memory.as_chunks_mut();
        debug_assert!(rest.is_empty());
        OpenTable { cells }
    }

    /// All keys with their counts, in no order.
    pub fn counts(&self) -> impl Iterator<Item = (u64, u64)> {
        let (cells, _) = self.memory.as_chunks();
        cells.iter().map(parts).filter(|&(_, count)| count > 0)
    }
}

/// A borrowed [`CountTable`].
#[derive(Debug)]
pub struct OpenTable<'a> {
    cells: &'a mut [[u8; CELL_BYTES]],
}

impl OpenTable<'_> {
    /// Asks for the cache line of a hash, and does not wait for it.
    #[inline(always)]
    pub fn prefetch(&self, hash: u64) {
        prefetch_index(&*self.cells, self.home(hash));
    }

    /// Counts one record of `key` and returns the key's new count.
    ///
    /// Never ends if there are more keys than cells; [`CountTable::for_keys`] leaves a quarter free.
    #[inline(always)]
    pub fn add(&mut self, hash: u64, key: u64) -> u64 {
        let last = self.cells.len() - 1;
        let mut at = self.home(hash);
        loop {
            let cell = &mut self.cells[at];
            let (held, count) = parts(cell);
            if held == key || count == 0 {
                let (key_bytes, count_bytes) = cell.split_at_mut(8);
                if count == 0 {
                    key_bytes.copy_from_slice(&key.to_le_bytes());
                }
                count_bytes.copy_from_slice(&(count + 1).to_le_bytes());
                return count + 1;
            }
            at = (at + 1) & last;
        }
    }

    #[inline(always)]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the mask keeps less than a pointer's width"
    )]
    fn home(&self, hash: u64) -> usize {
        hash as usize & (self.cells.len() - 1)
    }
}

#[inline(always)]
fn parts(cell: &[u8; CELL_BYTES]) -> (u64, u64) {
    let both = u128::from_le_bytes(*cell);
    #[expect(clippy::cast_possible_truncation, reason = "the low half is the key")]
    (both as u64, (both >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn keys_of_one_home_are_counted_apart_across_the_end_of_the_table() {
        let mut table = CountTable::for_keys(8).unwrap();
        let mut open = table.open();
        for key in [3, 5, 3, 0, 3] {
            open.add(u64::MAX, key);
        }
        let counts: HashMap<u64, u64> = table.counts().collect();
        assert_eq!(counts, HashMap::from([(3, 3), (5, 1), (0, 1)]));
    }

    #[test]
    fn key_zero_is_absent_until_it_is_counted() {
        let mut table = CountTable::for_keys(1).unwrap();
        assert_eq!(table.counts().count(), 0);
        assert_eq!(table.open().add(0, 0), 1);
        assert_eq!(table.counts().collect::<Vec<_>>(), [(0, 1)]);
    }
}
