//! What an archive knows: which chunks are live, where each is, and what is dead in it.
//!
//! Changes are taken in at once, whatever becomes of the checkpoint they came with; what they ask to be written is remembered until it is durable. So a checkpoint that fails
//! loses nothing: what was not written is written with the next one.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use super::directory::{Directory, DirectoryChunk, DirectoryTable, Listing, shape_number};
use super::output::bytes_of;
use super::roster::Counted;
use crate::TableName;
use crate::format::SegmentId;
use crate::freeze::{Captured, Content, Filed, FiledListing, FrozenTable, Place, Shape};
use crate::log::CHUNK_BYTES;
use crate::raw::Region;
use crate::segment::SegmentRef;

/// See the file's header.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) tables: BTreeMap<u32, Tabled>,
    /// Batches of deaths that are durable.
    pub(super) batches: Vec<Place>,
    pub(super) directory: Option<Place>,
    /// By a number that only this archive knows.
    pub(super) rosters: BTreeMap<u64, Roster>,
    /// The number of the last one.
    last_roster: u64,
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
    /// What was written, for as long as the worker has it in memory.
    written: Option<(Weak<Region>, usize)>,
    /// All units that are dead.
    pub(super) dead: Vec<u32>,
    /// How many of those, from the front, are in durable batches.
    pub(super) told: usize,
    /// Bytes of dead entries, as far as they were counted: all of them if there is a listing.
    dead_bytes: u64,
    pub(super) listing: Option<Membership>,
}

/// Which roster lists a chunk.
#[derive(Clone, Copy, Debug)]
pub(super) struct Membership {
    pub(super) roster: u64,
    pub(super) member: u32,
    pub(super) entries: u32,
}

/// A roster.
#[derive(Debug)]
pub(super) struct Roster {
    pub(super) place: Place,
    /// What is to be written again, elsewhere.
    pub(super) content: Option<Vec<u8>>,
    /// Chunks that are there and listed in it.
    chunks: usize,
}

/// A roster that was written and is not believed yet.
#[derive(Debug)]
pub(super) struct NewRoster {
    pub(super) place: Place,
    /// By table and sequence number, in order.
    pub(super) members: Vec<((u32, u64), Counted)>,
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
                written: None,
                dead: Vec::new(),
                told: 0,
                dead_bytes: 0,
                listing: None,
            };
            match content {
                Content::Filed(Filed { place, shift, groups, dead, listing }) => {
                    (chunk.place, chunk.shift) = (Some(place), shift);
                    (chunk.groups, chunk.dead) = (groups, dead);
                    if let Some(FiledListing { roster, member, entries, dead_bytes }) = listing {
                        let known = find_roster(&mut self.rosters, &mut self.last_roster, roster);
                        if known.1.chunks == 0 {
                            claim(&mut self.segments, roster);
                        }
                        known.1.chunks += 1;
                        chunk.dead_bytes = dead_bytes;
                        chunk.listing = Some(Membership { roster: known.0, member, entries });
                    }
                    let held = self.segments.get_mut(&place.segment);
                    held.expect("invariant: its segment came with it").live += place.bytes;
                }
                content => chunk.content = Some(content),
            }
            table.chunks.insert(sequence, chunk);
        }
        for sequence in journal.drops {
            let Some(chunk) = table.chunks.remove(&sequence) else { continue };
            if let Some(place) = chunk.place {
                release(&mut self.segments, place);
            }
            if let Some(Membership { roster, .. }) = chunk.listing {
                let known = self.rosters.get_mut(&roster).expect("invariant: it has this chunk");
                known.chunks -= 1;
                if known.chunks == 0 {
                    release(&mut self.segments, known.place);
                    self.rosters.remove(&roster);
                }
            }
        }
        // After the drops: what died with its chunk need not be noted.
        for (sequence, unit, bytes) in journal.deaths.iter() {
            if let Some(chunk) = table.chunks.get_mut(&sequence) {
                chunk.dead.push(unit);
                chunk.dead_bytes += bytes as u64;
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
        if let Some(Content::Shared(region, used)) = chunk.content.take() {
            chunk.written = Some((Arc::downgrade(&region), used));
        }
        if let Some(old) = chunk.place.replace(place) {
            release(&mut self.segments, old);
        }
        self.claim(place);
    }

    /// Counts something that is live.
    pub(super) fn claim(&mut self, place: Place) {
        claim(&mut self.segments, place);
    }

    /// Believes rosters that were written: new ones, and where old ones are now.
    pub(super) fn settle_rosters(&mut self, new: Vec<NewRoster>, moved: Vec<(u64, Place)>) {
        for (number, place) in moved {
            let known = self.rosters.get_mut(&number).expect("invariant: nothing is taken in");
            known.content = None;
            let old = std::mem::replace(&mut known.place, place);
            self.release(old);
            self.claim(place);
        }
        for NewRoster { place, members } in new {
            self.last_roster += 1;
            let roster = self.last_roster;
            self.claim(place);
            self.rosters.insert(roster, Roster { place, content: None, chunks: members.len() });
            for (member, ((table, sequence), counted)) in (0..).zip(members) {
                let table = self.tables.get_mut(&table).expect("invariant: tables stay");
                let chunk = table.chunks.get_mut(&sequence);
                let chunk = chunk.expect("invariant: nothing is taken in between");
                chunk.listing = Some(Membership { roster, member, entries: counted.entries });
                chunk.written = None;
                chunk.dead_bytes += counted.dead_bytes;
            }
        }
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

    /// Chunks that are in no roster, those of a table and pane together and the oldest first; the bytes of all of them, and which could be listed.
    pub(super) fn unlisted(&self) -> (u64, Vec<Unlisted>) {
        let (mut bytes, mut found) = (0, Vec::new());
        for (number, table) in &self.tables {
            for (sequence, chunk) in &table.chunks {
                if chunk.listing.is_some() {
                    continue;
                }
                let used = match (&chunk.content, &chunk.place) {
                    (Some(content), _) => bytes_of(content).len() as u64,
                    (None, place) => place.map_or(0, |place| place.bytes),
                };
                bytes += used;
                let is_worth_it = (LEAST_LISTED..=CHUNK_BYTES as u64).contains(&used);
                if is_worth_it && table.shape != Shape::Timed && chunk.is_at_hand() {
                    found.push(Unlisted {
                        key: (*number, *sequence),
                        pane: chunk.pane,
                        bytes: used,
                    });
                }
            }
        }
        found.sort_by_key(|chunk| (chunk.key.0, chunk.pane, chunk.key.1));
        (bytes, found)
    }

    /// The directory, with the places that chunks get, the batches that there will be, the rosters that are new and where old ones go.
    pub(super) fn directory(
        &self,
        placed: &BTreeMap<(u32, u64), Place>,
        batches: Vec<Place>,
        new: &[NewRoster],
        moved: &[(u64, Place)],
    ) -> Directory {
        let moved: BTreeMap<u64, Place> = moved.iter().copied().collect();
        let mut rosters = Vec::new();
        let mut numbers = BTreeMap::new();
        for (number, roster) in &self.rosters {
            numbers.insert(*number, rosters.len());
            rosters.push(moved.get(number).copied().unwrap_or(roster.place));
        }
        let mut listings = BTreeMap::new();
        for roster in new {
            for (member, (key, counted)) in (0..).zip(&roster.members) {
                listings.insert(*key, (rosters.len(), member, *counted));
            }
            rosters.push(roster.place);
        }
        let tables = self.tables.iter().map(|(number, table)| {
            let chunks = table.chunks.iter().map(|(sequence, chunk)| {
                let key = (*number, *sequence);
                let place = placed.get(&key).copied().or(chunk.place);
                let dead_bytes = chunk.dead_bytes;
                let old = chunk.listing.map(|listing| {
                    let Membership { roster, member, entries } = listing;
                    Listing { roster: numbers[&roster], member, entries, dead_bytes }
                });
                let new = listings.get(&key).map(|(roster, member, counted)| Listing {
                    roster: *roster,
                    member: *member,
                    entries: counted.entries,
                    dead_bytes: dead_bytes + counted.dead_bytes,
                });
                DirectoryChunk {
                    sequence: *sequence,
                    pane: chunk.pane,
                    number: chunk.number,
                    shift: chunk.shift,
                    groups: chunk.groups,
                    place: place.expect("invariant: a chunk is on disk before its directory is"),
                    listing: old.or(new),
                }
            });
            let (shape, is_copied) = (shape_number(table.shape), table.is_copied);
            DirectoryTable { number: *number, shape, is_copied, chunks: chunks.collect() }
        });
        Directory { tables: tables.collect(), batches, rosters }
    }
}

impl Chunked {
    /// Whether its entries may be read where they lie: addresses in them are what they say.
    pub(super) fn can_be_parked(&self, place: Place) -> bool {
        self.shift == 0 && (LEAST_LISTED..=CHUNK_BYTES as u64).contains(&place.bytes)
    }

    fn is_at_hand(&self) -> bool {
        let written = self.written.as_ref();
        self.content.is_some() || written.is_some_and(|(region, _)| region.strong_count() > 0)
    }

    /// Calls `with` with its bytes, if they are in memory.
    pub(super) fn with_bytes<R>(&self, with: impl FnOnce(&[u8]) -> R) -> Option<R> {
        if let Some(content) = &self.content {
            return Some(with(bytes_of(content)));
        }
        let (region, used) = self.written.as_ref()?;
        region.upgrade().map(|region| with(&region[..*used]))
    }
}

/// A chunk that could be listed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unlisted {
    pub(super) key: (u32, u64),
    pub(super) pane: i64,
    pub(super) bytes: u64,
}

/// A chunk of which less is used is not worth a place in a roster, bytes.
const LEAST_LISTED: u64 = 16 << 10;

/// The roster at a place, with its number; one without chunks if it was not known.
fn find_roster<'a>(
    rosters: &'a mut BTreeMap<u64, Roster>,
    last: &mut u64,
    place: Place,
) -> (u64, &'a mut Roster) {
    let known = rosters.iter().rev().find(|(_, roster)| roster.place == place);
    let number = known.map(|(number, _)| *number).unwrap_or_else(|| {
        *last += 1;
        *last
    });
    let new = || Roster { place, content: None, chunks: 0 };
    (number, rosters.entry(number).or_insert_with(new))
}

fn claim(segments: &mut BTreeMap<SegmentId, Held>, place: Place) {
    let held = segments.get_mut(&place.segment);
    held.expect("invariant: what was written is in a segment that is known").live += place.bytes;
}

fn release(segments: &mut BTreeMap<SegmentId, Held>, place: Place) {
    let held = segments.get_mut(&place.segment);
    held.expect("invariant: a segment is known while something in it is live").live -= place.bytes;
}
