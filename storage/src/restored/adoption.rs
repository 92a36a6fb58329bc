//! Restored chunks on their way into tables: taken over as they are, and made findable.
//!
//! What stays on disk, and what was read of single values, sleeps: [rosters](crate::archive::roster) say where it is, and it gets into the index when a key of its partition is asked for
//! ([`crate::dormant`]). Lists and deadlines are indexed at once.

use std::collections::BTreeMap;

use super::{Held, RestoredChunk, RestoredTable, Seen};
use crate::archive::roster::Lister;
use crate::dormant::{self, Dormant};
use crate::format::SegmentId;
use crate::freeze::FiledListing;
use crate::log::entry::{self, Kind};
use crate::log::{Address, entries};
use crate::{Panes, Table, TimedTable};

impl RestoredTable {
    pub(crate) fn give_to_table(self, table: &mut Table) {
        self.give(table, false);
    }

    fn give(self, table: &mut Table, is_awake: bool) {
        table.account().journal().segments.extend(self.segments);
        for (pane, chunks) in self.logs {
            adopt(table, pane, chunks, is_awake);
        }
    }

    pub(crate) fn give_to_panes(self, panes: &mut Panes) {
        panes.account().journal().segments.extend(self.segments);
        for (pane, chunks) in self.logs {
            adopt(panes.pane(pane), pane, chunks, false);
            if panes.get(pane).is_some_and(Table::is_empty) {
                panes.drop_pane(pane);
            }
        }
    }

    pub(crate) fn give_to_timed(self, timed: &mut TimedTable) {
        // The wheel is made of all entries.
        self.give(timed.table_mut(), true);
        timed.file_all();
    }
}

/// Entries whose buckets are asked for together.
const GROUP: usize = 32;

/// Chunks of one roster that is made of what was read.
const MADE_CHUNKS: u32 = 64;

/// Has a table take over chunks. What is live in them gets into the index when it is asked for; at once if there are lists, or if `is_awake`.
fn adopt(table: &mut Table, pane: i64, chunks: Vec<RestoredChunk>, is_awake: bool) {
    table.log.begin_adoption();
    let is_awake = is_awake || chunks.iter().any(|chunk| chunk.seen.has_lists);
    let mut sleeping = Sleeping::default();
    let mut awake = Vec::new();
    let mut keys = 0;
    for chunk in chunks {
        match chunk.content {
            Held::Parked(..) => sleeping.park(table, pane, chunk),
            Held::Read(_) if is_awake => {
                let RestoredChunk { number, content, used, filed, seen, .. } = chunk;
                let Held::Read(memory) = content else { continue };
                table.log.adopt(number, memory, used, pane, filed);
                keys += seen.entries;
                awake.push((number, used, seen.dead));
            }
            Held::Read(_) => sleeping.list(table, pane, chunk),
            Held::Unread => unreachable!("invariant: what is not parked was read"),
        }
    }
    let dormant = sleeping.finish();
    table.index.make_room(dormant.keys() + keys);
    if dormant.keys() > 0 {
        table.account().add_keys(dormant.keys());
        table.dormant = Some(Box::new(dormant));
    }
    index_all(table, awake);
    table.log.settle();
}

/// What is not indexed at once.
#[derive(Default)]
struct Sleeping {
    dormant: Dormant,
    /// Rosters that are known, by where they lie.
    rosters: BTreeMap<(SegmentId, u64), usize>,
    lister: Lister,
    /// Chunks of the roster that is being made.
    listed: Vec<(u32, usize, Seen)>,
}

impl Sleeping {
    /// Takes a chunk that stays on disk.
    fn park(&mut self, table: &mut Table, pane: i64, chunk: RestoredChunk) {
        let RestoredChunk { number, content, used, mut filed, .. } = chunk;
        let (Held::Parked(parked, segment), Some(listing)) = (content, filed.listing) else {
            unreachable!("invariant: what is parked is listed")
        };
        filed.dead.sort_unstable();
        filed.dead.dedup();
        let FiledListing { roster: place, member, entries, dead_bytes } = listing;
        let dormant = &mut self.dormant;
        let roster = self.rosters.entry((place.segment, place.offset)).or_insert_with(|| {
            let roster = dormant::Roster::new(segment, place);
            dormant.add(roster.expect("invariant: it was looked at"))
        });
        let entries = (entries as usize).saturating_sub(filed.dead.len());
        self.dormant.add_chunk((*roster, member), (number, used), entries, &filed.dead);
        let dead = usize::try_from(dead_bytes).expect("invariant: a chunk is short");
        table.log.adopt_parked(number, parked, dead, pane, filed);
    }

    /// Takes a chunk that was read, and lists what is live in it.
    fn list(&mut self, table: &mut Table, pane: i64, chunk: RestoredChunk) {
        let RestoredChunk { number, content, used, filed, seen, .. } = chunk;
        let Held::Read(memory) = content else { return };
        table.log.adopt(number, memory, used, pane, filed);
        table.log.revive_some(number, seen.bytes);
        for_each_live(table, (number, used), &seen.dead, |_, hash, offset| {
            self.lister.push(hash, offset);
        });
        self.listed.push((number, used, seen));
        if self.lister.end_chunk() + 1 == MADE_CHUNKS {
            self.end_roster();
        }
    }

    fn end_roster(&mut self) {
        if self.listed.is_empty() {
            return;
        }
        let roster = self.dormant.add(dormant::Roster::made(self.lister.take()));
        for (member, (number, used, seen)) in (0..).zip(self.listed.drain(..)) {
            self.dormant.add_chunk((roster, member), (number, used), seen.entries, &seen.dead);
        }
    }

    fn finish(mut self) -> Dormant {
        self.end_roster();
        self.dormant
    }
}

/// Gets what is live in chunks into the index.
fn index_all(table: &mut Table, chunks: Vec<(u32, usize, Vec<u32>)>) {
    let (mut live, mut lists) = (Vec::new(), Vec::new());
    for (number, used, dead) in chunks {
        for_each_live(table, (number, used), &dead, |kind, hash, offset| {
            let address = Address::of(number as usize, offset);
            live.push((hash, address));
            if kind == Kind::List {
                lists.push(address);
            }
        });
        for group in live.chunks(GROUP) {
            group.iter().for_each(|(hash, _)| table.index.prefetch(*hash));
            for (hash, address) in group {
                table.index.insert(*hash, *address, &table.log);
                table.log.revive(*address);
            }
        }
        live.clear();
    }
    lists.into_iter().for_each(|anchor| table.revive_blocks(anchor));
}

/// Calls `each` with kind, hash and place of every entry of a chunk that has a key and is not among those at the units `dead`, which are in order.
fn for_each_live(
    table: &Table,
    (number, used): (u32, usize),
    dead: &[u32],
    mut each: impl FnMut(Kind, u64, usize),
) {
    let mut dead = dead.iter().copied().peekable();
    let chunk = &table.log.at(Address::of(number as usize, 0))[..used];
    for (offset, header, bytes) in entries(chunk) {
        if matches!(header.kind(), Kind::Single | Kind::List)
            && dead.next_if_eq(&Address::of(0, offset).unit()).is_none()
        {
            each(header.kind(), entry::second_word(bytes), offset);
        }
    }
}
