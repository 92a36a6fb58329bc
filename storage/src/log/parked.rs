//! Chunks that are not in memory: their entries are read from the map of the segment that a checkpoint wrote them to.
//!
//! A parked chunk is a frozen one whose frame has no bytes, so nothing is asked more of a lookup in those that are in memory than what a slice asks anyway. It is never written: an entry that is
//! to be changed is copied to the tail, as of every frozen chunk.
//!
//! # Invariants
//!
//! 1. No byte of a parked chunk is given out before the checksum of its block was seen to be right.
//! 2. What is damaged, or what the medium does not give, is a panic that names the file: there is no value that could be given instead, and a job that is restarted
//!    looks at that file as a whole before it uses it again ([`crate::checkpoint::newest`]).

use std::sync::Arc;

use super::chunk::Chunk;
use super::entry::{self, Header};
use super::{Address, Log, size_class};
use crate::format::Flaw;
use crate::freeze::Place;
use crate::memory::Memory;
use crate::segment::{MappedSegment, SegmentError};

/// Where a chunk is.
#[derive(Clone, Debug)]
pub(crate) struct Parked {
    segment: Arc<MappedSegment>,
    place: Place,
}

impl Parked {
    /// The chunk at a place in a segment.
    ///
    /// # Errors
    ///
    /// There is no such place in it.
    pub(crate) fn new(segment: Arc<MappedSegment>, place: Place) -> Result<Self, SegmentError> {
        if segment.holds(place.offset, place.bytes) {
            Ok(Self { segment, place })
        } else {
            Err(segment.unfit(Flaw::Inconsistent { offset: place.offset }))
        }
    }

    /// Bytes that are used of it.
    pub(crate) fn used(&self) -> usize {
        usize::try_from(self.place.bytes).expect("invariant: what is mapped fits the address space")
    }

    /// The entry at `offset`, all of it.
    fn entry(&self, offset: usize) -> Result<&[u8], SegmentError> {
        let at = self.place.offset + offset as u64;
        let flaw = || self.segment.unfit(Flaw::Inconsistent { offset: at });
        let room = self.used().checked_sub(offset).ok_or_else(flaw)?;
        if room < entry::HEADER_BYTES {
            return Err(flaw());
        }
        let header = Header::read(self.segment.bytes(at, entry::HEADER_BYTES)?);
        let size = size_class::bytes(header.class());
        if size > room || entry::HEADER_BYTES + header.key_len() > size {
            return Err(flaw());
        }
        self.segment.bytes(at, size)
    }
}

impl Log {
    /// The entry at `address`, in a chunk that is not in memory.
    #[cold]
    #[inline(never)]
    pub(super) fn parked_entry(&self, address: Address) -> &[u8] {
        entry(&self.chunks[address.chunk()], &self.memory, address)
    }

    /// Has an entry that is not in memory read soon.
    #[cold]
    #[inline(never)]
    pub(super) fn ask_for_parked(&self, address: Address) {
        if let Some(parked) =
            self.chunks.get(address.chunk()).and_then(|chunk| chunk.parked.as_ref())
            && address.offset() < parked.used()
        {
            parked.segment.hint(parked.place.offset + address.offset() as u64);
        }
    }
}

/// As [`Log::parked_entry`].
pub(super) fn entry<'a>(chunk: &'a Chunk, memory: &Memory, address: Address) -> &'a [u8] {
    let parked = chunk.parked.as_ref();
    let parked = parked.expect("invariant: an address leads to a chunk that is there");
    parked.entry(address.offset()).unwrap_or_else(|error| give_up(memory, &error))
}

/// Ends the job: its state is not to be had.
#[cold]
pub(crate) fn give_up(memory: &Memory, error: &SegmentError) -> ! {
    let name = memory.name();
    let reason = std::error::Error::source(error).map(|source| format!(": {source}"));
    panic!("state \"{name}\" cannot be read: {error}{}", reason.unwrap_or_default())
}
