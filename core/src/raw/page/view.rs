//! A page to read: records and control elements, in place.

use std::marker::PhantomData;

use super::HEADER;
use super::control::Control;
use super::fill::Fill;
use super::slot::{
    ACTIVE, BARRIER, CALL, END, HALT, IDLE, KIND, LARGE, RECORD, Slot, WATERMARK, WAVE,
};
use super::wave::{Signs, Wave};
use crate::raw::view::Rec;
use crate::record::{KeyHash, Record};
use crate::time::EventTime;

/// One element of a page.
#[derive(Debug)]
pub enum Element<'a, T: Record> {
    /// A record, its event time and key hash.
    Record(&'a Rec<T>, EventTime, KeyHash),
    /// A record too large for a page: its archive travels beside the ring, in the same order.
    Large(EventTime, KeyHash),
    /// A control element.
    Control(Control),
}
/// A sealed page, or a page of one's own, to read.
#[derive(Debug)]
pub struct PageView<'a, T: Record> {
    pub(super) bytes: &'a [u8],
    pub(super) fill: Fill,
    pub(super) marker: PhantomData<fn() -> T>,
}

impl<T: Record> Clone for PageView<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T: Record> Copy for PageView<'_, T> {}

impl<'a, T: Record> PageView<'a, T> {
    /// Elements in the page.
    pub fn len(&self) -> usize {
        self.fill.slots(self.bytes.len())
    }

    /// True if the page has no element.
    pub fn is_empty(&self) -> bool {
        self.fill.free == self.bytes.len()
    }

    /// Bytes that are in use: archives and slots.
    pub fn used_bytes(&self) -> usize {
        self.fill.end - HEADER + self.bytes.len() - self.fill.free
    }

    /// Bytes of a page that has room for just what this one has.
    pub fn whole_bytes(&self) -> usize {
        self.used_bytes() + HEADER
    }

    /// The same page, as if the oldest record of it had entered the engine at `origin_ns`.
    #[must_use]
    pub fn stamped(mut self, origin_ns: u64) -> Self {
        self.fill.origin_ns = origin_ns;
        self
    }

    /// True if every element is a record.
    pub fn is_plain(&self) -> bool {
        self.fill.controls == 0
    }

    /// When the oldest record of the page entered the engine, in the clock's nanoseconds; 0 = unknown.
    pub fn origin_ns(&self) -> u64 {
        self.fill.origin_ns
    }

    /// All bytes of the page; see the module for their layout.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Where each element's archive ends, as an offset into [`Self::bytes`].
    pub fn ends(&self) -> impl Iterator<Item = u32> + use<'a, T> {
        let view = *self;
        (0..self.len()).map(move |index| view.slot(index).end)
    }

    /// All slots; the last element's comes first.
    #[inline(always)]
    fn slots(&self) -> &'a [Slot] {
        debug_assert!(self.fill.free <= self.bytes.len(), "invariant 1");
        // SAFETY: `free <= len` (invariant 1).
        let first = unsafe { self.bytes.as_ptr().add(self.fill.free) };
        // SAFETY: by invariant 1 `len` slots lie between there and the end of the page, written by `Fill::commit`; aligned,
        // because the page is aligned to 64, and its length and a slot's are multiples of 8.
        unsafe { std::slice::from_raw_parts(first.cast::<Slot>(), self.len()) }
    }

    #[inline(always)]
    fn slot(&self, index: usize) -> Slot {
        let slots = self.slots();
        assert!(index < slots.len(), "element {index} of {}", slots.len());
        slots[slots.len() - 1 - index]
    }

    /// Where the archive of slot `index` starts: after its predecessor, aligned.
    #[inline(always)]
    fn start(&self, index: usize) -> usize {
        let before = if index == 0 { HEADER } else { self.slot(index - 1).end as usize };
        before.next_multiple_of(T::ALIGN)
    }

    /// The archive from `start` to `end`.
    ///
    /// # Safety
    ///
    /// They are the bounds of a record of this page.
    #[inline(always)]
    unsafe fn archive(&self, start: usize, end: usize) -> &'a Rec<T> {
        debug_assert!(start <= end && end <= self.bytes.len(), "invariant 1");
        // SAFETY: inside the page by invariant 1.
        let archive = unsafe { self.bytes.get_unchecked(start..end) };
        // SAFETY: by invariant 2 these bytes are one archive of `T`, written by `write_archive` at this
        // alignment (a page is 64-byte aligned, and `T::ALIGN` divides 64), and by invariant 4 they
        // do not change while the page is borrowed.
        unsafe { Rec::from_archive(archive) }
    }

    /// The records from `from` to `to`, all of which are records, with their event times.
    ///
    /// Cost: less than [`Self::record`] one by one, which reads two slots each.
    ///
    /// # Panics
    ///
    /// If the page has fewer elements. Meets an element that is not a record: it panics there.
    #[inline]
    pub fn records(
        &self,
        from: usize,
        to: usize,
    ) -> impl Iterator<Item = (&'a Rec<T>, EventTime)> + use<'a, T> {
        self.keyed_records(from, to).map(|(record, at, _)| (record, at))
    }

    /// As [`Self::records`], with the key hashes.
    #[inline]
    pub fn keyed_records(
        &self,
        from: usize,
        to: usize,
    ) -> impl Iterator<Item = (&'a Rec<T>, EventTime, KeyHash)> + use<'a, T> {
        assert!(from <= to && to <= self.len(), "elements {from} to {to} of {}", self.len());
        assert!(
            self.is_plain() || (from..to).all(|index| self.is_record(index)),
            "invariant 2: elements {from} to {to} are records"
        );
        let page = *self;
        let mut start = if from < to { page.start(from) } else { 0 };
        let slots = page.slots();
        slots[slots.len() - to..slots.len() - from].iter().rev().map(move |slot| {
            let end = slot.end as usize;
            // SAFETY: `start` follows the end of the element before, as it did when the record was written.
            let record = unsafe { page.archive(start, end) };
            start = (end + T::ALIGN - 1) & !(T::ALIGN - 1);
            (record, EventTime::from_nanos(slot.at), KeyHash(slot.hash))
        })
    }

    /// The event times and key hashes of the elements from `from` to `to`.
    ///
    /// # Panics
    ///
    /// If the page has fewer elements.
    #[inline(always)]
    pub fn keys(
        &self,
        from: usize,
        to: usize,
    ) -> impl ExactSizeIterator<Item = (EventTime, KeyHash)> + Clone + use<'a, T> {
        let slots = self.slots();
        slots[slots.len() - to..slots.len() - from]
            .iter()
            .rev()
            .map(|slot| (EventTime::from_nanos(slot.at), KeyHash(slot.hash)))
    }

    /// The key hash of element `index`.
    #[inline]
    pub fn hash(&self, index: usize) -> KeyHash {
        KeyHash(self.slot(index).hash)
    }

    /// The event time of element `index`.
    #[inline]
    pub fn event_time(&self, index: usize) -> EventTime {
        EventTime::from_nanos(self.slot(index).at)
    }

    /// True if element `index` is a record that lies in this page.
    #[inline]
    pub fn is_record(&self, index: usize) -> bool {
        self.fill.controls == 0 || self.slot(index).kind == RECORD
    }

    /// The record at `index`.
    ///
    /// # Panics
    ///
    /// If the element is not a record.
    #[inline]
    pub fn record(&self, index: usize) -> &'a Rec<T> {
        let slot = self.slot(index);
        assert_eq!(slot.kind, RECORD, "invariant 2: element {index} is a record");
        // SAFETY: these are the bounds between which the record was written.
        unsafe { self.archive(self.start(index), slot.end as usize) }
    }

    /// Element `index`.
    #[inline]
    pub fn element(&self, index: usize) -> Element<'a, T> {
        let slot = self.slot(index);
        let at = EventTime::from_nanos(slot.at);
        match slot.kind & KIND {
            RECORD => Element::Record(self.record(index), at, KeyHash(slot.hash)),
            WATERMARK => Element::Control(Control::Watermark(at)),
            IDLE => Element::Control(Control::Idle),
            ACTIVE => Element::Control(Control::Active),
            END => Element::Control(Control::End),
            HALT => Element::Control(Control::Halt),
            BARRIER => Element::Control(Control::Barrier(slot.at.cast_unsigned())),
            CALL => Element::Control(Control::Call(slot.at.cast_unsigned())),
            WAVE => {
                let far = EventTime::from_nanos(slot.hash.cast_signed());
                let [_, signs, ..] = slot.kind.to_le_bytes();
                Element::Control(Control::Wave(Wave { least: at, far, signs: Signs::of(signs) }))
            }
            LARGE => Element::Large(at, KeyHash(slot.hash)),
            other => unreachable!("invariant: no element kind {other}"),
        }
    }

    /// The end of the run of records that starts at `from` (equal to `from` if it is not a record).
    #[inline]
    pub fn run_end(&self, from: usize) -> usize {
        if self.is_plain() {
            return self.len();
        }
        (from..self.len()).find(|&index| !self.is_record(index)).unwrap_or(self.len())
    }
}
