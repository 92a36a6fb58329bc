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
//! 1. `HEADER <= end <= len - 24 * slots`: archives and slots never overlap.
//! 2. Slot `i` of kind `Record` in a page of `T` covers bytes that `write_archive::<T>` wrote, at the
//!    alignment it chose: the only writers are [`PageWriter::push`] and [`PageWriter::push_archived`].
//! 3. Padding between archives is zero, so equal inputs give equal pages, bit for bit.
//! 4. A page is written by the owner of its [`PageWriter`] until it is sealed, and by nobody after.
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

/// A slot's fields, as they lie at the back of a page.
#[derive(Debug, Clone, Copy)]
struct Slot {
    at: i64,
    hash: u64,
    end: u32,
    kind: u32,
}

/// Where one archive goes: kept apart from the bytes so that it stays in registers.
#[derive(Debug, Clone, Copy)]
struct Fill {
    slots: u32,
    end: u32,
    controls: u32,
    origin_ns: u64,
}

const EMPTY: Fill = Fill { slots: 0, end: 64, controls: 0, origin_ns: 0 };

fn slot_position(len: usize, index: usize) -> usize {
    len - SLOT * (index + 1)
}

fn write_slot(page: &mut [u8], index: usize, slot: Slot) {
    let position = slot_position(page.len(), index);
    let bytes: &mut [u8; SLOT] =
        (&mut page[position..position + SLOT]).try_into().expect("invariant: a slot is 24 bytes");
    bytes[..8].copy_from_slice(&slot.at.to_le_bytes());
    bytes[8..16].copy_from_slice(&slot.hash.to_le_bytes());
    bytes[16..20].copy_from_slice(&slot.end.to_le_bytes());
    bytes[20..].copy_from_slice(&slot.kind.to_le_bytes());
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("invariant: four bytes"))
}

fn long(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("invariant: eight bytes"))
}

fn short(value: usize) -> u32 {
    u32::try_from(value).expect("invariant: a page is shorter than 4 GiB")
}

impl Fill {
    #[inline]
    fn push<T: Record>(&mut self, page: &mut [u8], value: &T, at: EventTime, hash: KeyHash) -> bool {
        let limit = page.len() - SLOT * self.slots as usize;
        if (self.end as usize) + SLOT > limit {
            return false;
        }
        let room = &mut page[..limit - SLOT];
        let Some((_, end)) = writer::write_archive(value, room, self.end as usize) else {
            return false;
        };
        self.commit(page, end, at, hash);
        true
    }

    #[inline]
    fn push_timed<T: Record>(
        &mut self,
        page: &mut [u8],
        value: &T,
        time: impl FnOnce(&Rec<T>) -> EventTime,
    ) -> bool {
        let limit = page.len() - SLOT * self.slots as usize;
        if (self.end as usize) + SLOT > limit {
            return false;
        }
        let room = &mut page[..limit - SLOT];
        let Some((start, end)) = writer::write_archive(value, room, self.end as usize) else {
            return false;
        };
        // SAFETY: `write_archive` has just written the whole archive of a `T` to these bytes, at an offset aligned to
        // `T::ALIGN` in a page aligned to 64.
        let at = time(unsafe { Rec::from_archive(&page[start..end]) });
        self.commit(page, end, at, KeyHash(0));
        true
    }

    #[inline]
    fn push_archived(
        &mut self,
        page: &mut [u8],
        archive: &[u8],
        align: usize,
        at: EventTime,
        hash: KeyHash,
    ) -> bool {
        let limit = page.len() - SLOT * self.slots as usize;
        let start = (self.end as usize).next_multiple_of(align);
        let end = start + archive.len();
        if end + SLOT > limit {
            return false;
        }
        page[self.end as usize..start].fill(0);
        page[start..end].copy_from_slice(archive);
        self.commit(page, end, at, hash);
        true
    }

    #[inline]
    fn commit(&mut self, page: &mut [u8], end: usize, at: EventTime, hash: KeyHash) {
        self.end = short(end);
        let slot = Slot { at: at.as_nanos(), hash: hash.0, end: self.end, kind: RECORD };
        write_slot(page, self.slots as usize, slot);
        self.slots += 1;
    }

    fn mark(&mut self, page: &mut [u8], at: i64, hash: u64, kind: u32) -> bool {
        if (self.end as usize) + SLOT > page.len() - SLOT * self.slots as usize {
            return false;
        }
        write_slot(page, self.slots as usize, Slot { at, hash, end: self.end, kind });
        self.slots += 1;
        self.controls += 1;
        true
    }

    fn seal(&self, page: &mut [u8]) {
        page[..4].copy_from_slice(&self.slots.to_le_bytes());
        page[4..8].copy_from_slice(&self.end.to_le_bytes());
        page[8..12].copy_from_slice(&self.controls.to_le_bytes());
        page[16..24].copy_from_slice(&self.origin_ns.to_le_bytes());
    }

    fn unseal(page: &[u8]) -> Self {
        Fill {
            slots: word(page, 0),
            end: word(page, 4),
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
        #[inline]
        pub fn push(&mut self, value: &T, at: EventTime, hash: KeyHash) -> bool {
            self.$page().is_some_and(|(fill, page)| fill.push(page, value, at, hash))
        }

        /// Serialises `value` into the page and asks `time` for its event time; false if it does not fit.
        #[inline]
        pub fn push_timed(&mut self, value: &T, time: impl FnOnce(&Rec<T>) -> EventTime) -> bool {
            self.$page().is_some_and(|(fill, page)| fill.push_timed(page, value, time))
        }

        /// Copies an archive into the page; false if it does not fit.
        #[inline]
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
            self.fill.slots
        }

        /// When the oldest record of the page entered the engine; 0 if not known.
        pub fn origin_ns(&self) -> u64 {
            self.fill.origin_ns
        }

        /// Sets [`Self::origin_ns`], unless an older instant is there already.
        pub fn stamp(&mut self, origin_ns: u64) {
            if origin_ns != 0 && (self.fill.origin_ns == 0 || origin_ns < self.fill.origin_ns) {
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
        assert!(page_bytes >= MIN_PAGE_BYTES, "a page has at least {MIN_PAGE_BYTES} bytes");
        let mut bytes = rkyv::util::AlignedVec::new();
        bytes.resize(page_bytes, 0);
        Self { bytes, fill: EMPTY, marker: PhantomData }
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

    fn open(&mut self) -> Option<(&mut Fill, &mut [u8])> {
        Some((&mut self.fill, &mut self.bytes))
    }

    page_writer!(open);

    /// Forgets the contents.
    pub fn clear(&mut self) {
        self.fill = EMPTY;
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
    assert!(page_bytes >= MIN_PAGE_BYTES, "a page has at least {MIN_PAGE_BYTES} bytes");
    let (tx, rx) = super::ring::ring(pages, page_bytes);
    (
        PageTx { ring: tx, fill: EMPTY, marker: PhantomData },
        PageRx { ring: rx, marker: PhantomData },
    )
}

impl<T: Record> PageTx<T> {
    #[inline]
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
        if self.fill.slots == 0 {
            return false;
        }
        let fill = std::mem::replace(&mut self.fill, EMPTY);
        fill.seal(self.ring.open().expect("invariant: a page that has slots is open"));
        self.ring.publish();
        true
    }

    /// Copies a page into the open, empty page, to be filled on or published; false if the ring is full.
    pub fn adopt(&mut self, page: &PageBuf<T>) -> bool {
        assert_eq!(self.fill.slots, 0, "invariant: the open page is empty");
        let Some(target) = self.ring.open() else { return false };
        assert_eq!(target.len(), page.bytes.len(), "invariant: one page size per ring");
        let end = page.fill.end as usize;
        target[..end].copy_from_slice(&page.bytes[..end]);
        let slots = target.len() - SLOT * page.fill.slots as usize;
        target[slots..].copy_from_slice(&page.bytes[slots..]);
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
        self.fill.slots as usize
    }

    /// True if the page has no element.
    pub fn is_empty(&self) -> bool {
        self.fill.slots == 0
    }

    /// True if every element is a record.
    pub fn is_plain(&self) -> bool {
        self.fill.controls == 0
    }

    /// When the oldest record of the page entered the engine, in the clock's nanoseconds; 0 = unknown.
    pub fn origin_ns(&self) -> u64 {
        self.fill.origin_ns
    }

    #[inline]
    fn slot(&self, index: usize) -> Slot {
        assert!(index < self.len(), "element {index} of {}", self.len());
        let position = slot_position(self.bytes.len(), index);
        let bytes = &self.bytes[position..position + SLOT];
        Slot {
            at: long(bytes, 0).cast_signed(),
            hash: long(bytes, 8),
            end: word(bytes, 16),
            kind: word(bytes, 20),
        }
    }

    /// Where the archive of slot `index` starts: after its predecessor, aligned.
    #[inline]
    fn start(&self, index: usize) -> usize {
        let before = if index == 0 {
            HEADER
        } else {
            let position = slot_position(self.bytes.len(), index - 1);
            word(self.bytes, position + 16) as usize
        };
        before.next_multiple_of(T::ALIGN)
    }

    /// The key hash of element `index`.
    #[inline]
    pub fn hash(&self, index: usize) -> KeyHash {
        assert!(index < self.len(), "element {index} of {}", self.len());
        KeyHash(long(self.bytes, slot_position(self.bytes.len(), index) + 8))
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
        let archive = &self.bytes[self.start(index)..slot.end as usize];
        // SAFETY: by invariant 2 these bytes are one archive of `T`, written by `write_archive` at this
        // alignment (a page is 64-byte aligned, and `T::ALIGN` divides 64), and by invariant 4 they
        // do not change while the page is borrowed.
        unsafe { Rec::from_archive(archive) }
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
