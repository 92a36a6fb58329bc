//! A hierarchical timing wheel of references.
//!
//! Times are 64 bits of nanoseconds. A tick is 2^16 of them (65 us); above it stand six levels of 256 slots, a byte of the time each, so every time there is has
//! its place and none overflows. A reference lies at the level of the highest byte in which its tick differs from the present one; when the
//! wheel comes to a slot, the references in it go to lower levels, and those of the present tick to whoever turns the wheel. A timer half a minute ahead is
//! moved three times in its life.
//!
//! # Invariants
//!
//! 1. Every reference in the wheel has a tick behind the present one, but for those of a slot that is being emptied.
//! 2. While a slot is being emptied, nothing that lies in it has been passed: the present tick is its first.
//!
//! # Source
//!
//! G. Varghese, T. Lauck, "Hashed and Hierarchical Timing Wheels", SOSP 1987, scheme 7.

use super::Reference;
use super::chunks::Chunks;
use crate::memory::Memory;
use std::rc::Rc;

const TICK_BITS: u32 = 16;
const LEVEL_BITS: u32 = 8;
const SLOTS: usize = 1 << LEVEL_BITS;
const LEVELS: usize = 6;

/// See the file's header.
#[derive(Debug)]
pub(super) struct Wheel {
    /// The present tick.
    tick: u64,
    chunks: Chunks,
    /// For each level, which of its slots hold something.
    occupied: [[u64; SLOTS / 64]; LEVELS],
    /// The slot that is being emptied.
    emptying: Option<usize>,
    moved: Vec<Reference>,
}

impl Wheel {
    pub(super) fn new(memory: Rc<Memory>) -> Self {
        Self {
            tick: 0,
            chunks: Chunks::new(LEVELS * SLOTS, memory),
            occupied: [[0; SLOTS / 64]; LEVELS],
            emptying: None,
            moved: Vec::new(),
        }
    }

    /// References held.
    pub(super) fn len(&self) -> usize {
        self.chunks.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.chunks.bytes()
    }

    /// Whether a slot is being emptied; what is due may lie in it.
    pub(super) fn is_emptying(&self) -> bool {
        self.emptying.is_some()
    }

    /// Takes a reference; `false` if it belongs to the present tick or before it, and so to the caller. Cost: O(1).
    #[inline]
    pub(super) fn file(&mut self, reference: Reference) -> bool {
        let tick = reference.at >> TICK_BITS;
        if tick <= self.tick {
            return false;
        }
        let level = (u64::BITS - 1 - (tick ^ self.tick).leading_zeros()) / LEVEL_BITS;
        let slot = index(tick, level as usize);
        self.occupied[level as usize][slot / 64] |= 1 << (slot % 64);
        self.chunks.push(level as usize * SLOTS + slot, reference);
        true
    }

    /// One piece of the way to `to`: moves a chunk of references at most, those of the present tick to `near`. `false` if there is
    /// nothing left on the way.
    pub(super) fn turn(&mut self, to: u64, near: &mut Vec<Reference>) -> bool {
        if let Some(slot) = self.emptying {
            self.empty_chunk(slot, near);
            return true;
        }
        match self.next_slot() {
            Some((slot, first_tick)) if first_tick <= to >> TICK_BITS => {
                self.tick = first_tick;
                self.occupied[slot / SLOTS][slot % SLOTS / 64] &= !(1 << (slot % 64));
                self.emptying = Some(slot);
                self.empty_chunk(slot, near);
                true
            }
            _ => {
                self.tick = self.tick.max(to >> TICK_BITS);
                false
            }
        }
    }

    /// No reference in the wheel is due before this. Cost: a few nanoseconds.
    pub(super) fn next(&self) -> Option<u64> {
        match self.emptying {
            Some(_) => Some(self.tick << TICK_BITS),
            None => self.next_slot().map(|(_, first_tick)| first_tick << TICK_BITS),
        }
    }

    /// Drops what `keep` does not hold for from one chunk; returns how many were dropped.
    pub(super) fn retain(&mut self, keep: impl FnMut(&Reference) -> bool) -> usize {
        let (dropped, emptied) = self.chunks.retain(keep);
        if let Some(list) = emptied {
            self.occupied[list / SLOTS][list % SLOTS / 64] &= !(1 << (list % 64));
        }
        dropped
    }

    fn empty_chunk(&mut self, slot: usize, near: &mut Vec<Reference>) {
        let mut moved = std::mem::take(&mut self.moved);
        self.chunks.take_chunk(slot, &mut moved);
        for reference in moved.drain(..) {
            if !self.file(reference) {
                near.push(reference);
            }
        }
        self.moved = moved;
        if self.chunks.is_empty(slot) {
            self.emptying = None;
        }
    }

    /// The next slot with something in it, and its first tick. The lower the level, the sooner; and in a level slots behind the present one alone are
    /// occupied.
    fn next_slot(&self) -> Option<(usize, u64)> {
        for level in 0..LEVELS {
            let present = index(self.tick, level);
            if let Some(slot) = first_behind(&self.occupied[level], present) {
                let shift = LEVEL_BITS * u32::try_from(level).expect("invariant: six levels");
                let above = self.tick >> shift >> LEVEL_BITS << LEVEL_BITS;
                return Some((level * SLOTS + slot, (above | slot as u64) << shift));
            }
        }
        None
    }
}

/// The slot of a tick at a level.
#[expect(clippy::cast_possible_truncation, reason = "eight bits are left")]
fn index(tick: u64, level: usize) -> usize {
    (tick >> (LEVEL_BITS as usize * level)) as usize % SLOTS
}

/// The first bit that is set behind `at`.
fn first_behind(bits: &[u64; SLOTS / 64], at: usize) -> Option<usize> {
    let from = at + 1;
    (from / 64..SLOTS / 64).find_map(|word| {
        let mask = if word == from / 64 { u64::MAX << (from % 64) } else { u64::MAX };
        let left = bits[word] & mask;
        (left != 0).then(|| word * 64 + left.trailing_zeros() as usize)
    })
}
