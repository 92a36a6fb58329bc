//! A file's front as memory, wherever the file is.

use std::io;
use std::ops::{Deref, Range};

use crate::raw::{Buffer, Map};

/// A file's front, to be read; dereferences to its bytes. Of a disk in memory it is a copy.
#[derive(Debug)]
pub struct Mapped(Kind);

#[derive(Debug)]
enum Kind {
    File(Map),
    Memory(Buffer, usize),
}

impl Mapped {
    pub(super) fn file(map: Map) -> Self {
        Self(Kind::File(map))
    }

    pub(super) fn memory(bytes: &[u8]) -> Self {
        // Aligned as a page is: values in it are.
        Self(Kind::Memory(Buffer::holding(bytes), bytes.len()))
    }

    /// Has the pages of `range` read in, so that touching them does not fault; waits for it. See [`Map::populate`].
    ///
    /// # Errors
    ///
    /// The medium does not give them.
    ///
    /// # Panics
    ///
    /// If `range` does not lie in the map.
    pub fn populate(&self, range: Range<usize>) -> io::Result<()> {
        match &self.0 {
            Kind::File(map) => map.populate(range)?,
            Kind::Memory(bytes, length) => _ = &bytes[..*length][range],
        }
        Ok(())
    }

    /// Has the pages of `range` read soon; does not wait. See [`Map::ask_for`].
    ///
    /// # Panics
    ///
    /// If `range` does not lie in the map.
    pub fn ask_for(&self, range: Range<usize>) {
        match &self.0 {
            Kind::File(map) => map.ask_for(range),
            Kind::Memory(bytes, length) => _ = &bytes[..*length][range],
        }
    }
}

impl Deref for Mapped {
    type Target = [u8];

    #[inline(always)]
    fn deref(&self) -> &[u8] {
        match &self.0 {
            Kind::File(map) => map,
            Kind::Memory(bytes, length) => &bytes[..*length],
        }
    }
}
