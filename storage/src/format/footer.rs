//! The end of a sealed segment: what is in it; the format's header has the fields.

use super::checksum::{Checksum, crc32c};
use super::code::{set_u32, set_u64, u32_at, u64_at};
use super::extent::{Extent, Tag};
use super::{Flaw, Generation, Identity, PAGE_BYTES, SegmentId};
use crate::raw::Buffer;

const MAGIC: &[u8; 4] = b"end1";
const ENTRY_BYTES: usize = 40;
/// The last bytes of the file.
const TRAILER_BYTES: usize = 64;

/// What an extent is known by where its header was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Whose image it is.
    pub tag: Tag,
    /// Where in the file it starts.
    pub offset: u64,
    /// Bytes used, header included.
    pub length: u64,
    /// Its header's checksum.
    pub checksum: u32,
}

impl Entry {
    /// Where in the file the extent ends.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.offset + self.length.next_multiple_of(PAGE_BYTES as u64)
    }
}

impl From<&Extent> for Entry {
    fn from(extent: &Extent) -> Self {
        let Extent { tag, offset, length, checksum, .. } = *extent;
        Self { tag, offset, length, checksum }
    }
}

/// The digest of extents to which one more was added.
#[must_use]
pub fn digest(before: u32, checksum: u32) -> u32 {
    Checksum::new().update(&before.to_le_bytes()).update(&checksum.to_le_bytes()).finish()
}

/// How long a footer for so many extents is, bytes.
#[must_use]
pub const fn footer_bytes(extents: usize) -> usize {
    (extents * ENTRY_BYTES + TRAILER_BYTES).next_multiple_of(PAGE_BYTES)
}

/// The footer of a segment with these extents.
///
/// # Panics
///
/// If there are 2^32 extents or more.
#[must_use]
pub fn encode(identity: Identity, extents: &[Entry]) -> Buffer {
    let bytes = footer_bytes(extents.len());
    let mut footer = Buffer::zeroed(bytes);
    let mut end = PAGE_BYTES as u64;
    let mut all = 0;
    for (number, entry) in extents.iter().enumerate() {
        let place = &mut footer[number * ENTRY_BYTES..][..ENTRY_BYTES];
        set_u64(place, 0, entry.offset);
        set_u64(place, 8, entry.length);
        set_u64(place, 16, entry.tag.chunk);
        set_u64(place, 24, entry.tag.layout);
        set_u32(place, 32, entry.tag.table);
        set_u32(place, 36, entry.checksum);
        end = entry.end();
        all = digest(all, entry.checksum);
    }
    let (entries, trailer) = footer.split_at_mut(bytes - TRAILER_BYTES);
    let count = u32::try_from(extents.len()).expect("invariant: a segment has fewer extents");
    trailer[..4].copy_from_slice(MAGIC);
    set_u32(trailer, 4, count);
    set_u64(trailer, 8, identity.id.0);
    set_u64(trailer, 16, identity.generation.0);
    set_u64(trailer, 24, end);
    set_u64(trailer, 32, bytes as u64);
    set_u32(trailer, 40, all);
    set_u32(trailer, 56, crc32c(entries));
    let checksum = crc32c(&trailer[..60]);
    set_u32(trailer, 60, checksum);
    footer
}

/// How long the footer is that ends with `page`, the last one of a file of `capacity` bytes.
///
/// # Errors
///
/// There is none of this life: the segment was not sealed, or its end is damaged.
pub fn length(page: &[u8], identity: Identity, capacity: u64) -> Result<usize, Flaw> {
    let trailer = trailer(page, capacity)?;
    let at = capacity - TRAILER_BYTES as u64;
    let found =
        Identity { id: SegmentId(u64_at(trailer, 8)), generation: Generation(u64_at(trailer, 16)) };
    if found.id != identity.id || found.generation > identity.generation {
        return Err(Flaw::Stranger { offset: at, expected: identity, found });
    }
    if found.generation < identity.generation {
        return Err(Flaw::NotSealed);
    }
    let length = u64_at(trailer, 32);
    let expected = (u32_at(trailer, 4) as usize)
        .checked_mul(ENTRY_BYTES)
        .and_then(|bytes| (bytes + TRAILER_BYTES).checked_next_multiple_of(PAGE_BYTES));
    match usize::try_from(length) {
        Ok(bytes) if Some(bytes) == expected && length + PAGE_BYTES as u64 <= capacity => Ok(bytes),
        _ => Err(Flaw::Inconsistent { offset: at }),
    }
}

fn trailer(bytes: &[u8], capacity: u64) -> Result<&[u8], Flaw> {
    let Some(trailer) = bytes.last_chunk::<TRAILER_BYTES>() else {
        return Err(Flaw::Truncated { length: bytes.len() as u64, needed: capacity });
    };
    // Where no footer was ever written there are zeros, or anything at all if the file was no segment before.
    if &trailer[..4] != MAGIC {
        return Err(Flaw::NotSealed);
    }
    if crc32c(&trailer[..60]) != u32_at(trailer, 60) {
        return Err(Flaw::Damaged { offset: capacity - TRAILER_BYTES as u64 });
    }
    Ok(trailer)
}

/// Reads a whole footer: the extents, in order, and their digest.
///
/// # Errors
///
/// It is damaged, of another life, or contradicts itself.
pub fn decode(footer: &[u8], identity: Identity, capacity: u64) -> Result<(Vec<Entry>, u32), Flaw> {
    let bytes = length(footer, identity, capacity)?;
    let at = capacity - bytes as u64;
    if footer.len() != bytes {
        return Err(Flaw::Truncated { length: footer.len() as u64, needed: bytes as u64 });
    }
    let (entries, trailer) = footer.split_at(bytes - TRAILER_BYTES);
    if crc32c(entries) != u32_at(trailer, 56) {
        return Err(Flaw::Damaged { offset: at });
    }
    let mut end = PAGE_BYTES as u64;
    let mut all = 0;
    let mut extents = Vec::new();
    for place in entries.chunks_exact(ENTRY_BYTES).take(u32_at(trailer, 4) as usize) {
        let entry = Entry {
            tag: Tag {
                table: u32_at(place, 32),
                chunk: u64_at(place, 16),
                layout: u64_at(place, 24),
            },
            offset: u64_at(place, 0),
            length: u64_at(place, 8),
            checksum: u32_at(place, 36),
        };
        if entry.offset != end || entry.length == 0 || entry.length > at - end || entry.end() > at {
            return Err(Flaw::Inconsistent { offset: at });
        }
        end = entry.end();
        all = digest(all, entry.checksum);
        extents.push(entry);
    }
    if end != u64_at(trailer, 24) || all != u32_at(trailer, 40) {
        return Err(Flaw::Inconsistent { offset: capacity - TRAILER_BYTES as u64 });
    }
    Ok((extents, all))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Identity = Identity { id: SegmentId(4), generation: Generation(2) };
    const CAPACITY: u64 = 1 << 20;

    fn entries(count: u64) -> Vec<Entry> {
        let entry = |at: u64| Entry {
            tag: Tag { table: 1, chunk: at, layout: 5 },
            offset: 4096 * (at + 1),
            length: 4000,
            checksum: 17 + u32::try_from(at).unwrap(),
        };
        (0..count).map(entry).collect()
    }

    #[test]
    fn a_footer_is_read_as_it_was_written() {
        for count in [0, 1, 99, 100, 101, 150] {
            let footer = encode(HERE, &entries(count));
            let page = &footer[footer.len() - PAGE_BYTES..];
            assert_eq!(length(page, HERE, CAPACITY), Ok(footer.len()));
            let (read, all) = decode(&footer, HERE, CAPACITY).unwrap();
            assert_eq!(read, entries(count));
            assert_eq!(all, read.iter().fold(0, |all, entry| digest(all, entry.checksum)));
        }
    }

    #[test]
    fn every_bit_of_it_counts() {
        let mut footer = encode(HERE, &entries(3));
        for bit in 0..footer.len() * 8 {
            footer[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&footer, HERE, CAPACITY).is_err(), "bit {bit}");
            footer[bit / 8] ^= 1 << (bit % 8);
        }
    }

    #[test]
    fn a_footer_of_a_former_life_is_none() {
        let footer = encode(HERE, &entries(3));
        let next = Identity { generation: HERE.generation.next(), ..HERE };
        assert_eq!(length(&footer, next, CAPACITY), Err(Flaw::NotSealed));
        assert_eq!(length(&[0; PAGE_BYTES], HERE, CAPACITY), Err(Flaw::NotSealed));
        let other = Identity { id: SegmentId(5), ..HERE };
        assert!(matches!(length(&footer, other, CAPACITY), Err(Flaw::Stranger { .. })));
    }
}
