//! Makes sure that lists which were read lead where they should: each from its entry from block to block to an end, through blocks that no other list leads to.
//!
//! What is in a block was looked at when its chunk was read. Links lead from chunk to chunk, so they are looked at when all chunks of a part are there. Cost: two cache misses a block, which the
//! table that takes the lists over has as well.

use std::collections::BTreeMap;

use super::{Held, Obstacle, RestoredChunk};
use crate::format::Flaw;
use crate::log::Address;
use crate::log::entry::{self, Header};

/// What a chunk that was read has of lists; forgotten when they were looked at.
#[derive(Debug, Default)]
pub(super) struct Links {
    /// Units of the entries of lists that are live.
    anchors: Vec<u32>,
    /// A bit for each unit at which a block begins to which no list has led yet; empty if there is none.
    blocks: Vec<u64>,
}

impl Links {
    pub(super) fn add_anchor(&mut self, offset: usize) {
        self.anchors.push(Address::of(0, offset).unit());
    }

    pub(super) fn add_block(&mut self, offset: usize) {
        let unit = Address::of(0, offset).unit() as usize;
        self.blocks.resize(self.blocks.len().max(unit / 64 + 1), 0);
        self.blocks[unit / 64] |= 1 << (unit % 64);
    }

    /// Whether a block begins there, to which nobody was led before.
    fn take(&mut self, address: Address) -> bool {
        let (unit, bit) = (address.unit() as usize, 1 << (address.unit() % 64));
        let is_unit = address.0.is_multiple_of(16);
        let word = self.blocks.get_mut(unit / 64).filter(|word| is_unit && **word & bit != 0);
        word.map(|word| *word &= !bit).is_some()
    }
}

/// Looks at the lists of these chunks of one log, all those of one part.
pub(super) fn check(chunks: &mut [&mut RestoredChunk], value_align: usize) -> Result<(), Obstacle> {
    let mut links: Vec<Links> =
        chunks.iter_mut().map(|chunk| std::mem::take(&mut chunk.seen.links)).collect();
    let numbers: BTreeMap<usize, usize> =
        chunks.iter().enumerate().map(|(at, chunk)| (chunk.number as usize, at)).collect();
    for at in 0..chunks.len() {
        for unit in std::mem::take(&mut links[at].anchors) {
            let offset = unit as usize * 16;
            let flaw =
                || Flaw::Inconsistent { offset: chunks[at].filed.place.offset + offset as u64 };
            let anchor = bytes_of(chunks[at], offset);
            let value = entry::value_offset(Header::read(anchor).key_len(), value_align);
            let mut next = Address(entry::word(anchor, value));
            while next != Address::NONE {
                let chunk = numbers.get(&next.chunk()).ok_or_else(flaw)?;
                if !links[*chunk].take(next) {
                    return Err(flaw().into());
                }
                next = Address(entry::second_word(bytes_of(chunks[*chunk], next.offset())));
            }
        }
    }
    Ok(())
}

fn bytes_of(chunk: &RestoredChunk, offset: usize) -> &[u8] {
    match &chunk.content {
        Held::Read(region) => &region[offset..],
        Held::Unread | Held::Parked(..) => unreachable!("invariant: it was read"),
    }
}

/// Whether these bytes are the items of a block: each its length, padded, and itself, padded.
pub(super) fn are_items(mut items: &[u8], value_align: usize) -> bool {
    while !items.is_empty() {
        let Some(length) = items.first_chunk().map(|bytes| u64::from_le_bytes(*bytes)) else {
            return false;
        };
        let item = usize::try_from(length)
            .ok()
            .and_then(|length| length.checked_next_multiple_of(value_align))
            .and_then(|length| length.checked_add(value_align));
        let Some(rest) = item.and_then(|item| items.get(item..)) else { return false };
        items = rest;
    }
    true
}
