//! Entries one by one, dead or alive, in the order of their chunks: the order in which they were written, as long as none took the place of a dead one.

use super::entry::Header;
use super::{Address, Log, size_class};

/// A place in a log; the default is its beginning.
///
/// It stays good whatever happens to the log: where a chunk is gone, it goes on with the next younger one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position {
    /// When the chunk was made; 0 is before all.
    born: u64,
    number: u32,
    offset: usize,
}

impl Log {
    /// The next entry, and the position moves behind it; `None` at the tail.
    pub(crate) fn entry_from(&self, position: &mut Position) -> Option<(Address, Header)> {
        loop {
            let number = position.number as usize;
            if let Some(chunk) = self.chunks.get(number)
                && chunk.born == position.born
                && position.offset < chunk.used
            {
                let address = Address::of(number, position.offset);
                let header = self.header(address);
                position.offset += size_class::bytes(header.class());
                return Some((address, header));
            }
            let next = self.cold.order.partition_point(|(born, _)| *born <= position.born);
            let (born, number) = *self.cold.order.get(next)?;
            *position = Position { born, number, offset: 0 };
        }
    }
}

/// The entries of a chunk, dead or alive, given the bytes that are used of it: where each is, its header, and its bytes.
pub(crate) fn entries(chunk: &[u8]) -> impl Iterator<Item = (usize, Header, &[u8])> {
    let mut offset = 0;
    std::iter::from_fn(move || {
        let rest = chunk.get(offset..).filter(|rest| !rest.is_empty())?;
        let (at, header) = (offset, Header::read(rest));
        let size = size_class::bytes(header.class());
        offset += size;
        Some((at, header, &rest[..size]))
    })
}
