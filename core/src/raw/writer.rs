//! Writes one record's archive straight into a page.
//!
//! rkyv writes through a `Writer`; this one is a pointer, a position and a bound, so that a record of plain
//! fields becomes a handful of stores: no arena, no sharing map, no allocation. Only a list of
//! elements that themselves have out-of-line parts (`Vec<Str>`) needs scratch memory, which comes
//! from the global allocator and is given back before the list is done.
//!
//! # Invariants
//!
//! 1. `position <= capacity`, and `base` is valid for writes of `capacity` bytes while the writer
//!    exists. A writer is made and dropped inside [`write_archive`]; record code sees it by `&mut`
//!    alone and cannot make another, so it never outlives the page it borrows.
//! 2. Positions count from the page's base, so alignment inside an archive is alignment in memory.
//! 3. Same value, same bytes: every padding byte is written, as zero, and an archive's bytes depend
//!    on the value alone, not on where it starts nor on what the page held before.
//!
//! # Not here
//!
//! No shared pointers (`Rc`): each archive is self-contained and can be moved by `memcpy`.

use std::alloc::Layout;
use std::mem::{MaybeUninit, align_of, size_of};
use std::ptr::NonNull;

use rkyv::rancor::{Failure, Strategy};
use rkyv::ser::{Allocator, Positional, Writer};
use rkyv::util::AlignedVec;
use rkyv::{Archive, Place};

use crate::record::{ArchivesAs, Record};

/// The largest archive [`write_archive_large`] writes, in bytes: pointers inside an archive are 32
/// bits and signed, and rkyv panics when one overflows, so stay well below.
pub const MAX_ARCHIVE_BYTES: usize = 1 << 30;

/// Where rkyv writes to: the free part of a page. See the module for its invariants.
#[derive(Debug)]
pub struct ArchiveWriter {
    base: NonNull<u8>,
    position: usize,
    capacity: usize,
}

/// Writes the archive of `value` into `page`, at the first position from `start` that suits its
/// alignment, and returns where the archive begins and ends; the root is at the end.
///
/// `None` means that it does not fit; what the page holds after `start` is then undefined. Otherwise every
/// byte from `start` to the end is written, and of those behind it at most a few.
///
/// Cost: one store per field and one copy per out-of-line string; no allocation unless the record
/// holds a list of strings or lists.
///
/// # Panics
///
/// If `page` is not aligned to `T::ALIGN` in memory; pages are aligned to 64.
#[inline]
pub fn write_archive<T: Record>(
    value: &T,
    page: &mut [u8],
    start: usize,
) -> Option<(usize, usize)> {
    write_archive_as::<T, T>(value, page, start)
}

/// As [`write_archive`], of a `T` or a twin of it.
#[inline]
pub(super) fn write_archive_as<T: Record, V: ArchivesAs<T>>(
    value: &V,
    page: &mut [u8],
    start: usize,
) -> Option<(usize, usize)> {
    assert!(page.as_ptr().addr().is_multiple_of(T::ALIGN), "a page is aligned for its records");
    if start > page.len() {
        return None;
    }
    // SAFETY: both were just checked.
    unsafe { write_aligned::<T, V>(value, page, start) }
}

/// As [`write_archive`], for callers that know their page.
///
/// # Safety
///
/// `page` is aligned to `T::ALIGN`, and `start <= page.len()`.
#[inline(always)]
pub(super) unsafe fn write_aligned<T: Record, V: ArchivesAs<T>>(
    value: &V,
    page: &mut [u8],
    start: usize,
) -> Option<(usize, usize)> {
    const {
        assert!(T::ALIGN.is_power_of_two() && T::ALIGN <= 8, "records are aligned to 8 at most");
        assert!(align_of::<T::Archived>() <= T::ALIGN, "a record is aligned as its parts need it");
    }
    V::check();
    let mut writer = ArchiveWriter::new(page, start);
    writer.align(T::ALIGN)?;
    let first = writer.position;
    let resolver = value.serialize(Strategy::<_, Failure>::wrap(&mut writer)).ok()?;
    writer.align(align_of::<T::Archived>())?;
    writer.resolve(value, resolver)?;
    Some((first, writer.position))
}

/// Writes the archive of a record that fits no page into memory of its own; the root is at the end.
///
/// Cost: allocates, and starts over with more memory as long as it does not suffice.
///
/// # Panics
///
/// If the archive is longer than [`MAX_ARCHIVE_BYTES`].
#[cold]
pub fn write_archive_large<T: Record>(value: &T) -> AlignedVec<16> {
    write_large_as::<T, T>(value)
}

/// As [`write_archive_large`], of a `T` or a twin of it.
#[cold]
pub(super) fn write_large_as<T: Record, V: ArchivesAs<T>>(value: &V) -> AlignedVec<16> {
    let mut capacity: usize = 32 << 10;
    while capacity <= MAX_ARCHIVE_BYTES {
        let mut memory = AlignedVec::new();
        memory.resize(capacity, 0);
        if let Some((first, end)) = write_archive_as::<T, V>(value, &mut memory, 0) {
            debug_assert_eq!(first, 0, "position 0 suits every alignment");
            memory.resize(end, 0);
            return memory;
        }
        capacity *= 4;
    }
    panic!("a record of type {} is larger than 1 GiB", T::NAME)
}

/// Up to here a root is made on the stack and copied; longer ones, whose parts are often resolved by calls, in place.
const SMALL_ROOT_BYTES: usize = 64;

impl ArchiveWriter {
    /// A writer that starts at `start`, which lies in the page or at its end.
    #[inline(always)]
    fn new(page: &mut [u8], start: usize) -> Self {
        let capacity = page.len();
        debug_assert!(start <= capacity, "invariant 1");
        Self { base: NonNull::from(page).cast(), position: start, capacity }
    }

    /// The next `count` bytes, or `None` if the page has fewer.
    #[inline]
    fn take(&mut self, count: usize) -> Option<NonNull<u8>> {
        // Cannot wrap: `position <= capacity` (invariant 1).
        if count > self.capacity - self.position {
            return None;
        }
        // SAFETY: `position <= capacity` (invariant 1), so this stays within the page or at its end.
        let at = unsafe { self.base.add(self.position) };
        self.position += count;
        Some(at)
    }

    /// Writes zeros up to the next multiple of `align`, a power of two.
    #[inline]
    fn align(&mut self, align: usize) -> Option<()> {
        let gap = self.position.wrapping_neg() & (align - 1);
        // Mostly there is none, and a call of `memset` for nothing costs as much as a small record.
        if gap == 0 {
            return Some(());
        }
        let room = self.capacity - self.position;
        let at = self.take(gap)?;
        if room >= 8 {
            // All gaps are shorter than a word, and what is written too much lies in front, where nothing is yet: no call of `memset`.
            // SAFETY: eight bytes of the page lie there, which are ours to write (invariant 1).
            unsafe { at.cast::<u64>().write_unaligned(0) };
        } else {
            // SAFETY: `take` gave `gap` bytes of the page, which are ours to write (invariant 1).
            unsafe { at.write_bytes(0, gap) };
        }
        Some(())
    }

    /// Writes the root in place. The position must suit its alignment.
    #[inline]
    fn resolve<T: Archive>(&mut self, value: &T, resolver: T::Resolver) -> Option<()> {
        let position = self.position;
        let at = self.take(size_of::<T::Archived>())?.cast::<T::Archived>();
        debug_assert!(at.is_aligned(), "invariant 2: positions in a page are aligned as addresses");
        if size_of::<T::Archived>() > SMALL_ROOT_BYTES {
            // SAFETY: `take` gave as many bytes as a `T::Archived` has.
            unsafe { at.write_bytes(0, 1) };
            // SAFETY: aligned, and every byte was initialised just now; relative pointers follow `position`, not the address.
            let place = unsafe { Place::new_unchecked(position, at.as_ptr()) };
            value.resolve(resolver, place);
            return Some(());
        }
        // Padding inside the root is zero (invariant 3). It is made on the stack, where the compiler sees which of the zeros are
        // overwritten: most of the time all of them. Not by `zeroed`, whose result is moved here, and a move leaves padding behind.
        let mut root = MaybeUninit::<T::Archived>::uninit();
        // SAFETY: the pointer is to one `T::Archived`, on the stack.
        unsafe { root.as_mut_ptr().write_bytes(0, 1) };
        // SAFETY: aligned, and every byte was initialised just now; relative pointers follow `position`, not the address.
        let place = unsafe { Place::new_unchecked(position, root.as_mut_ptr()) };
        value.resolve(resolver, place);
        let bytes = NonNull::from(&root).cast::<MaybeUninit<u8>>();
        // SAFETY: `take` gave as many bytes as a `T::Archived` has; copied as bytes, with their padding.
        unsafe { at.cast().copy_from_nonoverlapping(bytes, size_of::<T::Archived>()) };
        Some(())
    }
}

impl Positional for ArchiveWriter {
    #[inline]
    fn pos(&self) -> usize {
        self.position
    }
}

impl Writer<Failure> for ArchiveWriter {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let at = self.take(bytes.len()).ok_or(Failure)?;
        // SAFETY: `take` gave `bytes.len()` bytes of the page. The page is exclusively borrowed
        // while the writer exists (invariant 1), so `bytes` lies elsewhere.
        unsafe { at.copy_from_nonoverlapping(NonNull::from(bytes).cast(), bytes.len()) };
        Ok(())
    }
}

// SAFETY: the memory comes fresh from the global allocator, in the layout that was asked for.
unsafe impl Allocator<Failure> for ArchiveWriter {
    unsafe fn push_alloc(&mut self, layout: Layout) -> Result<NonNull<[u8]>, Failure> {
        // SAFETY: the size is not zero (contract of `push_alloc`).
        let pointer = unsafe { std::alloc::alloc(layout) };
        let Some(pointer) = NonNull::new(pointer) else { std::alloc::handle_alloc_error(layout) };
        Ok(NonNull::slice_from_raw_parts(pointer, layout.size()))
    }

    unsafe fn pop_alloc(&mut self, pointer: NonNull<u8>, layout: Layout) -> Result<(), Failure> {
        // SAFETY: `pointer` came from `push_alloc` with this layout (contract of `pop_alloc`).
        unsafe { std::alloc::dealloc(pointer.as_ptr(), layout) };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rkyv::api::access_pos_unchecked;
    use rkyv::tuple::ArchivedTuple3;

    use super::*;
    use crate::record::Str;

    // For miri, with `-Zmiri-tree-borrows`: relative pointers reach outside of the reference they are
    // read through, which the older model, stacked borrows, does not allow any archive of rkyv's.
    // Small enough for it: plain fields, strings inline and out of line, and lists that need
    // scratch memory. Other shapes are in the tests of the `record` attribute.
    type Sample = (u8, Vec<Str>, Option<(u64, Vec<Vec<u16>>)>);

    fn sample(word: &str) -> Sample {
        (7, vec![word.into(), "x".into()], Some((u64::MAX, vec![vec![1, 2], vec![], vec![3]])))
    }

    fn page(fill: u8) -> AlignedVec<16> {
        let mut page = AlignedVec::new();
        page.resize(512, fill);
        page
    }

    #[test]
    fn an_archive_reads_back_wherever_it_starts() {
        for start in [0, 1, 8, 100] {
            let mut page = page(0xff);
            let (begin, end) =
                write_archive(&sample("longer than eight"), &mut page, start).unwrap();
            assert_eq!(begin % 8, 0);
            let root = end - size_of::<<Sample as Archive>::Archived>();
            // SAFETY: `write_archive` wrote such an archive, whose root ends at `end`.
            let archived =
                unsafe { access_pos_unchecked::<<Sample as Archive>::Archived>(&page, root) };
            let ArchivedTuple3(number, words, rest) = archived;
            assert_eq!(*number, 7);
            assert_eq!(words[0], "longer than eight");
            let rest = rest.as_ref().unwrap();
            assert_eq!(rest.0, u64::MAX);
            assert_eq!(rest.1[2][0], 3);
        }
    }

    #[test]
    fn bytes_depend_on_the_value_alone() {
        let (mut one, mut other) = (page(0), page(0xff));
        let value = sample("longer than eight");
        let (a, b) = write_archive(&value, &mut one, 0).unwrap();
        let (c, d) = write_archive(&value.clone(), &mut other, 41).unwrap();
        assert_eq!(one[a..b], other[c..d]);
        assert_eq!(other[41..48], [0; 7]);
    }

    #[test]
    fn a_page_too_small_by_any_number_of_bytes_is_refused() {
        let value = sample("longer than eight");
        let (_, end) = write_archive(&value, &mut page(0), 3).unwrap();
        for bytes in 0..end {
            let mut page = page(0xaa);
            assert_eq!(write_archive(&value, &mut page[..bytes], 3), None);
            assert!(page[bytes..].iter().all(|byte| *byte == 0xaa));
        }
    }

    #[test]
    #[should_panic(expected = "a page is aligned for its records")]
    fn a_page_that_is_not_aligned_is_refused() {
        let _ = write_archive(&1u64, &mut page(0)[1..], 0);
    }

    #[test]
    fn a_large_record_gets_memory_of_its_own() {
        let value = vec![Str::from("a string of more than eight bytes"); 2_000];
        let bytes = write_archive_large(&value);
        assert!(bytes.len() > 64 << 10);
        let mut page = AlignedVec::<16>::new();
        page.resize(bytes.len(), 1);
        assert_eq!(write_archive(&value, &mut page, 0), Some((0, bytes.len())));
        assert_eq!(page[..], bytes[..]);
    }
}
