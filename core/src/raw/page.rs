//! Slotted pages: the batches that flow between operators.
//!
//! ```text
//! 0        64                    end                       len - 24*n        len
//! | header | archive | archive … |  free …                 | slot n-1 … slot 0 |
//! ```
//!
//! Archives grow from the front, 24-byte slots `{event time, key hash, end, kind}` from the back. A
//! slot is a record or a control element (watermark, idle, active, end); their order in the
//! page is their order in the stream. Every archive is self-contained, so copying a record to another
//! page is a `memcpy`. Measured: 8 KiB pages; smaller ones cost publishes, larger ones leave the L1.
//!
//! # Invariants
//!
//! 1. `HEADER <= end <= free <= len`, where `free` is the start of the last slot: archives and slots never overlap.
//! 2. Slot `i` of kind `Record` in a page of `T` covers bytes that `write_archive::<T>` wrote, at the
//!    alignment it chose: the only writers are the `push` methods of [`PageBuf`] and [`PageTx`].
//! 3. Padding between archives is zero, so equal inputs give equal pages, bit for bit.
//! 4. A page is written by the owner of its [`PageBuf`] or [`PageTx`] until it is sealed, and by nobody after.
//!
//! # Not here
//!
//! No ring ([`super::ring`]) and no policy on when a page is sent ([`crate::exchange`]).

use std::marker::PhantomData;

use super::ring::{Consumer, Producer};
use super::view::Rec;
use super::writer;
use crate::record::{KeyHash, Record};
use crate::time::EventTime;

/// Bytes of the page header: one cache line.
pub const HEADER: usize = 64;
/// Bytes of one slot.
pub const SLOT: usize = 24;
/// The smallest page: a header, one slot and a few words of payload.
pub const MIN_PAGE_BYTES: usize = 256;

const RECORD: u32 = 0;
const WATERMARK: u32 = 1;
const IDLE: u32 = 2;
const ACTIVE: u32 = 3;
const END: u32 = 4;
const LARGE: u32 = 5;

/// What travels in a stream beside records, in order with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// No record with an earlier event time is expected after this point.
    Watermark(EventTime),
    /// The sender expects no records for now and must not hold event time back.
    Idle,
    /// The sender has records again.
    Active,
    /// The sender has finished.
    End,
}

impl Control {
    fn encode(self) -> (i64, u64, u32) {
        match self {
            Control::Watermark(at) => (at.as_nanos(), 0, WATERMARK),
            Control::Idle => (0, 0, IDLE),
            Control::Active => (0, 0, ACTIVE),
            Control::End => (0, 0, END),
        }
    }
}

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

/// A slot's fields, as they lie at the back of a page. Pages never leave the process, so this is the machine's own layout.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
struct Slot {
    at: i64,
    hash: u64,
    end: u32,
    kind: u32,
}

const _: () = assert!(size_of::<Slot>() == SLOT && align_of::<Slot>() == 8);

/// How far a page is filled; kept beside the bytes and written into the header when the page is sealed.
///
/// Two positions that approach each other: a push is one comparison, two stores of them, and the copy.
#[derive(Debug, Clone, Copy)]
struct Fill {
    /// The end of the last archive.
    end: usize,
    /// The start of the last slot.
    free: usize,
    controls: u32,
    origin_ns: u64,
}

fn slot_position(len: usize, index: usize) -> usize {
    len - SLOT * (index + 1)
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("invariant: four bytes"))
}

fn long(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("invariant: eight bytes"))
}

/// Copies `from` to `to`.
///
/// Most archives have 16 to 128 bytes; for them a call of `memcpy` costs more than the copy, so those are two or four overlapping moves of a fixed
/// size. Measured over the whole path with 48-byte records: 1.2 ns a record.
///
/// # Safety
///
/// `to` is valid for writes of `from.len()` bytes, none of them in `from`.
#[inline(always)]
unsafe fn copy(from: &[u8], to: *mut u8) {
    let len = from.len();
    /// The first and the last `N` bytes; together all of them, if there are `N` to `2 * N`.
    #[inline(always)]
    unsafe fn ends<const N: usize>(from: *const u8, to: *mut u8, len: usize) {
        // SAFETY: the caller has at least `N` bytes on both sides.
        let first = unsafe { from.cast::<[u8; N]>().read() };
        // SAFETY: as above.
        let from_last = unsafe { from.add(len - N) };
        // SAFETY: as above.
        let last = unsafe { from_last.cast::<[u8; N]>().read() };
        // SAFETY: as above.
        let to_last = unsafe { to.add(len - N) };
        // SAFETY: as above.
        unsafe { to.cast::<[u8; N]>().write(first) };
        // SAFETY: as above.
        unsafe { to_last.cast::<[u8; N]>().write(last) };
    }
    let from = from.as_ptr();
    match len {
        // SAFETY: the length is that of the arm, on both sides, and they do not overlap (contract).
        8..=16 => unsafe { ends::<8>(from, to, len) },
        // SAFETY: as above.
        17..=32 => unsafe { ends::<16>(from, to, len) },
        // SAFETY: as above.
        33..=64 => unsafe { ends::<32>(from, to, len) },
        // SAFETY: as above.
        65..=128 => unsafe { ends::<64>(from, to, len) },
        // SAFETY: as above.
        _ => unsafe { std::ptr::copy_nonoverlapping(from, to, len) },
    }
}

fn short(value: usize) -> u32 {
    u32::try_from(value).expect("invariant: a page is shorter than 4 GiB")
}

impl Fill {
    /// An empty page of `page_bytes`.
    const fn empty(page_bytes: usize) -> Self {
        Self { end: HEADER, free: page_bytes, controls: 0, origin_ns: 0 }
    }

    /// Elements in a page of `page_bytes`.
    fn slots(&self, page_bytes: usize) -> usize {
        (page_bytes - self.free) / SLOT
    }

    #[inline(always)]
    fn push<T: Record>(
        &mut self,
        page: &mut [u8],
        value: &T,
        at: EventTime,
        hash: KeyHash,
    ) -> bool {
        let Some((_, end)) = self.serialize(page, value) else { return false };
        self.commit(page, end, Slot { at: at.as_nanos(), hash: hash.0, end: 0, kind: RECORD });
        true
    }

    #[inline(always)]
    fn push_timed<T: Record>(
        &mut self,
        page: &mut [u8],
        value: &T,
        time: impl FnOnce(&Rec<T>) -> EventTime,
    ) -> bool {
        let Some((start, end)) = self.serialize(page, value) else { return false };
        // SAFETY: `serialize` has just written to these bytes, so they are inside the page.
        let archive = unsafe { page.get_unchecked(start..end) };
        // SAFETY: they are the whole archive of a `T`, at an offset aligned to `T::ALIGN` in a page aligned to 64.
        let at = time(unsafe { Rec::from_archive(archive) });
        self.commit(page, end, Slot { at: at.as_nanos(), hash: 0, end: 0, kind: RECORD });
        true
    }

    /// Writes the archive of `value` behind the last one; `None` if it does not fit with its slot.
    #[inline(always)]
    fn serialize<T: Record>(&self, page: &mut [u8], value: &T) -> Option<(usize, usize)> {
        debug_assert!(self.free <= page.len(), "invariant 1");
        if self.end + SLOT > self.free {
            return None;
        }
        // SAFETY: `free <= page.len()` (invariant 1).
        let room = unsafe { page.get_unchecked_mut(..self.free - SLOT) };
        // SAFETY: pages are aligned to 64, and so to the record; `end <= room.len()` was just seen.
        unsafe { writer::write_aligned(value, room, self.end) }
    }

    #[inline(always)]
    fn push_archived(
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

    fn mark(&mut self, page: &mut [u8], at: i64, hash: u64, kind: u32) -> bool {
        if self.end + SLOT > self.free {
            return false;
        }
        self.commit(page, self.end, Slot { at, hash, end: 0, kind });
        self.controls += 1;
        true
    }

    fn seal(&self, page: &mut [u8]) {
        let slots = short(self.slots(page.len()));
        page[..4].copy_from_slice(&slots.to_le_bytes());
        page[4..8].copy_from_slice(&short(self.end).to_le_bytes());
        page[8..12].copy_from_slice(&self.controls.to_le_bytes());
        page[16..24].copy_from_slice(&self.origin_ns.to_le_bytes());
    }

    fn unseal(page: &[u8]) -> Self {
        Fill {
            end: word(page, 4) as usize,
            free: page.len() - SLOT * word(page, 0) as usize,
            controls: word(page, 8),
            origin_ns: long(page, 16),
        }
    }
}

/// Refuses page sizes that cannot work.
fn check_bytes(page_bytes: usize) {
    assert!(page_bytes >= MIN_PAGE_BYTES, "a page has at least {MIN_PAGE_BYTES} bytes");
    assert!(page_bytes.is_multiple_of(64), "a page has a multiple of 64 bytes");
    assert!(u32::try_from(page_bytes).is_ok(), "a page is shorter than 4 GiB");
}

/// Fills one page; over a ring's open page or a page of its own.
///
/// Cost: a push is the archive's `memcpy` (or serialisation) and one 24-byte slot.
macro_rules! page_writer {
    ($page:ident) => {
        /// Serialises `value` into the page; false if it does not fit, and the page is as before.
        #[inline(always)]
        pub fn push(&mut self, value: &T, at: EventTime, hash: KeyHash) -> bool {
            self.$page().is_some_and(|(fill, page)| fill.push(page, value, at, hash))
        }

        /// Serialises `value` into the page and asks `time` for its event time; false if it does not fit.
        #[inline(always)]
        pub fn push_timed(&mut self, value: &T, time: impl FnOnce(&Rec<T>) -> EventTime) -> bool {
            self.$page().is_some_and(|(fill, page)| fill.push_timed(page, value, time))
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

/// A page of its own, filled and then read by one owner; reused for ever.
#[derive(Debug)]
pub struct PageBuf<T: Record> {
    bytes: rkyv::util::AlignedVec<64>,
    fill: Fill,
    marker: PhantomData<fn(T)>,
}

impl<T: Record> PageBuf<T> {
    /// An empty page of `page_bytes`.
    pub fn new(page_bytes: usize) -> Self {
        check_bytes(page_bytes);
        let mut bytes = rkyv::util::AlignedVec::new();
        bytes.resize(page_bytes, 0);
        Self { bytes, fill: Fill::empty(page_bytes), marker: PhantomData }
    }

    /// An empty page that holds one archive of up to `archive_bytes`, whatever the usual page size.
    pub fn for_archive(archive_bytes: usize) -> Self {
        let bytes = HEADER + SLOT + T::ALIGN + archive_bytes;
        Self::new(bytes.next_multiple_of(64).max(MIN_PAGE_BYTES))
    }

    /// An empty page that holds `value`, whatever its size.
    pub fn for_value(value: &T) -> Self {
        Self::for_archive(writer::write_archive_large(value).len())
    }

    /// Bytes of the page.
    pub fn page_bytes(&self) -> usize {
        self.bytes.len()
    }

    #[inline(always)]
    fn open(&mut self) -> Option<(&mut Fill, &mut [u8])> {
        Some((&mut self.fill, &mut self.bytes))
    }

    page_writer!(open);

    /// Forgets the contents.
    pub fn clear(&mut self) {
        self.fill = Fill::empty(self.bytes.len());
    }

    /// What has been written so far.
    pub fn view(&self) -> PageView<'_, T> {
        PageView { bytes: &self.bytes, fill: self.fill, marker: PhantomData }
    }
}

/// The sending end of a ring of pages of `T`.
#[derive(Debug)]
pub struct PageTx<T: Record> {
    ring: Producer,
    fill: Fill,
    marker: PhantomData<fn(T)>,
}

/// The receiving end of a ring of pages of `T`.
#[derive(Debug)]
pub struct PageRx<T: Record> {
    ring: Consumer,
    marker: PhantomData<fn() -> T>,
}

/// A ring of `pages` pages for records of `T`; both ends agree on the type because they are made here.
pub fn page_ring<T: Record>(pages: usize, page_bytes: usize) -> (PageTx<T>, PageRx<T>) {
    check_bytes(page_bytes);
    let (tx, rx) = super::ring::ring(pages, page_bytes);
    (
        PageTx { ring: tx, fill: Fill::empty(page_bytes), marker: PhantomData },
        PageRx { ring: rx, marker: PhantomData },
    )
}

impl<T: Record> PageTx<T> {
    /// Bytes of each page.
    pub fn page_bytes(&self) -> usize {
        self.ring.page_bytes()
    }

    #[inline(always)]
    fn open(&mut self) -> Option<(&mut Fill, &mut [u8])> {
        let page = self.ring.open()?;
        Some((&mut self.fill, page))
    }

    page_writer!(open);

    /// True if there is a page to write to.
    pub fn has_page(&mut self) -> bool {
        self.ring.open().is_some()
    }

    /// True if the receiver has taken every published page.
    pub fn is_drained(&mut self) -> bool {
        self.ring.is_drained()
    }

    /// Pages that can be published before the ring is full.
    pub fn free(&mut self) -> usize {
        self.ring.free()
    }

    /// Hands the open page to the receiver; nothing happens if it is empty.
    pub fn publish(&mut self) -> bool {
        if self.is_empty() {
            return false;
        }
        let fill = std::mem::replace(&mut self.fill, Fill::empty(self.ring.page_bytes()));
        fill.seal(self.ring.open().expect("invariant: a page that has slots is open"));
        self.ring.publish();
        true
    }

    /// Copies a page into the open, empty page, to be filled on or published; false if the ring is full.
    pub fn adopt(&mut self, page: &PageBuf<T>) -> bool {
        assert!(self.is_empty(), "invariant: the open page is empty");
        let Some(target) = self.ring.open() else { return false };
        assert_eq!(target.len(), page.bytes.len(), "invariant: one page size per ring");
        let Fill { end, free, .. } = page.fill;
        target[..end].copy_from_slice(&page.bytes[..end]);
        target[free..].copy_from_slice(&page.bytes[free..]);
        self.fill = page.fill;
        true
    }
}

impl<T: Record> PageRx<T> {
    /// The oldest page that was not released.
    #[inline]
    pub fn front(&mut self) -> Option<PageView<'_, T>> {
        let bytes = self.ring.front()?;
        Some(PageView { bytes, fill: Fill::unseal(bytes), marker: PhantomData })
    }

    /// True if there is a page.
    #[inline]
    pub fn is_ready(&mut self) -> bool {
        self.ring.front().is_some()
    }

    /// Gives the front page back to the sender.
    pub fn release(&mut self) {
        self.ring.release();
    }

    /// Pages that wait.
    pub fn len(&mut self) -> usize {
        self.ring.len()
    }

    /// True if no page waits.
    pub fn is_empty(&mut self) -> bool {
        self.ring.len() == 0
    }
}

/// A sealed page, or a page of one's own, to read.
#[derive(Debug)]
pub struct PageView<'a, T: Record> {
    bytes: &'a [u8],
    fill: Fill,
    marker: PhantomData<fn() -> T>,
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

    #[inline(always)]
    fn slot(&self, index: usize) -> Slot {
        assert!(index < self.len(), "element {index} of {}", self.len());
        // SAFETY: just checked.
        unsafe { self.slot_unchecked(index) }
    }

    /// # Safety
    ///
    /// `index < self.len()`.
    #[inline(always)]
    unsafe fn slot_unchecked(&self, index: usize) -> Slot {
        debug_assert!(index < self.len(), "element {index} of {}", self.len());
        // SAFETY: by invariant 1 there are `len` slots in the page.
        let place = unsafe { self.bytes.as_ptr().add(slot_position(self.bytes.len(), index)) };
        // SAFETY: as above; aligned, because the page is aligned to 64 and has a length that is a multiple of 8; and written by
        // `write_slot`.
        unsafe { place.cast::<Slot>().read() }
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
        (from..to).map(move |index| {
            // SAFETY: `index < to <= len`.
            let slot = unsafe { page.slot_unchecked(index) };
            let end = slot.end as usize;
            // SAFETY: `start` follows the end of the element before, as it did when the record was written.
            let record = unsafe { page.archive(start, end) };
            start = (end + T::ALIGN - 1) & !(T::ALIGN - 1);
            (record, EventTime::from_nanos(slot.at), KeyHash(slot.hash))
        })
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
        match slot.kind {
            RECORD => Element::Record(self.record(index), at, KeyHash(slot.hash)),
            WATERMARK => Element::Control(Control::Watermark(at)),
            IDLE => Element::Control(Control::Idle),
            ACTIVE => Element::Control(Control::Active),
            END => Element::Control(Control::End),
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

/// The largest archive that fits a page of `page_bytes`.
pub const fn largest_archive(page_bytes: usize) -> usize {
    page_bytes - HEADER - SLOT
}

#[cfg(test)]
mod tests;
