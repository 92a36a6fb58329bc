//! How far a page is filled, and what fills it: shared by pages in rings and pages alone.

use super::slot::{RECORD, Slot, copy, long, short, word};
use super::{HEADER, SLOT};
use crate::raw::view::Rec;
use crate::raw::writer;
use crate::record::{ArchivesAs, KeyHash, Record};
use crate::time::EventTime;

/// How far a page is filled; kept beside the bytes and written into the header when the page is sealed.
///
/// Two positions that approach each other: a push is one comparison, two stores of them, and the copy.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fill {
    /// The end of the last archive.
    pub(super) end: usize,
    /// The start of the last slot.
    pub(super) free: usize,
    pub(super) controls: u32,
    pub(super) origin_ns: u64,
}
impl Fill {
    /// An empty page of `page_bytes`.
    pub(super) const fn empty(page_bytes: usize) -> Self {
        Self { end: HEADER, free: page_bytes, controls: 0, origin_ns: 0 }
    }

    /// Elements in a page of `page_bytes`.
    pub(super) fn slots(&self, page_bytes: usize) -> usize {
        (page_bytes - self.free) / SLOT
    }

    #[inline(always)]
    pub(super) fn push<T: Record, V: ArchivesAs<T>>(
        &mut self,
        page: &mut [u8],
        value: &V,
        at: EventTime,
        hash: KeyHash,
    ) -> bool {
        let Some((_, end)) = self.serialize::<T, V>(page, value) else { return false };
        self.commit(page, end, Slot { at: at.as_nanos(), hash: hash.0, end: 0, kind: RECORD });
        true
    }

    #[inline(always)]
    pub(super) fn push_timed<T: Record, V: ArchivesAs<T>>(
        &mut self,
        page: &mut [u8],
        value: &V,
        time: impl FnOnce(&Rec<T>) -> EventTime,
    ) -> bool {
        let Some((start, end)) = self.serialize::<T, V>(page, value) else { return false };
        // SAFETY: `serialize` has just written to these bytes, so they are inside the page.
        let archive = unsafe { page.get_unchecked(start..end) };
        // SAFETY: they are the whole archive of a `T`, at an offset aligned to `T::ALIGN` in a page aligned to 64.
        let at = time(unsafe { Rec::from_archive(archive) });
        self.commit(page, end, Slot { at: at.as_nanos(), hash: 0, end: 0, kind: RECORD });
        true
    }

    #[inline(always)]
    pub(super) fn push_hashed<T: Record, V: ArchivesAs<T>>(
        &mut self,
        page: &mut [u8],
        value: &V,
        at: EventTime,
        hash: impl FnOnce(&Rec<T>) -> KeyHash,
    ) -> bool {
        let Some((start, end)) = self.serialize::<T, V>(page, value) else { return false };
        // SAFETY: `serialize` has just written to these bytes, so they are inside the page.
        let archive = unsafe { page.get_unchecked(start..end) };
        // SAFETY: they are the whole archive of a `T`, at an offset aligned to `T::ALIGN` in a page aligned to 64.
        let hash = hash(unsafe { Rec::from_archive(archive) }).0;
        self.commit(page, end, Slot { at: at.as_nanos(), hash, end: 0, kind: RECORD });
        true
    }

    /// Writes the archive of `value` behind the last one; `None` if it does not fit with its slot.
    #[inline(always)]
    fn serialize<T: Record, V: ArchivesAs<T>>(
        &self,
        page: &mut [u8],
        value: &V,
    ) -> Option<(usize, usize)> {
        debug_assert!(self.free <= page.len(), "invariant 1");
        if self.end + SLOT > self.free {
            return None;
        }
        // SAFETY: `free <= page.len()` (invariant 1).
        let room = unsafe { page.get_unchecked_mut(..self.free - SLOT) };
        // SAFETY: pages are aligned to 64, and so to the record; `end <= room.len()` was just seen.
        unsafe { writer::write_aligned::<T, V>(value, room, self.end) }
    }

    #[inline(always)]
    pub(super) fn push_archived(
        &mut self,
        page: &mut [u8],
        archive: &[u8],
        align: usize,
        at: EventTime,
        hash: KeyHash,
    ) -> bool {
        debug_assert!(self.free <= page.len(), "invariant 1");
        let start = (self.end + align - 1) & !(align - 1);
        let end = start + archive.len();
        if end + SLOT > self.free {
            return false;
        }
        if start > self.end {
            page[self.end..start].fill(0);
        }
        // SAFETY: `start <= end <= free <= page.len()` (invariant 1).
        let target = unsafe { page.as_mut_ptr().add(start) };
        // SAFETY: `archive.len()` bytes from there are in the page, which is borrowed mutably, so `archive` lies elsewhere.
        unsafe { copy(archive, target) };
        self.commit(page, end, Slot { at: at.as_nanos(), hash: hash.0, end: 0, kind: RECORD });
        true
    }

    /// Adds the slot of an element that ends at `end`; there is room for it.
    #[inline(always)]
    fn commit(&mut self, page: &mut [u8], end: usize, slot: Slot) {
        debug_assert!(end + SLOT <= self.free && self.free <= page.len(), "invariant 1");
        self.end = end;
        self.free -= SLOT;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a page is shorter than 4 GiB, see `check_bytes`"
        )]
        let slot = Slot { end: end as u32, ..slot };
        // SAFETY: every caller has made sure that the slot fits between `end` and `free` (invariant 1).
        let place = unsafe { page.as_mut_ptr().add(self.free) };
        // SAFETY: as above; aligned, because the page is aligned to 64, and its length and a slot's are multiples of 8.
        unsafe { place.cast::<Slot>().write(slot) };
    }

    pub(super) fn mark(&mut self, page: &mut [u8], at: i64, hash: u64, kind: u32) -> bool {
        if self.end + SLOT > self.free {
            return false;
        }
        self.commit(page, self.end, Slot { at, hash, end: 0, kind });
        self.controls += 1;
        true
    }

    /// Makes an empty page the copy of another of its size.
    pub(super) fn copy_page(&mut self, page: &mut [u8], from: &[u8], fill: Fill) {
        assert_eq!(page.len(), from.len(), "invariant: one page size per ring");
        page[..fill.end].copy_from_slice(&from[..fill.end]);
        page[fill.free..].copy_from_slice(&from[fill.free..]);
        *self = fill;
    }

    /// Sets the key hash of every record that lies in the page.
    #[inline(always)]
    pub(super) fn set_hashes<T: Record>(
        &self,
        page: &mut [u8],
        mut hash: impl FnMut(&Rec<T>) -> KeyHash,
    ) {
        let (archives, slots) = page.split_at_mut(self.free);
        let count = slots.len() / SLOT;
        // SAFETY: by invariant 1 the page ends with that many slots, written by `commit`; aligned, because the page is aligned
        // to 64, and its length and a slot's are multiples of 8; borrowed mutably here, and apart from the archives.
        let slots =
            unsafe { std::slice::from_raw_parts_mut(slots.as_mut_ptr().cast::<Slot>(), count) };
        let mut start = HEADER;
        for slot in slots.iter_mut().rev().filter(|slot| slot.kind == RECORD) {
            let end = slot.end as usize;
            debug_assert!(start <= end && end <= archives.len(), "invariant 1");
            // SAFETY: `end` of a record is where its archive ends, before all slots (invariant 1); `start` is the end of the
            // record before, aligned as it was when this one was written, and what is no record takes no bytes.
            let archive = unsafe { archives.get_unchecked(start..end) };
            // SAFETY: by invariant 2 these bytes are one archive of `T` at its alignment.
            slot.hash = hash(unsafe { Rec::from_archive(archive) }).0;
            start = (end + T::ALIGN - 1) & !(T::ALIGN - 1);
        }
    }

    pub(super) fn seal(&self, page: &mut [u8]) {
        let slots = short(self.slots(page.len()));
        page[..4].copy_from_slice(&slots.to_le_bytes());
        page[4..8].copy_from_slice(&short(self.end).to_le_bytes());
        page[8..12].copy_from_slice(&self.controls.to_le_bytes());
        page[16..24].copy_from_slice(&self.origin_ns.to_le_bytes());
    }

    pub(super) fn unseal(page: &[u8]) -> Self {
        Fill {
            end: word(page, 4) as usize,
            free: page.len() - SLOT * word(page, 0) as usize,
            controls: word(page, 8),
            origin_ns: long(page, 16),
        }
    }
}
/// Fills one page; over a ring's open page or a page of its own.
///
/// Cost: a push is the archive's `memcpy` (or serialisation) and one 24-byte slot.
macro_rules! page_writer {
    ($page:ident) => {
        /// Serialises `value` into the page; false if it does not fit, and the page is as before.
        #[inline(always)]
        pub fn push<V: ArchivesAs<T>>(&mut self, value: &V, at: EventTime, hash: KeyHash) -> bool {
            self.$page().is_some_and(|(fill, page)| fill.push::<T, V>(page, value, at, hash))
        }

        /// Serialises `value` into the page and asks `time` for its event time; false if it does not fit.
        #[inline(always)]
        pub fn push_timed<V: ArchivesAs<T>>(
            &mut self,
            value: &V,
            time: impl FnOnce(&Rec<T>) -> EventTime,
        ) -> bool {
            self.$page().is_some_and(|(fill, page)| fill.push_timed::<T, V>(page, value, time))
        }

        /// Serialises `value` into the page and asks `hash` for its key's hash; false if it does not fit.
        #[inline(always)]
        pub fn push_hashed<V: ArchivesAs<T>>(
            &mut self,
            value: &V,
            at: EventTime,
            hash: impl FnOnce(&Rec<T>) -> KeyHash,
        ) -> bool {
            self.$page().is_some_and(|(fill, page)| fill.push_hashed::<T, V>(page, value, at, hash))
        }

        /// Copies an archive into the page; false if it does not fit.
        #[inline(always)]
        pub fn push_archived(&mut self, record: &Rec<T>, at: EventTime, hash: KeyHash) -> bool {
            self.$page().is_some_and(|(fill, page)| {
                fill.push_archived(page, record.archive(), T::ALIGN, at, hash)
            })
        }

        /// Notes that the next large record belongs here; false if the page is full.
        pub fn push_large(&mut self, at: EventTime, hash: KeyHash) -> bool {
            self.$page().is_some_and(|(fill, page)| fill.mark(page, at.as_nanos(), hash.0, LARGE))
        }

        /// Adds a control element; false if the page is full.
        pub fn push_control(&mut self, control: Control) -> bool {
            let (at, hash, kind) = control.encode();
            self.$page().is_some_and(|(fill, page)| fill.mark(page, at, hash, kind))
        }

        /// Makes this page, which is empty, a copy of `from`; false if there is no page.
        ///
        /// Cost: two `memcpy`, however many elements.
        pub fn copy_page(&mut self, from: PageView<'_, T>) -> bool {
            assert!(self.is_empty(), "invariant: a page is copied into an empty one");
            self.$page().map(|(fill, page)| fill.copy_page(page, from.bytes, from.fill)).is_some()
        }

        /// Sets the key hash of every record that lies in the page.
        ///
        /// Cost: one pass over the slots and the keys.
        #[inline]
        pub fn set_hashes(&mut self, hash: impl FnMut(&Rec<T>) -> KeyHash) {
            if let Some((fill, page)) = self.$page() {
                fill.set_hashes::<T>(page, hash);
            }
        }

        /// Elements in the page.
        pub fn slots(&self) -> u32 {
            short(self.fill.slots(self.page_bytes()))
        }

        /// True if nothing was written yet.
        pub fn is_empty(&self) -> bool {
            self.fill.free == self.page_bytes()
        }

        /// When the oldest record of the page entered the engine; 0 if not known.
        pub fn origin_ns(&self) -> u64 {
            self.fill.origin_ns
        }

        /// Says that what is written from now on entered the engine at `origin_ns`, or is not known to (0). The page keeps the
        /// instant of its oldest element.
        pub fn stamp(&mut self, origin_ns: u64) {
            let is_older = self.fill.origin_ns == 0 || origin_ns < self.fill.origin_ns;
            if self.is_empty() || (origin_ns != 0 && is_older) {
                self.fill.origin_ns = origin_ns;
            }
        }
    };
}
pub(super) use page_writer;
