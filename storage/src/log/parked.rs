//! Chunks that are not in memory: their entries are read from the map of the segment that a checkpoint wrote them to.
//!
//! Chunks are parked by a restore, and when there is more of them than memory is meant for ([`crate::StoreConfig::resident_bytes`]): the oldest first, since what is written to lives at the tail.
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

use super::chunk::{Chunk, State};
use super::entry::{self, Header, Kind};
use super::{Address, Log, size_class};
use crate::format::Flaw;
use crate::freeze::Place;
use crate::memory::Memory;
use crate::raw::Frame;
use crate::segment::{MappedSegment, SegmentError};

/// Where a chunk is.
#[derive(Clone, Debug)]
pub(crate) struct Parked {
    segment: Arc<MappedSegment>,
    place: Place,
    /// Alignment of the values if it was not written by this process: then it must have single values alone, and nothing else of it is believed.
    foreign: Option<usize>,
}

impl Parked {
    /// The chunk at a place in a segment.
    ///
    /// # Errors
    ///
    /// There is no such place in it.
    pub(crate) fn new(segment: Arc<MappedSegment>, place: Place) -> Result<Self, SegmentError> {
        if segment.holds(place.offset, place.bytes) {
            Ok(Self { segment, place, foreign: None })
        } else {
            Err(segment.unfit(Flaw::Inconsistent { offset: place.offset }))
        }
    }

    /// The chunk at a place in a segment of a checkpoint that is restored; it has single values alone, aligned to `value_align`.
    ///
    /// # Errors
    ///
    /// There is no such place in it.
    pub(crate) fn restored(
        segment: Arc<MappedSegment>,
        place: Place,
        value_align: usize,
    ) -> Result<Self, SegmentError> {
        let parked = Self::new(segment, place)?;
        Ok(Self { foreign: Some(value_align), ..parked })
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
        let size = size_class::bytes_of_any(header.class()).ok_or_else(flaw)?;
        if size > room || entry::HEADER_BYTES + header.key_len() > size {
            return Err(flaw());
        }
        if let Some(align) = self.foreign {
            let is_of_list = matches!(header.kind(), Kind::List | Kind::Block);
            if is_of_list || entry::needed_bytes(header, align) > size {
                return Err(flaw());
            }
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

impl Log {
    /// Parks the oldest chunks that are durable until no more memory is held than may be. Cost: nothing without a bound; else O(chunks) in all between two freezes.
    pub(super) fn make_room(&mut self) {
        if !self.memory.is_bounded() || !self.memory.is_over() {
            return;
        }
        self.memory.take_filed();
        while self.memory.is_over() {
            let order = &self.cold.order;
            let next = order.partition_point(|(born, _)| *born <= self.cold.looked_at);
            let Some((born, number)) = order.get(next).copied() else { return };
            self.cold.looked_at = born;
            self.park(number as usize);
        }
    }

    /// Parks a chunk if it is frozen, in memory and durable.
    fn park(&mut self, number: usize) {
        let chunk = &mut self.chunks[number];
        let (State::Frozen, Some(sequence), None) = (chunk.state, chunk.sequence, &chunk.parked)
        else {
            return;
        };
        let Some(parked) = self.memory.take_parked(sequence) else { return };
        chunk.parked = Some(Box::new(parked));
        let frame = std::mem::replace(&mut self.frames[number], Frame::empty());
        self.give_back(frame);
    }

    /// Goes on with chunks that were written elsewhere, so that their old files can go.
    pub(super) fn note_moved(&mut self) {
        if !self.memory.is_bounded() {
            return;
        }
        self.cold.looked_at = 0;
        self.memory.take_filed();
        for chunk in self.chunks.iter_mut().filter(|chunk| chunk.parked.is_some()) {
            let moved = chunk.sequence.and_then(|sequence| self.memory.take_parked(sequence));
            chunk.parked = moved.map(Box::new).or(chunk.parked.take());
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
