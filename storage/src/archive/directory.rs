//! What a part's directory and its batches of deaths look like on disk.
//!
//! Both are extents of a segment, under table numbers that no table has ([`DIRECTORY`], [`PACK`]). The directory is the last extent of the last segment that a part
//! names. Numbers are little-endian, `list` is a count (4) and its elements:
//!
//! ```text
//! directory:
//!   version (4): 2
//!   list of tables:  number (4) shape (4: 0 table, 1 panes, 2 with deadlines; 8 more: every worker has the whole of it)
//!     list of chunks: sequence (8) pane (8) number (4) shift (4) first key group (4) last key group (4; 0 behind 1: all) place
//!                     roster (4: 0 none, else its place in the list of rosters, from 1) chunk of the roster (4) entries it lists (4)
//!                     bytes of dead entries / 16 (4; 0 without a roster)
//!   list of batches of deaths: place
//!   list of rosters: place
//! place:  segment (8) offset in the file (8) bytes (8)
//!
//! batch of deaths, to its end:
//!   table (4) sequence of a chunk (8) form (4: 0 distances, 1 bits) bytes (4 and themselves)
//! ```
//!
//! A unit is 16 bytes of a chunk; dead is the entry that begins there. Distances are those of each unit from the one before, of the first from 0; seven bits a byte, the lowest first, and the
//! eighth set if others follow. Bits are for units from 0 on, the lowest bit first. Whichever is shorter is written.
//!
//! # What a chunk is
//!
//! Entries follow each other without gaps ([`crate::log::entry`]); addresses in them, of blocks of lists, are a chunk's number times 2 MiB and an offset, and `shift` is to be added to the number.
//! A chunk that was large is an extent of its own, of its table's number, behind a page of checksums; small ones share an extent, as batches do.

use std::collections::BTreeMap;

use super::roster::MOST_CHUNKS;
use crate::format::code::{Decoder, Encoder};
use crate::format::{Flaw, SegmentId};
use crate::freeze::{Place, Shape};
use crate::log::CHUNK_BYTES;

/// What extents with a directory have in place of a table's number.
pub(crate) const DIRECTORY: u32 = u32::MAX;

/// What extents with several small things have in place of a table's number.
pub(crate) const PACK: u32 = u32::MAX - 1;

const VERSION: u32 = 2;

/// No chunk has more: its one entry is longer than any may be.
const MOST_BYTES: u64 = 16 << 30;

/// Added to the shape of what every worker has the whole of.
const COPIED: u32 = 8;

/// Which chunks are live, and where what is dead in them is written.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Directory {
    pub(crate) tables: Vec<DirectoryTable>,
    pub(crate) batches: Vec<Place>,
    pub(crate) rosters: Vec<Place>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DirectoryTable {
    pub(crate) number: u32,
    pub(crate) shape: u32,
    pub(crate) is_copied: bool,
    pub(crate) chunks: Vec<DirectoryChunk>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DirectoryChunk {
    pub(crate) sequence: u64,
    pub(crate) pane: i64,
    pub(crate) number: u32,
    pub(crate) shift: u32,
    pub(crate) groups: Option<(u32, u32)>,
    pub(crate) place: Place,
    pub(crate) listing: Option<Listing>,
}

/// Which roster lists the entries of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Listing {
    /// In the directory's list.
    pub(crate) roster: usize,
    pub(crate) member: u32,
    pub(crate) entries: u32,
    /// Bytes of dead entries, listed or not.
    pub(crate) dead_bytes: u64,
}

/// By table number and sequence: units of dead entries.
pub(crate) type DeadUnits = BTreeMap<(u32, u64), Vec<u32>>;

pub(crate) fn shape_number(shape: Shape) -> u32 {
    match shape {
        Shape::Table => 0,
        Shape::Panes => 1,
        Shape::Timed => 2,
    }
}

pub(crate) fn shape_of(number: u32) -> Option<Shape> {
    match number {
        0 => Some(Shape::Table),
        1 => Some(Shape::Panes),
        2 => Some(Shape::Timed),
        _ => None,
    }
}

pub(crate) fn encode_directory(directory: &Directory) -> Vec<u8> {
    let mut encoder = Encoder::default();
    encoder.u32(VERSION);
    encoder.count(directory.tables.len());
    for table in &directory.tables {
        encoder.u32(table.number);
        encoder.u32(table.shape + COPIED * u32::from(table.is_copied));
        encoder.count(table.chunks.len());
        for chunk in &table.chunks {
            encoder.u64(chunk.sequence);
            encoder.i64(chunk.pane);
            encoder.u32(chunk.number);
            encoder.u32(chunk.shift);
            let (first, last) = chunk.groups.unwrap_or((1, 0));
            encoder.u32(first);
            encoder.u32(last);
            encode_place(&mut encoder, chunk.place);
            encode_listing(&mut encoder, chunk.listing);
        }
    }
    encoder.count(directory.batches.len());
    directory.batches.iter().for_each(|place| encode_place(&mut encoder, *place));
    encoder.count(directory.rosters.len());
    directory.rosters.iter().for_each(|place| encode_place(&mut encoder, *place));
    encoder.into_bytes()
}

pub(crate) fn decode_directory(bytes: &[u8]) -> Result<Directory, Flaw> {
    let mut decoder = Decoder::new(bytes, 0);
    let version = decoder.u32()?;
    if version != VERSION {
        return Err(Flaw::Version { found: version });
    }
    let tables = (0..decoder.count(12)?).map(|_| decode_table(&mut decoder));
    let tables: Vec<DirectoryTable> = tables.collect::<Result<_, Flaw>>()?;
    let batches = (0..decoder.count(24)?).map(|_| decode_place(&mut decoder));
    let batches = batches.collect::<Result<_, Flaw>>()?;
    let rosters = (0..decoder.count(24)?).map(|_| decode_place(&mut decoder));
    let rosters: Vec<Place> = rosters.collect::<Result<_, Flaw>>()?;
    let flaw = decoder.flaw();
    decoder.end()?;
    let mut listings =
        tables.iter().flat_map(|table| &table.chunks).filter_map(|chunk| chunk.listing);
    if listings.any(|listing| listing.roster >= rosters.len()) {
        return Err(flaw);
    }
    Ok(Directory { tables, batches, rosters })
}

fn decode_table(decoder: &mut Decoder<'_>) -> Result<DirectoryTable, Flaw> {
    let (number, shape) = (decoder.u32()?, decoder.u32()?);
    let chunks = (0..decoder.count(72)?).map(|_| {
        let (sequence, pane) = (decoder.u64()?, decoder.i64()?);
        let (number, shift) = (decoder.u32()?, decoder.u32()?);
        let groups = (decoder.u32()?, decoder.u32()?);
        let place = decode_place(decoder)?;
        // Numbers beyond what an address has, chunks beyond what an entry may be, and those that would not have been written.
        let is_long = place.bytes > MOST_BYTES;
        if number == 0 || number >= 1 << 30 || shift >= 1 << 30 || is_long || place.bytes == 0 {
            return Err(decoder.flaw());
        }
        let groups = (groups != (1, 0)).then_some(groups);
        let listing = decode_listing(decoder, place)?;
        Ok(DirectoryChunk { sequence, pane, number, shift, groups, place, listing })
    });
    let chunks = chunks.collect::<Result<_, Flaw>>()?;
    let is_copied = shape & COPIED != 0;
    Ok(DirectoryTable { number, shape: shape & !COPIED, is_copied, chunks })
}

fn encode_listing(encoder: &mut Encoder, listing: Option<Listing>) {
    let narrow = |number: u64| u32::try_from(number).expect("invariant: a chunk is short");
    let (roster, rest) = listing.map_or((0, [0; 3]), |listing| {
        let Listing { roster, member, entries, dead_bytes } = listing;
        (narrow(roster as u64 + 1), [member, entries, narrow(dead_bytes / 16)])
    });
    encoder.u32(roster);
    rest.into_iter().for_each(|number| encoder.u32(number));
}

fn decode_listing(decoder: &mut Decoder<'_>, place: Place) -> Result<Option<Listing>, Flaw> {
    let roster = decoder.u32()?;
    let (member, entries, dead) = (decoder.u32()?, decoder.u32()?, decoder.u32()?);
    let Some(roster) = roster.checked_sub(1) else { return Ok(None) };
    let dead_bytes = u64::from(dead) * 16;
    let is_too_much = u64::from(entries) * 16 > place.bytes || dead_bytes > place.bytes;
    if is_too_much || place.bytes > CHUNK_BYTES as u64 || member as usize >= MOST_CHUNKS {
        return Err(decoder.flaw());
    }
    Ok(Some(Listing { roster: roster as usize, member, entries, dead_bytes }))
}

fn encode_place(encoder: &mut Encoder, Place { segment, offset, bytes }: Place) {
    encoder.u64(segment.0);
    encoder.u64(offset);
    encoder.u64(bytes);
}

fn decode_place(decoder: &mut Decoder<'_>) -> Result<Place, Flaw> {
    let segment = SegmentId(decoder.u64()?);
    Ok(Place { segment, offset: decoder.u64()?, bytes: decoder.u64()? })
}

/// Units of a chunk.
const UNITS: usize = 1 << 17;

/// Appends the deaths in one chunk to a batch.
pub(crate) fn encode_deaths(encoder: &mut Encoder, table: u32, sequence: u64, units: &[u32]) {
    encoder.u32(table);
    encoder.u64(sequence);
    let mut units = units.to_vec();
    units.sort_unstable();
    let mut distances = Vec::with_capacity(units.len() + units.len() / 8);
    let mut before = 0;
    for unit in &units {
        let mut distance = unit - before;
        before = *unit;
        while distance > 0x7f {
            distances.push(distance.to_le_bytes()[0] | 0x80);
            distance >>= 7;
        }
        distances.push(distance.to_le_bytes()[0]);
    }
    if distances.len() <= UNITS / 8 {
        encoder.u32(0);
        encoder.bytes(&distances);
    } else {
        let mut bits = vec![0; UNITS / 8];
        units.iter().for_each(|unit| bits[*unit as usize / 8] |= 1 << (unit % 8));
        encoder.u32(1);
        encoder.bytes(&bits);
    }
}

/// Adds what a batch says.
pub(crate) fn decode_deaths(batch: &[u8], dead: &mut DeadUnits) -> Result<(), Flaw> {
    let mut decoder = Decoder::new(batch, 0);
    while decoder.end().is_err() {
        let key = (decoder.u32()?, decoder.u64()?);
        let form = decoder.u32()?;
        let bytes = decoder.bytes()?;
        let units = dead.entry(key).or_default();
        match form {
            0 => decode_distances(bytes, units).ok_or_else(|| decoder.flaw())?,
            1 if bytes.len() <= UNITS / 8 => {
                units.extend((0u32..).zip(bytes).flat_map(|(at, byte)| {
                    (0..8).filter(move |bit| byte >> bit & 1 == 1).map(move |bit| at * 8 + bit)
                }))
            }
            _ => return Err(decoder.flaw()),
        }
    }
    Ok(())
}

/// `None` if a unit is beyond all chunks, or the last one is cut off.
fn decode_distances(bytes: &[u8], units: &mut Vec<u32>) -> Option<()> {
    let (mut unit, mut distance, mut shift) = (0u32, 0u32, 0);
    for byte in bytes {
        if shift > 21 {
            return None;
        }
        distance |= u32::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            unit = unit.checked_add(distance).filter(|unit| (*unit as usize) < UNITS)?;
            units.push(unit);
            (distance, shift) = (0, 0);
        }
    }
    (shift == 0).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_read_as_it_was_written() {
        let place = |at: u64| Place { segment: SegmentId(at), offset: at << 40, bytes: at + 1 };
        let chunk = |at: u32| DirectoryChunk {
            sequence: u64::from(at) << 20,
            pane: -i64::from(at),
            number: at + 1,
            shift: at * 7,
            groups: (at > 1).then_some((at, at + 9)),
            place: Place { segment: SegmentId(3), offset: 1 << 40, bytes: 4096 },
            listing: (at > 2).then_some(Listing {
                roster: at as usize % 2,
                member: at,
                entries: 9 + at,
                dead_bytes: 32,
            }),
        };
        let table = |number| DirectoryTable {
            number,
            shape: number % 3,
            is_copied: number == 3,
            chunks: (0..number).map(chunk).collect(),
        };
        let (batches, rosters) = (vec![place(7), place(8)], vec![place(9), place(10)]);
        let directory = Directory { tables: (0..6).map(table).collect(), batches, rosters };
        let bytes = encode_directory(&directory);
        assert_eq!(decode_directory(&bytes), Ok(directory));
        for length in 0..bytes.len() {
            assert!(decode_directory(&bytes[..length]).is_err(), "{length}");
        }
        assert_eq!(decode_directory(&[9, 0, 0, 0]), Err(Flaw::Version { found: 9 }));
    }

    /// What is on disk stays what it is.
    #[test]
    fn the_bytes_of_a_directory_and_a_batch_are_these() {
        let place = Place { segment: SegmentId(0x0102), offset: 0x0304, bytes: 0x0506 };
        let (groups, pane) = (Some((0x0c, 0x0d)), -2);
        let listing = Some(Listing { roster: 0, member: 0x0e, entries: 0x0f, dead_bytes: 0x100 });
        let (sequence, number, shift) = (0x0708, 0x09, 0x0a);
        let chunk = DirectoryChunk { sequence, pane, number, shift, groups, place, listing };
        let table = DirectoryTable { number: 0x0b, shape: 1, is_copied: true, chunks: vec![chunk] };
        let directory =
            Directory { tables: vec![table], batches: vec![place], rosters: vec![place] };
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let place = "02010000000000000403000000000000 0605000000000000";
        let expected = format!(
            "02000000 01000000 0b000000 09000000 01000000 0807000000000000 feffffffffffffff 09000000 0a000000 0c000000 0d000000 {place} 01000000 0e000000 0f000000 10000000 01000000 {place} 01000000 {place}"
        );
        assert_eq!(hex(&encode_directory(&directory)), expected.replace(' ', ""));
        let mut encoder = Encoder::default();
        encode_deaths(&mut encoder, 0x0b, 0x0708, &[0x0001_0003, 2]);
        let expected = "0b000000 0807000000000000 00000000 04000000 02 818004";
        assert_eq!(hex(&encoder.into_bytes()), expected.replace(' ', ""));
    }

    #[test]
    fn deaths_are_read_as_they_were_written_be_they_few_or_many() {
        let many: Vec<u32> = (0..131_072).step_by(3).collect();
        let others: Vec<u32> = (0..131_072).step_by(1021).collect();
        let mut encoder = Encoder::default();
        encode_deaths(&mut encoder, 3, 5, &[0, 2, 131_071]);
        encode_deaths(&mut encoder, 3, 6, &many);
        encode_deaths(&mut encoder, 3, 5, &[9]);
        encode_deaths(&mut encoder, 3, 7, &others);
        let bytes = encoder.into_bytes();
        assert!(bytes.len() < 17_000);
        let mut dead = DeadUnits::new();
        decode_deaths(&bytes, &mut dead).unwrap();
        assert_eq!(dead[&(3, 5)], [0, 2, 131_071, 9]);
        assert_eq!(dead[&(3, 6)], many);
        assert_eq!(dead[&(3, 7)], others);
        assert!(decode_deaths(&bytes[..bytes.len() - 1], &mut dead).is_err());
    }
}
