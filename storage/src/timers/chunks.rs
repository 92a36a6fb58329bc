//! The wheel's memory: references in chunks of half a KiB, each slot of the wheel a list of them.
//!
//! All chunks of a list but its newest are full, also after [`Chunks::retain`]. So ten million references take 163 MB, and a few in each slot no more than a
//! chunk a slot. Chunks are made in blocks, so that growing never copies; a chunk that is empty is used again.
//!
//! # Not here
//!
//! Blocks do not go back to the system before the wheel does: as the log, it keeps what it once needed.

use super::Reference;
use crate::memory::Memory;
use std::rc::Rc;

/// References of a chunk: with its link it is 512 bytes.
const CHUNK_REFERENCES: usize = 31;

/// Chunks made at once: 32 KiB.
const BLOCK_CHUNKS: usize = 64;

/// No chunk.
const NONE: u32 = u32::MAX;

#[derive(Debug)]
struct Chunk {
    /// The next older chunk of the list, or the next free chunk.
    next: u32,
    /// The list, or [`FREE`].
    list: u16,
    len: u16,
    references: [Reference; CHUNK_REFERENCES],
}

/// The list of a chunk that is in none.
const FREE: u16 = u16::MAX;

/// Lists of references; see the file's header.
#[derive(Debug)]
pub(super) struct Chunks {
    blocks: Vec<Box<[Chunk]>>,
    /// The newest chunk of each list.
    heads: Vec<u32>,
    free: u32,
    len: usize,
    /// The chunk that [`Chunks::retain`] looks at next.
    sweep: u32,
    memory: Rc<Memory>,
}

impl Chunks {
    pub(super) fn new(lists: usize, memory: Rc<Memory>) -> Self {
        let chunks = Self {
            blocks: Vec::new(),
            heads: vec![NONE; lists],
            free: NONE,
            len: 0,
            sweep: 0,
            memory,
        };
        chunks.memory.add(chunks.bytes());
        chunks
    }

    /// References in all lists.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Memory held, bytes.
    pub(super) fn bytes(&self) -> usize {
        self.blocks.len() * BLOCK_CHUNKS * size_of::<Chunk>() + self.heads.len() * size_of::<u32>()
    }

    pub(super) fn is_empty(&self, list: usize) -> bool {
        self.heads[list] == NONE
    }

    /// Adds a reference to a list. Cost: O(1).
    #[inline]
    pub(super) fn push(&mut self, list: usize, reference: Reference) {
        let head = self.heads[list];
        let full = head == NONE || usize::from(self.chunk(head).len) == CHUNK_REFERENCES;
        let head = if full { self.open(list) } else { head };
        let chunk = self.chunk_mut(head);
        chunk.references[usize::from(chunk.len)] = reference;
        chunk.len += 1;
        self.len += 1;
    }

    /// Takes the newest chunk of a list out and appends its references to `into`.
    pub(super) fn take_chunk(&mut self, list: usize, into: &mut Vec<Reference>) {
        let head = self.heads[list];
        if head == NONE {
            return;
        }
        let chunk = self.chunk(head);
        let len = usize::from(chunk.len);
        into.extend_from_slice(&chunk.references[..len]);
        self.len -= len;
        self.close(list);
    }

    /// Drops those references of one chunk, another one with each call, for which `keep` does not hold. Returns how many were
    /// dropped, and the list if it is empty now.
    pub(super) fn retain(
        &mut self,
        mut keep: impl FnMut(&Reference) -> bool,
    ) -> (usize, Option<usize>) {
        let chunks = u32::try_from(self.blocks.len() * BLOCK_CHUNKS).expect("invariant: 32 bits");
        let at = if self.sweep < chunks { self.sweep } else { 0 };
        self.sweep = at + 1;
        if at >= chunks || self.chunk(at).list == FREE {
            return (0, None);
        }
        let chunk = self.chunk_mut(at);
        let (list, before) = (usize::from(chunk.list), usize::from(chunk.len));
        let mut kept = 0;
        for index in 0..before {
            if keep(&chunk.references[index]) {
                chunk.references[kept] = chunk.references[index];
                kept += 1;
            }
        }
        chunk.len = u16::try_from(kept).expect("invariant: at most a chunk");
        self.len -= before - kept;
        self.fill_up(list, at);
        (before - kept, self.is_empty(list).then_some(list))
    }

    /// Fills a chunk from newer ones of its list, so that all but the newest are full; empty ones are given back.
    fn fill_up(&mut self, list: usize, at: u32) {
        loop {
            let head = self.heads[list];
            if self.chunk(head).len == 0 {
                self.close(list);
            }
            if head == at || usize::from(self.chunk(at).len) == CHUNK_REFERENCES {
                return;
            }
            let newest = self.chunk_mut(head);
            if newest.len == 0 {
                continue;
            }
            newest.len -= 1;
            let reference = newest.references[usize::from(newest.len)];
            let chunk = self.chunk_mut(at);
            chunk.references[usize::from(chunk.len)] = reference;
            chunk.len += 1;
        }
    }

    /// A new newest chunk of a list.
    fn open(&mut self, list: usize) -> u32 {
        if self.free == NONE {
            self.make_block();
        }
        let fresh = self.free;
        let next = self.heads[list];
        let list_number = u16::try_from(list).expect("invariant: fewer lists than 65,535");
        let chunk = self.chunk_mut(fresh);
        let free = std::mem::replace(&mut chunk.next, next);
        (chunk.list, chunk.len) = (list_number, 0);
        self.free = free;
        self.heads[list] = fresh;
        fresh
    }

    /// Gives the newest chunk of a list back.
    fn close(&mut self, list: usize) {
        let (head, free) = (self.heads[list], self.free);
        let chunk = self.chunk_mut(head);
        let next = std::mem::replace(&mut chunk.next, free);
        (chunk.list, chunk.len) = (FREE, 0);
        self.heads[list] = next;
        self.free = head;
    }

    fn make_block(&mut self) {
        let first = u32::try_from(self.blocks.len() * BLOCK_CHUNKS)
            .expect("invariant: fewer than 2^32 chunks, 2 TiB");
        let nothing = Reference { at: 0, key: 0 };
        let references = [nothing; CHUNK_REFERENCES];
        let chunk = |next| Chunk { next, list: FREE, len: 0, references };
        let last = first + u32::try_from(BLOCK_CHUNKS).expect("invariant: few") - 1;
        let links = (first..last).map(|at| at + 1).chain([self.free]);
        self.blocks.push(links.map(chunk).collect());
        self.free = first;
        self.memory.add(BLOCK_CHUNKS * size_of::<Chunk>());
    }

    #[inline]
    fn chunk(&self, at: u32) -> &Chunk {
        &self.blocks[at as usize / BLOCK_CHUNKS][at as usize % BLOCK_CHUNKS]
    }

    #[inline]
    fn chunk_mut(&mut self, at: u32) -> &mut Chunk {
        &mut self.blocks[at as usize / BLOCK_CHUNKS][at as usize % BLOCK_CHUNKS]
    }
}

impl Drop for Chunks {
    fn drop(&mut self) {
        self.memory.subtract(self.bytes());
    }
}
