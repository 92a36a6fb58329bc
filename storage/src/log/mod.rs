//! The log: where entries live, in the order in which they were first written.
//!
//! An [`Address`] is a position in an endless sequence of bytes that is held in chunks; the index
//! refers to entries by address, so chunks may lie anywhere, and frozen ones may come to be mapped
//! files. Entries are updated in place while they are mutable; what outgrows its entry is written anew.
//!
//! * Arrives from: [`crate::Table`], which decides what is written.
//! * Leaves to: [`crate::index`], as addresses.
//!
//! # Invariants
//!
//! 1. An address is a multiple of 16 and never 0, which stands for "none".
//! 2. Between the start of a chunk and its `used`, entries follow each other without gaps, each as
//!    long as its size class: so a scan needs no index.
//! 3. Only addresses at or above `mutable_from` are written ([`Log::is_mutable`]). Today the bound
//!    is the first address; a freeze will raise it, and everything that writes asks already.
//! 4. An entry does not cross chunks, except that one larger than a chunk has several to itself.
//!
//! # Not here
//!
//! No liveness: an entry is live if the index refers to it. No compaction: dead entries are reused
//! by later ones of the same size class, and whole chunks are given back by `clear` alone.

pub(crate) mod entry;
pub(crate) mod size_class;

use crate::index::Entries;
use crate::memory::Memory;
use crate::raw::{self, Region};
use entry::{Header, Kind};
use std::rc::Rc;

/// Bytes of a full chunk: one huge page, which is also the longest stall that growing can cause.
pub(crate) const CHUNK_BYTES: usize = crate::raw::HUGE_PAGE_BYTES;

/// The first chunk grows up to that by doubling, from this: a table of three keys stays that small.
const FIRST_CHUNK_BYTES: usize = 256;

/// Beyond this it becomes a whole chunk at once if the core's pool has one ready.
const LARGE_FIRST_CHUNK_BYTES: usize = 256 << 10;

/// Where the first entry lies: address 0 means none, and a cache line is the unit of alignment.
const FIRST_ADDRESS: u64 = 64;

/// Position of an entry in the log, bytes; below 2^52, a multiple of 16.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Address(pub(crate) u64);

impl Address {
    /// No entry.
    pub(crate) const NONE: Self = Self(0);

    #[inline(always)]
    fn chunk(self) -> usize {
        usize::try_from(self.0 / CHUNK_BYTES as u64).expect("invariant: chunk numbers fit a usize")
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "the remainder is below two million")]
    fn offset(self) -> usize {
        (self.0 % CHUNK_BYTES as u64) as usize
    }

    fn of(chunk: usize, offset: usize) -> Self {
        Self((chunk * CHUNK_BYTES + offset) as u64)
    }
}

#[derive(Debug)]
struct Chunk {
    /// Empty for the second and later chunk numbers of an entry that is larger than a chunk.
    memory: Region,
    used: usize,
}

/// The log of one table; see the file's header.
#[derive(Debug)]
pub(crate) struct Log {
    chunks: Vec<Chunk>,
    /// By size class: the last released entry, whose second word leads to the one before.
    free: Vec<Address>,
    mutable_from: Address,
    bytes: usize,
    memory: Rc<Memory>,
}

impl Log {
    pub(crate) fn new(memory: Rc<Memory>) -> Self {
        Self {
            chunks: Vec::new(),
            free: Vec::new(),
            mutable_from: Address(FIRST_ADDRESS),
            bytes: 0,
            memory,
        }
    }

    /// What accounts for it.
    pub(crate) fn account(&self) -> &Rc<Memory> {
        &self.memory
    }

    /// Memory held, bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether the entry may still be written in place; if not, the writer copies it to the tail. No entry is not.
    #[inline(always)]
    pub(crate) fn is_mutable(&self, address: Address) -> bool {
        address >= self.mutable_from
    }

    /// Everything from the entry's first byte to the end of its chunk.
    #[inline(always)]
    pub(crate) fn at(&self, address: Address) -> &[u8] {
        &self.chunks[address.chunk()].memory[address.offset()..]
    }

    /// All bytes of the chunk that `address` is in, if there is one, and where in it that is.
    #[inline(always)]
    pub(crate) fn chunk_of(&self, address: Address) -> Option<(&[u8], usize)> {
        Some((&self.chunks.get(address.chunk())?.memory, address.offset()))
    }

    /// As [`Log::chunk_of`], to be written.
    #[inline(always)]
    pub(crate) fn chunk_of_mut(&mut self, address: Address) -> Option<(&mut [u8], usize)> {
        debug_assert!(
            self.is_mutable(address),
            "invariant 3: frozen entries are copied, not written"
        );
        Some((&mut self.chunks.get_mut(address.chunk())?.memory, address.offset()))
    }

    /// As [`Log::at`], to be written.
    #[inline(always)]
    pub(crate) fn at_mut(&mut self, address: Address) -> &mut [u8] {
        debug_assert!(
            self.is_mutable(address),
            "invariant 3: frozen entries are copied, not written"
        );
        &mut self.chunks[address.chunk()].memory[address.offset()..]
    }

    /// Asks for the first cache line of the entry.
    #[inline(always)]
    pub(crate) fn prefetch(&self, address: Address) {
        if let Some(chunk) = self.chunks.get(address.chunk()) {
            raw::prefetch_at(&chunk.memory, address.offset());
        }
    }

    #[inline(always)]
    pub(crate) fn header(&self, address: Address) -> Header {
        Header::read(self.at(address))
    }

    /// Space for `class`: a released entry if there is one, else at the tail. The caller writes the
    /// whole header; what lies behind it is not zero.
    ///
    /// Cost: O(1); at most one chunk is obtained (a huge page, if the core's pool is empty; see [`Region::populate`]), and a young log is
    /// copied when it doubles, at most 1 MiB at once.
    pub(crate) fn allocate(&mut self, class: u8) -> Address {
        match self.free.get(usize::from(class)) {
            Some(&address) if address != Address::NONE => {
                self.free[usize::from(class)] = Address(entry::second_word(self.at(address)));
                address
            }
            _ => self.extend(size_class::bytes(class)),
        }
    }

    /// Makes a dead entry's space available to the next one of its size class. A frozen one is left
    /// as it is: it belongs to a checkpoint.
    pub(crate) fn release(&mut self, address: Address) {
        if !self.is_mutable(address) {
            return;
        }
        let class = self.header(address).class();
        let list = usize::from(class);
        if list >= self.free.len() {
            self.free.resize(list + 1, Address::NONE);
        }
        let next = std::mem::replace(&mut self.free[list], address);
        let bytes = self.at_mut(address);
        Header::new(Kind::Dead, class, 0, 0).write(bytes);
        entry::set_second_word(bytes, next.0);
    }

    /// The first entry at or behind `from`, dead or alive; `None` at the tail.
    pub(crate) fn entry_from(&self, from: Address) -> Option<(Address, Header)> {
        let mut from = from.max(Address(FIRST_ADDRESS));
        while let Some(chunk) = self.chunks.get(from.chunk()) {
            if from.offset() < chunk.used {
                return Some((from, self.header(from)));
            }
            from = Address::of(from.chunk() + 1, 0);
        }
        None
    }

    /// Where the entry behind this one starts.
    pub(crate) fn behind(address: Address, header: Header) -> Address {
        Address(address.0 + size_class::bytes(header.class()) as u64)
    }

    /// Forgets all entries. The first chunk is kept, the others go back to the core's pool.
    pub(crate) fn clear(&mut self) {
        while self.chunks.len() > 1 {
            let chunk = self.chunks.pop().expect("invariant: more than one chunk");
            self.bytes -= chunk.memory.len();
            self.memory.give_back(chunk.memory);
        }
        if let Some(first) = self.chunks.first_mut() {
            first.used = Address(FIRST_ADDRESS).offset();
        }
        self.free.clear();
        self.mutable_from = Address(FIRST_ADDRESS);
    }

    /// Space at the tail.
    fn extend(&mut self, bytes: usize) -> Address {
        if bytes > CHUNK_BYTES {
            return self.extend_by_whole_chunks(bytes);
        }
        if self.chunks.is_empty() {
            let memory = self.obtain(FIRST_CHUNK_BYTES);
            self.chunks.push(Chunk { memory, used: Address(FIRST_ADDRESS).offset() });
        }
        let mut last = self.chunks.len() - 1;
        if last == 0 && self.chunks[0].memory.len() < CHUNK_BYTES {
            self.grow_first(bytes);
        }
        if self.chunks[last].memory.len() - self.chunks[last].used < bytes {
            let memory = self.obtain(CHUNK_BYTES);
            self.chunks.push(Chunk { memory, used: 0 });
            last += 1;
        }
        let chunk = &mut self.chunks[last];
        let address = Address::of(last, chunk.used);
        chunk.used += bytes;
        address
    }

    /// Doubles the first chunk until `bytes` more fit or it is a whole one.
    fn grow_first(&mut self, bytes: usize) {
        let used = self.chunks[0].used;
        let mut size = self.chunks[0].memory.len();
        while size < CHUNK_BYTES && size - used < bytes {
            size *= 2;
        }
        // A whole chunk that is ready costs less than fresh memory of half its size.
        if size > LARGE_FIRST_CHUNK_BYTES && self.memory.spare() > 0 {
            size = CHUNK_BYTES;
        }
        if size > self.chunks[0].memory.len() {
            let mut memory = self.obtain(size);
            memory[..used].copy_from_slice(&self.chunks[0].memory[..used]);
            let outgrown = std::mem::replace(&mut self.chunks[0].memory, memory);
            self.bytes -= outgrown.len();
            self.memory.give_back(outgrown);
        }
    }

    fn extend_by_whole_chunks(&mut self, bytes: usize) -> Address {
        let address = Address::of(self.chunks.len(), 0);
        let memory = self.obtain(bytes);
        self.chunks.push(Chunk { memory, used: bytes });
        for _ in 1..bytes.div_ceil(CHUNK_BYTES) {
            self.chunks.push(Chunk { memory: Region::zeroed(0), used: 0 });
        }
        address
    }

    fn obtain(&mut self, bytes: usize) -> Region {
        let memory = self.memory.obtain(bytes);
        self.bytes += memory.len();
        memory
    }

    /// Seam for the freeze that the durable store brings; tests use it to reach copy-on-write.
    #[cfg(test)]
    pub(crate) fn freeze(&mut self) {
        let last = self.chunks.len().saturating_sub(1);
        self.mutable_from = self
            .chunks
            .last()
            .map_or(Address(FIRST_ADDRESS), |chunk| Address::of(last, chunk.used));
        self.free.clear();
    }
}

impl Entries for Log {
    fn hash(&self, address: Address) -> u64 {
        entry::second_word(self.at(address))
    }

    fn prefetch(&self, address: Address) {
        self.prefetch(address);
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        for chunk in self.chunks.drain(..) {
            self.memory.give_back(chunk.memory);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log() -> Log {
        Log::new(Rc::new(Memory::default()))
    }

    fn write(log: &mut Log, bytes: usize) -> Address {
        let class = size_class::of(bytes);
        let address = log.allocate(class);
        Header::new(Kind::Single, class, 0, 0).write(log.at_mut(address));
        address
    }

    #[test]
    fn a_scan_meets_every_entry_in_address_order_across_chunks() {
        let mut log = log();
        let sizes = [32, 700, 2 * CHUNK_BYTES, 32, 1 << 20, 1 << 20, 1 << 20, 48];
        let mut written: Vec<_> = sizes.iter().map(|bytes| write(&mut log, *bytes)).collect();
        written.sort_unstable();
        let mut met = Vec::new();
        let mut from = Address::NONE;
        while let Some((address, header)) = log.entry_from(from) {
            met.push(address);
            from = Log::behind(address, header);
        }
        assert_eq!(met, written);
    }

    #[test]
    fn a_released_entry_is_reused_by_its_size_class_only() {
        let mut log = log();
        let (first, second) = (write(&mut log, 64), write(&mut log, 64));
        log.release(first);
        log.release(second);
        assert!(write(&mut log, 32) > second);
        assert_eq!([write(&mut log, 64), write(&mut log, 64)], [second, first]);
        assert!(write(&mut log, 64) > second);
    }

    #[test]
    fn a_small_log_holds_hundreds_of_bytes_and_a_cleared_one_gives_its_chunks_back() {
        let mut log = log();
        write(&mut log, 32);
        assert!(log.bytes() <= 256);
        for _ in 0..4 {
            write(&mut log, 1 << 20);
        }
        log.clear();
        assert!(log.bytes() <= CHUNK_BYTES);
        assert_eq!(log.entry_from(Address::NONE), None);
        assert_eq!(write(&mut log, 32), Address(FIRST_ADDRESS));
    }

    #[test]
    fn a_frozen_entry_is_not_recycled() {
        let mut log = log();
        let frozen = write(&mut log, 32);
        log.freeze();
        assert!(!log.is_mutable(frozen));
        log.release(frozen);
        let fresh = write(&mut log, 32);
        assert!(log.is_mutable(fresh) && fresh > frozen);
    }
}
