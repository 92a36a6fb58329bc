//! The first page of a segment; the format's header has the fields.

use super::checksum::crc32c;
use super::code::{set_u32, set_u64, u32_at, u64_at};
use super::{BLOCK_BYTES, Flaw, Generation, Identity, PAGE_BYTES, SegmentId, VERSION};
use crate::raw::Buffer;

const MAGIC: &[u8; 8] = b"thalwseg";
const CHECKSUM_AT: usize = PAGE_BYTES - 4;
/// 65,536 as it is written.
const BLOCK: u32 = 1 << 16;
const _: () = assert!(BLOCK as usize == BLOCK_BYTES, "both are what the format says");

/// What a segment says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Which file, in which life.
    pub identity: Identity,
    /// How entries are laid out in the chunks.
    pub layout: u64,
    /// Length of the file, bytes.
    pub capacity: u64,
}

impl Header {
    /// The page.
    #[must_use]
    pub fn encode(&self) -> Buffer {
        let mut page = Buffer::zeroed(PAGE_BYTES);
        page[..8].copy_from_slice(MAGIC);
        set_u32(&mut page, 8, VERSION);
        set_u32(&mut page, 12, BLOCK);
        set_u64(&mut page, 16, self.identity.id.0);
        set_u64(&mut page, 24, self.identity.generation.0);
        set_u64(&mut page, 32, self.layout);
        set_u64(&mut page, 40, self.capacity);
        let checksum = crc32c(&page[..CHECKSUM_AT]);
        set_u32(&mut page, CHECKSUM_AT, checksum);
        page
    }

    /// Reads the first page of a file of `length` bytes.
    ///
    /// # Errors
    ///
    /// It is none of a segment, of another version, damaged, or of a file of another length.
    pub fn decode(page: &[u8], length: u64) -> Result<Self, Flaw> {
        if page.len() < PAGE_BYTES {
            return Err(Flaw::Truncated { length, needed: PAGE_BYTES as u64 });
        }
        let page = &page[..PAGE_BYTES];
        if &page[..8] != MAGIC {
            return Err(Flaw::Foreign);
        }
        let version = u32_at(page, 8);
        if version != VERSION {
            return Err(Flaw::Version { found: version });
        }
        if crc32c(&page[..CHECKSUM_AT]) != u32_at(page, CHECKSUM_AT) {
            return Err(Flaw::Damaged { offset: 0 });
        }
        let identity =
            Identity { id: SegmentId(u64_at(page, 16)), generation: Generation(u64_at(page, 24)) };
        let capacity = u64_at(page, 40);
        if u32_at(page, 12) != BLOCK || !capacity.is_multiple_of(PAGE_BYTES as u64) {
            return Err(Flaw::Inconsistent { offset: 0 });
        }
        if length < capacity {
            return Err(Flaw::Truncated { length, needed: capacity });
        }
        if length > capacity {
            return Err(Flaw::Inconsistent { offset: 40 });
        }
        Ok(Self { identity, layout: u64_at(page, 32), capacity })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        let identity = Identity { id: SegmentId(7), generation: Generation(3) };
        Header { identity, layout: 0x1234_5678_9abc_def0, capacity: 1 << 20 }
    }

    #[test]
    fn a_header_is_read_as_it_was_written() {
        assert_eq!(Header::decode(&header().encode(), 1 << 20), Ok(header()));
    }

    #[test]
    fn every_bit_of_it_counts() {
        let mut page = header().encode();
        for bit in 0..PAGE_BYTES * 8 {
            page[bit / 8] ^= 1 << (bit % 8);
            assert!(Header::decode(&page, 1 << 20).is_err(), "bit {bit}");
            page[bit / 8] ^= 1 << (bit % 8);
        }
    }

    #[test]
    fn another_length_is_refused() {
        let page = header().encode();
        let shorter = Header::decode(&page, (1 << 20) - 1);
        assert_eq!(shorter, Err(Flaw::Truncated { length: (1 << 20) - 1, needed: 1 << 20 }));
        assert_eq!(Header::decode(&page, (1 << 20) + 1), Err(Flaw::Inconsistent { offset: 40 }));
        assert!(matches!(Header::decode(&page[..4095], 4095), Err(Flaw::Truncated { .. })));
    }
}
