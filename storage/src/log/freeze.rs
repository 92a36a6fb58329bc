//! The freeze, and what comes back of one.
//!
//! What is open is given to the checkpoint: a chunk of which little is used as a copy, after which it is open again as soon as somebody wants to write; any other by being
//! shared, after which it is never written again. A log of which nothing was written since the last freeze has nothing open, and costs nothing.
//!
//! # Invariants
//!
//! 1. A chunk gets another sequence number each time it is frozen, and what it was frozen as before is dropped.
//! 2. What is frozen and not dropped, without the entries that were noted as dead, is what was live at the freeze.

use super::chunk::State;
use super::entry::{self, Header, Kind};
use super::{Address, CHUNK_BYTES, Log, Parked, size_class};
use crate::format::PAGE_BYTES;
use crate::freeze::{Captured, Content, Filed};
use crate::raw::{Frame, Region};
use std::sync::Arc;

/// A frozen chunk of no more than this is small, bytes.
const SMALL_BYTES: usize = CHUNK_BYTES / 8;

/// Small frozen chunks that are worth being made one.
const MANY_SMALL: usize = 32;

impl Log {
    /// Gives everything that was written since the last freeze to the journal. Nothing is copied but what is used of small chunks.
    ///
    /// Cost: O(chunks written since), about 0.1 us each.
    pub(crate) fn freeze(&mut self, pane: i64) {
        self.note_moved();
        if self.open.is_empty() {
            return;
        }
        let mut written = 0;
        let mut any_frozen = false;
        let mut open = std::mem::take(&mut self.open);
        for number in &open {
            written += self.chunks[*number as usize].used;
            any_frozen |= self.freeze_chunk(*number as usize, pane);
        }
        if any_frozen {
            // What is free in chunks that are frozen now is not to be written any more.
            self.free.clear();
            open.iter().for_each(|number| self.empty_if_dead(*number as usize));
        }
        open.clear();
        self.open = open;
        self.cold.first_bytes =
            written.next_power_of_two().clamp(super::chunk::FIRST_BYTES, CHUNK_BYTES);
        self.gather_small();
        self.make_room();
    }

    /// `true` if it cannot be opened again.
    fn freeze_chunk(&mut self, number: usize, pane: i64) -> bool {
        let chunk = &mut self.chunks[number];
        debug_assert_eq!(chunk.sequence, None, "invariant: an open chunk has no number");
        let frame = &mut self.frames[number];
        if chunk.dead == chunk.used {
            // Nothing in it is worth writing; it has room for what comes.
            chunk.state = State::Kept;
            frame.lock();
            return false;
        }
        let sequence = self.memory.next_sequence();
        self.memory.note_frozen(sequence);
        chunk.sequence = Some(sequence);
        let is_kept = chunk.used <= self.memory.copied_bytes();
        let content = if is_kept {
            chunk.state = State::Kept;
            frame.lock();
            Content::Copied(frame[..chunk.used].into())
        } else if frame.len() < PAGE_BYTES {
            // Not the unit of anything on disk.
            chunk.state = State::Frozen;
            frame.lock();
            Content::Copied(frame[..chunk.used].into())
        } else {
            chunk.state = State::Frozen;
            let end = chunk.used.next_multiple_of(PAGE_BYTES);
            frame.bytes_mut()[chunk.used..end].fill(0);
            Content::Shared(frame.share(), chunk.used)
        };
        let name = u32::try_from(number).expect("invariant: an address has 52 bits");
        let captured = Captured { sequence, pane, number: name, content };
        self.memory.journal().chunks.push(captured);
        if !is_kept {
            let born = chunk.born;
            if self.tail == number {
                self.tail = 0;
            }
            if self.frames[number].len() <= SMALL_BYTES {
                self.cold.small.push_back((name, born));
            }
            self.look_at_dead_share(number);
        }
        !is_kept
    }

    /// Lets a kept chunk in which nothing is live begin anew; nothing in it is in the lists of what is free.
    fn empty_if_dead(&mut self, number: usize) {
        let chunk = &mut self.chunks[number];
        if chunk.state == State::Kept && chunk.dead == chunk.used {
            if self.tail == number {
                (chunk.used, chunk.dead) = (0, 0);
                // Entries will begin elsewhere.
                self.generation = super::next_generation();
            } else {
                self.drop_chunk(number);
            }
        }
    }

    /// Opens a chunk again that was frozen by a copy. `false` if it cannot be: it is shared, or there is none.
    #[cold]
    pub(super) fn thaw(&mut self, number: usize) -> bool {
        let Some(chunk) = self.chunks.get_mut(number) else { return false };
        match chunk.state {
            State::Open => true,
            State::Kept => {
                chunk.state = State::Open;
                if let Some(sequence) = chunk.sequence.take() {
                    self.memory.journal().drops.push(sequence);
                    self.memory.forget_frozen(sequence);
                }
                let unlocked = self.frames[number].unlock();
                debug_assert!(unlocked, "invariant: what is kept is not shared");
                self.open.push(u32::try_from(number).expect("invariant: an address has 52 bits"));
                true
            }
            State::Vacant | State::Continued | State::Frozen => false,
        }
    }

    /// What is to be done about a frozen chunk in which something died.
    pub(super) fn look_at_dead_share(&mut self, number: usize) {
        let chunk = &mut self.chunks[number];
        if chunk.dead == chunk.used {
            self.drop_chunk(number);
            return;
        }
        let live = chunk.used - chunk.dead;
        let is_half_dead = 2 * live <= chunk.used || 4 * live <= chunk.bytes;
        if !chunk.is_victim && chunk.blocks == 0 && is_half_dead {
            chunk.is_victim = true;
            let name = u32::try_from(number).expect("invariant: an address has 52 bits");
            self.cold.victims.push_back((name, chunk.born));
        }
    }

    /// Has many small chunks made into one, so that a table of which little is written in each epoch does not fall into crumbs.
    fn gather_small(&mut self) {
        if self.cold.small.len() <= MANY_SMALL {
            return;
        }
        for (name, born) in std::mem::take(&mut self.cold.small) {
            let chunk = &mut self.chunks[name as usize];
            if chunk.born == born && !chunk.is_victim && chunk.blocks == 0 {
                chunk.is_victim = true;
                self.cold.victims.push_back((name, born));
                self.owed += 2 * chunk.used;
            }
        }
    }

    /// The chunk to be compacted next: its number and birth.
    pub(crate) fn victim(&mut self) -> Option<(u32, u64)> {
        while let Some((name, born)) = self.cold.victims.front().copied() {
            let chunk = &mut self.chunks[name as usize];
            if chunk.born == born && chunk.blocks == 0 {
                return Some((name, born));
            }
            if chunk.born == born {
                chunk.is_victim = false;
            }
            self.cold.victims.pop_front();
        }
        None
    }

    /// The entry at `offset` of a victim, if it is not behind its end.
    pub(crate) fn entry_of(
        &self,
        (name, born): (u32, u64),
        offset: usize,
    ) -> Option<(Address, Header)> {
        let chunk = &self.chunks[name as usize];
        (chunk.born == born && offset < chunk.used).then(|| {
            let address = Address::of(name as usize, offset);
            (address, self.header(address))
        })
    }

    /// Drops a victim of which all that was live has been copied.
    pub(crate) fn finish_victim(&mut self, (name, born): (u32, u64)) {
        if self.cold.victims.front() == Some(&(name, born)) {
            self.cold.victims.pop_front();
        }
        if self.chunks[name as usize].born == born {
            self.drop_chunk(name as usize);
        }
    }

    /// Takes over a chunk of a checkpoint, with the numbers of the chunk addresses in it shifted by as much as `filed` says. Everything in it counts as dead until
    /// [`Log::revive`] says otherwise.
    pub(crate) fn adopt(
        &mut self,
        number: u32,
        memory: Arc<Region>,
        used: usize,
        pane: i64,
        filed: Filed,
    ) {
        self.count(memory.len());
        let bytes = memory.len();
        self.adopt_as(number, (Frame::shared(memory), bytes), pane, filed);
        let chunk = &mut self.chunks[number as usize];
        (chunk.used, chunk.dead) = (used, used);
    }

    /// Takes over a chunk of a checkpoint that stays on disk. It has single values alone, `dead` bytes of which are dead.
    pub(crate) fn adopt_parked(
        &mut self,
        number: u32,
        parked: Parked,
        dead: usize,
        pane: i64,
        filed: Filed,
    ) {
        let used = parked.used();
        self.adopt_as(number, (Frame::empty(), restored_bytes(used)), pane, filed);
        let chunk = &mut self.chunks[number as usize];
        (chunk.used, chunk.dead, chunk.parked) = (used, dead, Some(Box::new(parked)));
        self.memory.add_live(used - dead);
    }

    fn adopt_as(&mut self, number: u32, (frame, bytes): (Frame, usize), pane: i64, filed: Filed) {
        let sequence = self.memory.next_sequence();
        self.memory.note_frozen(sequence);
        let at = number as usize;
        let numbers = bytes.div_ceil(CHUNK_BYTES).max(1);
        self.push(at, frame, State::Frozen);
        for next in at + 1..at + numbers {
            self.reserve(next);
            self.chunks[next].state = State::Continued;
        }
        let chunk = &mut self.chunks[at];
        (chunk.sequence, chunk.bytes) = (Some(sequence), bytes);
        let content = Content::Filed(filed);
        self.memory.journal().chunks.push(Captured { sequence, pane, number, content });
    }

    /// Says that an entry of an adopted chunk is live.
    pub(crate) fn revive(&mut self, address: Address) {
        let header = self.header(address);
        let bytes = size_class::bytes(header.class());
        let chunk = &mut self.chunks[address.chunk()];
        chunk.dead -= bytes;
        if header.kind() == Kind::Block {
            chunk.blocks += bytes;
        }
        self.memory.add_live(bytes);
    }

    /// Says that so many bytes of an adopted chunk are live, in single values.
    pub(crate) fn revive_some(&mut self, number: u32, bytes: usize) {
        self.chunks[number as usize].dead -= bytes;
        self.memory.add_live(bytes);
    }

    /// Makes an empty log ready to take over chunks, whatever their numbers.
    pub(crate) fn begin_adoption(&mut self) {
        while let Some((_, number)) = self.cold.order.last() {
            self.drop_chunk(*number as usize);
        }
        self.cold.vacant.clear();
    }

    /// Ends adoption: chunks in which nothing is live are dropped, and numbers that are missing are vacant.
    pub(crate) fn settle(&mut self) {
        for number in 1..self.chunks.len() {
            if self.chunks[number].state == State::Frozen {
                self.look_at_dead_share(number);
            }
        }
        self.cold.vacant.clear();
        for number in (1..self.chunks.len()).rev() {
            if self.chunks[number].state == State::Vacant {
                self.cold
                    .vacant
                    .push(u32::try_from(number).expect("invariant: an address has 52 bits"));
            }
        }
    }
}

/// How large a chunk of which `used` bytes are used is after a restore, whether it is read into memory or not.
pub(crate) fn restored_bytes(used: usize) -> usize {
    used.next_power_of_two().clamp(PAGE_BYTES, CHUNK_BYTES).max(used)
}

/// Shifts the chunk numbers of the addresses in an entry; those of blocks and lists have some.
pub(crate) fn shift(bytes: &mut [u8], header: Header, value_align: usize, shift: u32) {
    let by = u64::from(shift) * CHUNK_BYTES as u64;
    match header.kind() {
        Kind::Block => {
            let before = entry::second_word(bytes);
            if before != 0 {
                // Where it leads is looked at later, whatever it is.
                entry::set_second_word(bytes, before.wrapping_add(by));
            }
        }
        Kind::List => {
            let at = entry::value_offset(header.key_len(), value_align);
            let newest = entry::word(bytes, at);
            if newest != 0 {
                entry::set_word(bytes, at, newest.wrapping_add(by));
            }
        }
        Kind::Single | Kind::Dead => {}
    }
}
