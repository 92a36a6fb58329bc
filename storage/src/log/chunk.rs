//! Chunks: how they come, grow, and go.
//!
//! A chunk is made small and doubles until it is a whole huge page, so that a table of three keys holds hundreds of bytes; where the last epochs wrote more, it is made
//! larger at once. Numbers of chunks that are gone are given again.

use super::{Address, CHUNK_BYTES, Log, Parked, next_generation};
use crate::raw::{Frame, Region};

/// The first chunk grows from this: a table of three keys stays that small.
pub(super) const FIRST_BYTES: usize = 256;

/// Everything about a chunk but its bytes.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) state: State,
    /// When it was made; 0 if there is none.
    pub(super) born: u64,
    /// What it was last frozen as.
    pub(super) sequence: Option<u64>,
    /// How much it holds, be it in memory or not.
    pub(super) bytes: usize,
    pub(super) used: usize,
    /// Of those, bytes of dead entries.
    pub(super) dead: usize,
    /// Of those that are not dead, bytes of blocks of lists.
    pub(super) blocks: usize,
    /// Chosen to be compacted.
    pub(super) is_victim: bool,
    /// Where it is on disk, if it is not in memory.
    pub(super) parked: Option<Box<Parked>>,
}

/// What may be done with a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// There is none of this number.
    Vacant,
    /// The number belongs to an entry that is larger than a chunk, and is not its first.
    Continued,
    /// It is written.
    Open,
    /// It was frozen by a copy, and is open again as soon as somebody wants to write.
    Kept,
    /// It is frozen for good.
    Frozen,
}

impl Chunk {
    fn new(state: State, born: u64) -> Self {
        Self {
            state,
            born,
            sequence: None,
            bytes: 0,
            used: 0,
            dead: 0,
            blocks: 0,
            is_victim: false,
            parked: None,
        }
    }
}

impl Log {
    /// Space at the tail.
    pub(super) fn extend(&mut self, bytes: usize) -> Address {
        if bytes > CHUNK_BYTES {
            return self.extend_by_whole_chunks(bytes);
        }
        if self.tail == 0 || !self.tail_has_room(bytes) {
            self.make_room();
            let size = self.cold.first_bytes.max(bytes.next_power_of_two()).min(CHUNK_BYTES);
            let memory = self.obtain(size);
            self.tail = self.add(Frame::new(memory), State::Open);
        }
        let chunk = &mut self.chunks[self.tail];
        let address = Address::of(self.tail, chunk.used);
        chunk.used += bytes;
        address
    }

    /// Makes room in the chunk at the tail, by growing it if it is not a whole one.
    fn tail_has_room(&mut self, bytes: usize) -> bool {
        let (size, used) = (self.frames[self.tail].len(), self.chunks[self.tail].used);
        if size - used < bytes && size == CHUNK_BYTES {
            return false;
        }
        if !self.frames[self.tail].is_writable() {
            self.thaw(self.tail);
        }
        if size - used < bytes {
            self.grow_tail(bytes);
        }
        self.frames[self.tail].len() - used >= bytes
    }

    /// Doubles the chunk at the tail until `bytes` more fit or it is a whole one. How large it gets depends on operations alone, not on what memory is at hand: compaction looks at it.
    fn grow_tail(&mut self, bytes: usize) {
        let used = self.chunks[self.tail].used;
        let mut size = self.frames[self.tail].len();
        while size < CHUNK_BYTES && size - used < bytes {
            size *= 2;
        }
        let mut memory = self.obtain(size);
        memory[..used].copy_from_slice(&self.frames[self.tail][..used]);
        self.chunks[self.tail].bytes = memory.len();
        let outgrown = std::mem::replace(&mut self.frames[self.tail], Frame::new(memory));
        self.give_back(outgrown);
    }

    fn extend_by_whole_chunks(&mut self, bytes: usize) -> Address {
        self.make_room();
        // Whole pages, so that it can be written as it lies.
        let memory = self.obtain(bytes.next_multiple_of(crate::format::PAGE_BYTES));
        let number = self.frames.len().max(1);
        self.push(number, Frame::new(memory), State::Open);
        self.chunks[number].used = bytes;
        for at in 1..bytes.div_ceil(CHUNK_BYTES) {
            self.reserve(number + at);
            self.chunks[number + at].state = State::Continued;
        }
        Address::of(number, 0)
    }

    /// Adds a chunk under a number that is vacant.
    pub(super) fn add(&mut self, frame: Frame, state: State) -> usize {
        let number = match self.cold.vacant.pop() {
            Some(number) => number as usize,
            // Invariant 1.
            None => self.frames.len().max(1),
        };
        self.push(number, frame, state);
        number
    }

    /// Adds a chunk under this number.
    pub(super) fn push(&mut self, number: usize, frame: Frame, state: State) {
        self.reserve(number);
        self.cold.born += 1;
        self.chunks[number] = Chunk::new(state, self.cold.born);
        self.chunks[number].bytes = frame.len();
        self.frames[number] = frame;
        let name = u32::try_from(number).expect("invariant: an address has 52 bits");
        self.cold.order.push((self.cold.born, name));
        if state == State::Open {
            self.open.push(name);
        }
    }

    /// Makes the number known.
    pub(super) fn reserve(&mut self, number: usize) {
        while self.frames.len() <= number {
            self.frames.push(Frame::empty());
            self.chunks.push(Chunk::new(State::Vacant, 0));
        }
    }

    /// Forgets a chunk with all that is in it.
    pub(super) fn drop_chunk(&mut self, number: usize) {
        let chunk = std::mem::replace(&mut self.chunks[number], Chunk::new(State::Vacant, 0));
        debug_assert!(!matches!(chunk.state, State::Vacant | State::Continued));
        if let Some(sequence) = chunk.sequence {
            self.memory.journal().drops.push(sequence);
            self.memory.forget_frozen(sequence);
        }
        let frame = std::mem::replace(&mut self.frames[number], Frame::empty());
        let numbers = chunk.bytes.div_ceil(CHUNK_BYTES).max(1);
        self.give_back(frame);
        for number in (number..number + numbers).rev() {
            self.chunks[number].state = State::Vacant;
            self.cold
                .vacant
                .push(u32::try_from(number).expect("invariant: an address has 52 bits"));
        }
        if let Ok(at) = self.cold.order.binary_search_by_key(&chunk.born, |(born, _)| *born) {
            self.cold.order.remove(at);
        }
        if chunk.state == State::Open {
            self.open.retain(|open| *open as usize != number);
        }
        if self.tail == number {
            self.tail = 0;
        }
        self.generation = next_generation();
    }

    /// Forgets all entries. One chunk is kept if it is this log's alone, the others go back to the core's pool.
    pub(crate) fn clear(&mut self) {
        let kept = self.cold.order.iter().map(|(_, number)| *number as usize).find(|number| {
            self.chunks[*number].state != State::Frozen && self.chunks[*number].bytes <= CHUNK_BYTES
        });
        let live: usize = self.chunks.iter().map(|chunk| chunk.used - chunk.dead).sum();
        self.memory.subtract_live(live);
        for at in (0..self.cold.order.len()).rev() {
            let number = self.cold.order[at].1 as usize;
            if Some(number) != kept {
                self.drop_chunk(number);
            }
        }
        self.cold.order.clear();
        self.open.clear();
        self.free.clear();
        self.cold.victims.clear();
        self.cold.small.clear();
        self.owed = 0;
        self.tail = 0;
        self.cold.first_bytes = FIRST_BYTES;
        self.generation = next_generation();
        if let Some(number) = kept {
            self.thaw(number);
            self.open.clear();
            let frame = std::mem::replace(&mut self.frames[number], Frame::empty());
            self.push(number, frame, State::Open);
            self.tail = number;
        }
    }

    fn obtain(&mut self, bytes: usize) -> Region {
        let memory = self.memory.obtain(bytes);
        self.bytes += memory.len();
        memory
    }

    /// Counts memory that is part of the log from now on.
    pub(super) fn count(&mut self, bytes: usize) {
        self.bytes += bytes;
        self.memory.add(bytes);
    }

    pub(super) fn give_back(&mut self, frame: Frame) {
        self.bytes -= frame.len();
        self.memory.give_back(frame);
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let live: usize = self.chunks.iter().map(|chunk| chunk.used - chunk.dead).sum();
        self.memory.subtract_live(live);
        for (frame, chunk) in self.frames.drain(..).zip(&self.chunks) {
            if let Some(sequence) = chunk.sequence {
                self.memory.journal().drops.push(sequence);
                self.memory.forget_frozen(sequence);
            }
            self.memory.give_back(frame);
        }
    }
}
