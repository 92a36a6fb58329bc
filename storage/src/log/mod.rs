//! The log: where entries live, in the order in which they were first written.
//!
//! An [`Address`] is a chunk's number and a place in the chunk; the index refers to entries by address, so chunks may lie anywhere. Entries are updated in place
//! while their chunk is open; what outgrows its entry is written anew, and what is frozen is copied to the tail when it is first written.
//!
//! * Arrives from: [`crate::Table`], which decides what is written.
//! * Leaves to: [`crate::index`], as addresses; to [`crate::freeze`], as chunks.
//!
//! | file | what it does |
//! | --- | --- |
//! | `entry`, `size_class` | what an entry looks like, and how long it is |
//! | [`chunk`] | a chunk, its state, and how chunks come and go |
//! | [`freeze`] | what a checkpoint takes, and what it gives back |
//! | [`parked`] | chunks that are not in memory, but in the map of a segment |
//! | [`scan`] | entries one by one, in the order of their chunks |
//!
//! # Invariants
//!
//! 1. An address is a multiple of 16 and never 0, which stands for "none": no chunk has number 0.
//! 2. Between the start of a chunk and its `used`, entries follow each other without gaps, each as
//!    long as its size class: so a scan needs no index.
//! 3. Only chunks that are open are written ([`Log::is_mutable`]); whatever writes asks first.
//! 4. An entry does not cross chunks, except that one larger than a chunk has several to itself.
//! 5. A dead entry is marked if its chunk is open, and noted as a death if it is frozen: so what is live is known without the index. A block is live if a list leads to it.
//! 6. A chunk's number is given again only when nothing in it is live, and the generation changes then.
//!
//! # Not here
//!
//! No liveness: that an entry is dead is said by whoever unlinks it. No choice of what is copied from mostly dead chunks: see [`crate::compact`].

pub(crate) mod entry;
pub(crate) mod size_class;
mod chunk;
mod freeze;
mod parked;
mod scan;
#[cfg(test)]
mod tests;

pub(crate) use freeze::{restored_bytes, shift};
pub(crate) use parked::{Parked, give_up};
pub(crate) use scan::{Position, entries};

use crate::index::Entries;
use crate::memory::Memory;
use crate::raw::{self, Frame};
use chunk::Chunk;
use entry::{Header, Kind};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes of a full chunk: one huge page, which is also the longest stall that growing can cause.
pub(crate) const CHUNK_BYTES: usize = crate::raw::HUGE_PAGE_BYTES;

/// Grain of addresses, bytes.
const UNIT_BYTES: u64 = 16;

/// Position of an entry in the log, bytes; below 2^52, a multiple of 16.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Address(pub(crate) u64);

impl Address {
    /// No entry.
    pub(crate) const NONE: Self = Self(0);

    /// The number of its chunk.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "52 bits less 21")]
    pub(crate) fn chunk(self) -> usize {
        (self.0 / CHUNK_BYTES as u64) as usize
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "the remainder is below two million")]
    pub(crate) fn offset(self) -> usize {
        (self.0 % CHUNK_BYTES as u64) as usize
    }

    /// Its place in its chunk.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "the remainder is below two million")]
    pub(crate) fn unit(self) -> u32 {
        (self.0 % CHUNK_BYTES as u64 / UNIT_BYTES) as u32
    }

    pub(crate) fn of(chunk: usize, offset: usize) -> Self {
        Self((chunk * CHUNK_BYTES + offset) as u64)
    }
}

/// The log of one table; see the file's header.
#[derive(Debug)]
pub(crate) struct Log {
    /// By chunk number: what a lookup needs.
    frames: Vec<Frame>,
    /// By chunk number: everything else.
    chunks: Vec<Chunk>,
    /// Where entries are added; 0 if there is no such chunk.
    tail: usize,
    /// Chunks that may be written.
    open: Vec<u32>,
    /// By size class: the last released entry, whose second word leads to the one before.
    free: Vec<Address>,
    /// Distinguishes contents whose addresses have another meaning, of this log and all others.
    generation: u64,
    bytes: usize,
    /// Bytes that compaction may look at for what has died since.
    pub(crate) owed: usize,
    memory: Rc<Memory>,
    cold: Box<Cold>,
}

/// What is looked at when chunks come and go.
#[derive(Debug)]
struct Cold {
    /// Numbers to be given again.
    vacant: Vec<u32>,
    /// Chunks that are there, by when they were made, and their numbers.
    order: Vec<(u64, u32)>,
    born: u64,
    /// Size of the next chunk when it is made.
    first_bytes: usize,
    /// Mostly dead chunks, by number and birth.
    victims: VecDeque<(u32, u64)>,
    /// Small frozen chunks, by number and birth.
    small: VecDeque<(u32, u64)>,
    /// When the youngest chunk was made that was looked at to be parked since the last freeze.
    looked_at: u64,
}

/// A number never given before in this process, from 1; taken once for each chunk that is dropped, not for records.
fn next_generation() -> u64 {
    static GENERATIONS: AtomicU64 = AtomicU64::new(0);
    GENERATIONS.fetch_add(1, Ordering::Relaxed) + 1
}

impl Log {
    pub(crate) fn new(memory: Rc<Memory>) -> Self {
        let cold = Cold {
            vacant: Vec::new(),
            order: Vec::new(),
            born: 0,
            first_bytes: chunk::FIRST_BYTES,
            victims: VecDeque::new(),
            small: VecDeque::new(),
            looked_at: 0,
        };
        Self {
            frames: Vec::new(),
            chunks: Vec::new(),
            tail: 0,
            open: Vec::new(),
            free: Vec::new(),
            generation: next_generation(),
            bytes: 0,
            owed: 0,
            memory,
            cold: Box::new(cold),
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

    /// Addresses of one generation mean what they meant.
    #[inline(always)]
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether the entry may be written in place as things are; if not, see [`Log::make_mutable`]. No entry may not.
    #[inline(always)]
    pub(crate) fn is_mutable(&self, address: Address) -> bool {
        self.frames.get(address.chunk()).is_some_and(Frame::is_writable)
    }

    /// Sees to it that the entry may be written in place, if that takes no copy: `false` if it has to be copied to the tail.
    #[inline(always)]
    pub(crate) fn make_mutable(&mut self, address: Address) -> bool {
        self.is_mutable(address) || self.thaw(address.chunk())
    }

    /// Everything from the entry's first byte to its end or beyond.
    ///
    /// # Panics
    ///
    /// If the entry is on disk and damaged, or the disk does not give it; see [`parked`].
    #[inline(always)]
    pub(crate) fn at(&self, address: Address) -> &[u8] {
        let (frame, offset) = (&self.frames[address.chunk()], address.offset());
        // The comparison is the one that a slice would make; chunks that are not in memory have no bytes here.
        if offset < frame.len() { &frame[offset..] } else { self.parked_entry(address) }
    }

    /// All bytes of the chunk that `address` is in, if it may be written, and where in it that is.
    #[inline(always)]
    pub(crate) fn open_chunk_of(&self, address: Address) -> Option<(&[u8], usize)> {
        Some((self.frames.get(address.chunk())?.if_writable(), address.offset()))
    }

    /// As [`Log::open_chunk_of`], to be written.
    #[inline(always)]
    pub(crate) fn open_chunk_of_mut(&mut self, address: Address) -> Option<(&mut [u8], usize)> {
        Some((self.frames.get_mut(address.chunk())?.bytes_mut(), address.offset()))
    }

    /// As [`Log::at`], to be written.
    #[inline(always)]
    pub(crate) fn at_mut(&mut self, address: Address) -> &mut [u8] {
        debug_assert!(
            self.is_mutable(address),
            "invariant 3: frozen entries are copied, not written"
        );
        &mut self.frames[address.chunk()].bytes_mut()[address.offset()..]
    }

    /// Asks for the first cache line of the entry.
    #[inline(always)]
    pub(crate) fn prefetch(&self, address: Address) {
        if let Some(frame) = self.frames.get(address.chunk()) {
            if frame.is_empty() && address != Address::NONE {
                self.ask_for_parked(address);
                return;
            }
            raw::prefetch_at(frame, address.offset());
        }
    }

    #[inline(always)]
    pub(crate) fn header(&self, address: Address) -> Header {
        Header::read(self.at(address))
    }

    /// Space for `class`: a released entry if there is one, else at the tail. The caller writes the
    /// whole header; what lies behind it is not zero.
    ///
    /// Cost: O(1); at most one chunk is obtained (a huge page, if the core's pool is empty; see [`raw::Region::populate`]), and a young chunk is
    /// copied when it doubles, at most 1 MiB at once.
    pub(crate) fn allocate(&mut self, class: u8) -> Address {
        let bytes = size_class::bytes(class);
        self.memory.add_live(bytes);
        match self.free.get(usize::from(class)) {
            Some(&address) if address != Address::NONE => {
                self.make_mutable(address);
                self.free[usize::from(class)] = Address(entry::second_word(self.at(address)));
                self.chunks[address.chunk()].dead -= bytes;
                address
            }
            _ => self.extend(bytes),
        }
    }

    /// Says that an entry is dead. In an open chunk its space is there for the next one of its size class. In a frozen one it is
    /// left as it is: it belongs to a checkpoint. A chunk in which nothing is left is dropped, so the entry is not to be looked at any more.
    pub(crate) fn release(&mut self, address: Address) {
        let header = self.header(address);
        let (class, number) = (header.class(), address.chunk());
        let bytes = size_class::bytes(class);
        self.memory.subtract_live(bytes);
        let is_open = self.make_mutable(address);
        let chunk = &mut self.chunks[number];
        chunk.dead += bytes;
        if header.kind() == Kind::Block {
            chunk.blocks -= bytes;
        }
        if !is_open {
            if header.kind() != Kind::Block {
                let sequence = chunk.sequence.expect("invariant: a frozen chunk has a number");
                self.memory.journal().deaths.note(sequence, address, class);
            }
            self.owed += OWED * bytes;
            self.look_at_dead_share(number);
            return;
        }
        let list = usize::from(class);
        if list >= self.free.len() {
            self.free.resize(list + 1, Address::NONE);
        }
        let next = std::mem::replace(&mut self.free[list], address);
        let bytes = self.at_mut(address);
        Header::new(Kind::Dead, class, 0, 0).write(bytes);
        entry::set_second_word(bytes, next.0);
    }

    /// Says that what was just written at `address` is a block of a list. Chunks with live blocks are not compacted.
    pub(crate) fn note_block(&mut self, address: Address) {
        let bytes = size_class::bytes(self.header(address).class());
        self.chunks[address.chunk()].blocks += bytes;
    }

    /// Copies a whole entry to where space for its class was allocated.
    pub(crate) fn copy(&mut self, from: Address, to: Address) {
        self.copy_front(from, to, size_class::bytes(self.header(from).class()));
    }

    /// Copies the front of a frozen entry to where there is room for it.
    pub(crate) fn copy_front(&mut self, from: Address, to: Address, bytes: usize) {
        debug_assert_ne!(from.chunk(), to.chunk(), "invariant 3: one is frozen, the other open");
        let Self { frames, chunks, memory, .. } = self;
        if frames[from.chunk()].is_empty() {
            let source = parked::entry(&chunks[from.chunk()], memory, from);
            frames[to.chunk()].bytes_mut()[to.offset()..][..bytes]
                .copy_from_slice(&source[..bytes]);
            return;
        }
        let [source, target] = frames
            .get_disjoint_mut([from.chunk(), to.chunk()])
            .expect("invariant: both chunks are there, and are two");
        target.bytes_mut()[to.offset()..][..bytes]
            .copy_from_slice(&source[from.offset()..][..bytes]);
    }
}

/// Bytes that compaction looks at for each that dies: a chunk that is half dead is looked at whole, so two would keep up.
const OWED: usize = 4;

impl Entries for Log {
    fn hash(&self, address: Address) -> u64 {
        entry::second_word(self.at(address))
    }

    fn prefetch(&self, address: Address) {
        self.prefetch(address);
    }
}
