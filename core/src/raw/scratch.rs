//! A place to archive one value, to look at it as a record.

use std::marker::PhantomData;

use rkyv::util::AlignedVec;

use super::view::Rec;
use super::writer;
use crate::record::{ArchivesAs, Record};

/// Reusable memory for one archive; allocates on first use and when a larger value comes.
#[derive(Debug)]
pub(crate) struct Scratch<T: Record> {
    bytes: AlignedVec<16>,
    marker: PhantomData<fn(T) -> T>,
}

/// The room at first.
const FIRST_BYTES: usize = 1_024;

impl<T: Record> Default for Scratch<T> {
    fn default() -> Self {
        Self { bytes: AlignedVec::new(), marker: PhantomData }
    }
}

impl<T: Record> Scratch<T> {
    /// The archive of `value`, until the next call.
    ///
    /// Cost: one serialisation.
    #[inline]
    pub(crate) fn archive<V: ArchivesAs<T>>(&mut self, value: &V) -> &Rec<T> {
        // Memory that is not there yet is not aligned either.
        let written = match self.bytes.is_empty() {
            true => None,
            false => writer::write_archive_as::<T, V>(value, &mut self.bytes, 0),
        };
        let end = written.map_or_else(|| self.grow(value), |(_, end)| end);
        // SAFETY: 1. the writer wrote these bytes just now, from position 0, which suits every alignment. 2. They are aligned to 16, and archives to 8 at most.
        unsafe { Rec::from_archive(&self.bytes[..end]) }
    }

    #[cold]
    fn grow<V: ArchivesAs<T>>(&mut self, value: &V) -> usize {
        let archive = writer::write_large_as::<T, V>(value);
        self.bytes.resize(archive.len().max(FIRST_BYTES), 0);
        self.bytes[..archive.len()].copy_from_slice(&archive);
        archive.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_larger_than_the_page_gets_a_larger_page_and_smaller_ones_follow() {
        let mut scratch = Scratch::<Vec<u16>>::default();
        for length in [0, 3, 5_000, 1, 20_000, 0] {
            let value = vec![7u16; length];
            assert_eq!(scratch.archive(&value).to_value(), value);
        }
    }
}
