//! What an archive knows: which chunks are live, where each is, and what is dead in it.
//!
//! Changes are taken in at once, whatever becomes of the checkpoint they came with; what they ask to be written is remembered until it is durable. So a checkpoint that fails
//! loses nothing: what was not written is written with the next one.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::directory::{Directory, DirectoryChunk, DirectoryTable, shape_number};
use crate::TableName;
use crate::format::SegmentId;
use crate::freeze::{Captured, Content, Filed, FrozenTable, Place, Shape};
use crate::segment::SegmentRef;

/// See the file's header.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) tables: BTreeMap<u32, Tabled>,
    /// Batches of deaths that are durable.
    pub(super) batches: Vec<Place>,
    pub(super) directory: Option<Place>,
    /// Segments with something in them that is live.
    pub(super) segments: BTreeMap<SegmentId, Held>,
    /// When the last segment was begun.
    age: u64,
    /// Whether something changed since the last checkpoint.
    pub(super) is_dirty: bool,
}

/// A table.
#[derive(Debug)]
pub(super) struct Tabled {
    pub(super) name: Arc<TableName>,
    pub(super) shape: Shape,
    pub(super) is_copied: bool,
    pub(super) value_align: usize,
    pub(super) entries: u64,
    pub(super) bytes: u64,
    /// By sequence number.
    pub(super) chunks: BTreeMap<u64, Chunked>,
}

/// A chunk.
#[derive(Debug)]
pub(super) struct Chunked {
    pane: i64,
    number: u32,
    shift: u32,
    groups: Option<(u32, u32)>,
    /// Where it is on disk; not believed while there is `content`.
    pub(super) place: Option<Place>,
    /// What is to be written.
    pub(super) content: Option<Content>,
    /// All units that are dead.
    pub(super) dead: Vec<u32>,
    /// How many of those, from the front, are in durable batches.
    pub(super) told: usize,
}

/// A segment.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) reference: SegmentRef,
    pub(super) live: u64,
    /// Later ones were begun later.
    pub(super) age: u64,
}

impl State {
    /// Takes in what changed in a table.
    pub(super) fn take_in(&mut self, frozen: FrozenTable) {
        let FrozenTable { number, name, shape, is_copied, value_align, .. } = frozen;
        let FrozenTable { entries, bytes, journal, .. } = frozen;
        self.is_dirty |= !journal.is_empty();
        for reference in journal.segments {
            self.hold(reference);
        }
        let table = self.tables.entry(number).or_insert_with(|| Tabled {
            name,
            shape,
            is_copied,
            value_align,
            entries,
            bytes,
            chunks: BTreeMap::new(),
        });
        (table.entries, table.bytes) = (entries, bytes);
        for Captured { sequence, pane, number, content } in journal.chunks {
            let mut chunk = Chunked {
                pane,
                number,
                shift: 0,
                groups: None,
                place: None,
                content: None,
                dead: Vec::new(),
                told: 0,
            };
            match content {
                Content::Filed(Filed { place, shift, groups, dead }) => {
                    (chunk.place, chunk.shift) = (Some(place), shift);
                    (chunk.groups, chunk.dead) = (groups, dead);
                    let held = self.segments.get_mut(&place.segment);
                    held.expect("invariant: its segment came with it").live += place.bytes;
                }
                content => chunk.content = Some(content),
            }
            table.chunks.insert(sequence, chunk);
        }
        for (sequence, unit) in journal.deaths.iter() {
            if let Some(chunk) = table.chunks.get_mut(&sequence) {
                chunk.dead.push(unit);
            }
        }
        for sequence in journal.drops {
            if let Some(place) = table.chunks.remove(&sequence).and_then(|chunk| chunk.place) {
                release(&mut self.segments, place);
            }
        }
    }

    /// Knows a segment from now on.
    pub(super) fn hold(&mut self, reference: SegmentRef) {
        self.age += 1;
        let held = Held { reference, live: 0, age: self.age };
        self.segments.entry(reference.identity.id).or_insert(held);
    }

    /// Puts a chunk where it was written.
    pub(super) fn settle(&mut self, (table, sequence): (u32, u64), place: Place) {
        let table = self.tables.get_mut(&table).expect("invariant: tables stay");
        let chunk =
            table.chunks.get_mut(&sequence).expect("invariant: nothing is taken in between");
        chunk.content = None;
        if let Some(old) = chunk.place.replace(place) {
            release(&mut self.segments, old);
        }
        self.claim(place);
    }

    /// Counts something that is live.
    pub(super) fn claim(&mut self, place: Place) {
        let held = self.segments.get_mut(&place.segment);
        held.expect("invariant: what was written is in a segment that is known").live +=
            place.bytes;
    }

    /// Counts something that is not live any more.
    pub(super) fn release(&mut self, place: Place) {
        release(&mut self.segments, place);
    }

    /// Chunks that are to be written.
    pub(super) fn unwritten(&self) -> Vec<(u32, u64)> {
        let mut found = Vec::new();
        for (number, table) in &self.tables {
            let chunks = table.chunks.iter().filter(|(_, chunk)| chunk.content.is_some());
            found.extend(chunks.map(|(sequence, _)| (*number, *sequence)));
        }
        found
    }

    pub(super) fn chunk(&self, (table, sequence): (u32, u64)) -> &Chunked {
        &self.tables[&table].chunks[&sequence]
    }

    /// The directory, with the places that chunks get and the batches that there will be.
    pub(super) fn directory(
        &self,
        placed: &BTreeMap<(u32, u64), Place>,
        batches: Vec<Place>,
    ) -> Directory {
        let tables = self.tables.iter().map(|(number, table)| {
            let chunks = table.chunks.iter().map(|(sequence, chunk)| {
                let place = placed.get(&(*number, *sequence)).copied().or(chunk.place);
                DirectoryChunk {
                    sequence: *sequence,
                    pane: chunk.pane,
                    number: chunk.number,
                    shift: chunk.shift,
                    groups: chunk.groups,
                    place: place.expect("invariant: a chunk is on disk before its directory is"),
                }
            });
            let (shape, is_copied) = (shape_number(table.shape), table.is_copied);
            DirectoryTable { number: *number, shape, is_copied, chunks: chunks.collect() }
        });
        Directory { tables: tables.collect(), batches }
    }
}

fn release(segments: &mut BTreeMap<SegmentId, Held>, place: Place) {
    let held = segments.get_mut(&place.segment);
    held.expect("invariant: a segment is known while something in it is live").live -= place.bytes;
}
