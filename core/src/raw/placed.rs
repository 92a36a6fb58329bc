//! A record with a number behind it, made by copying the record's archive.
//!
//! The archive of a pair `(T, u32)` is that of the record, the number, and zeros up to the pair's size: rkyv writes a pair's parts out of line in their
//! order, here those of the record alone, and `ArchivedTuple2` is `repr(C)`, so the record's root is at the pair's start. Where a record's root is
//! aligned to less than the number, the pair would begin elsewhere, and is serialised as any value is.
//!
//! # Invariants
//!
//! 1. What [`Placed::of`] gives equals, byte by byte, what [`super::writer`] writes for the same pair; debug builds compare.

use rkyv::Archive;

use super::scratch::Scratch;
use super::view::Rec;
use crate::record::Record;

/// A record and a number.
type Pair<T> = (T, u32);

/// Room for one pair; allocates when a longer one comes.
#[derive(Debug)]
pub(crate) struct Placed<T: Record> {
    /// Words, so that what is in them is aligned to 8.
    words: Vec<u64>,
    scratch: Scratch<Pair<T>>,
}

impl<T: Record> Default for Placed<T> {
    fn default() -> Self {
        Self { words: Vec::new(), scratch: Scratch::default() }
    }
}

impl<T: Record> Placed<T> {
    /// Whether a pair begins as its record does.
    const COPIES: bool = align_of::<<T as Archive>::Archived>()
        == align_of::<<Pair<T> as Archive>::Archived>()
        && T::ALIGN >= align_of::<<u32 as Archive>::Archived>();

    /// The pair of `record` and `number`, until the next call.
    ///
    /// Cost: a copy of the archive.
    pub(crate) fn of(&mut self, record: &Rec<T>, number: u32) -> &Rec<Pair<T>> {
        if !Self::COPIES {
            return self.scratch.archive(&(record.to_value(), number));
        }
        let archive = record.archive();
        let behind =
            size_of::<<Pair<T> as Archive>::Archived>() - size_of::<<T as Archive>::Archived>();
        let length = archive.len() + behind;
        let words = length.div_ceil(8);
        if self.words.len() < words {
            self.words.resize(words, 0);
        }
        let base: *mut u8 = self.words.as_mut_ptr().cast();
        // SAFETY: the vector has `words` words or more, which are at least `length` bytes; it is borrowed mutably, and bytes need no alignment.
        let bytes = unsafe { std::slice::from_raw_parts_mut(base, length) };
        bytes[..archive.len()].copy_from_slice(archive);
        bytes[archive.len()..].fill(0);
        bytes[archive.len()..archive.len() + 4].copy_from_slice(&number.to_le_bytes());
        // SAFETY: 1. these are the bytes that the writer writes for the pair (the file's header says why; the tests compare). 2. Words are aligned to 8, and
        // archives to 8 at most.
        let pair = unsafe { Rec::<Pair<T>>::from_archive(bytes) };
        debug_assert_eq!(
            pair.archive(),
            self.scratch.archive(&(record.to_value(), number)).archive(),
            "invariant 1"
        );
        pair
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Str;

    fn check<T: Record + PartialEq + Clone + std::fmt::Debug>(value: &T) {
        let (mut record, mut placed, mut expected) =
            (Scratch::default(), Placed::default(), Scratch::default());
        for number in [0, 1, u32::MAX] {
            let pair = placed.of(record.archive(value), number);
            assert_eq!(pair.to_value(), (value.clone(), number));
            assert_eq!(pair.archive(), expected.archive(&(value.clone(), number)).archive());
        }
    }

    #[test]
    fn a_pair_is_what_serialising_it_gives_whatever_the_record() {
        check(&7_u8);
        check(&7_u16);
        check(&7_u32);
        check(&-7_i64);
        check(&true);
        check(&Str::from("short"));
        check(&Str::from("a text that lies behind its pointer"));
        check(&(1_u8, Str::from("another text that lies behind"), 3_u64));
        check(&vec![1_u16, 2, 3]);
        check(&vec![Str::from("a text that lies behind its pointer"); 3]);
        check(&Some([1_u8; 5]));
    }
}
