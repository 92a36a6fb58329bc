//! Rings of pages of one record type: both ends are made together, so they agree on the type.

use std::marker::PhantomData;

use super::check_bytes;
use super::control::Control;
use super::fill::{Fill, page_writer};
use super::slot::{LARGE, short};
use super::view::PageView;
use crate::raw::ring::{Consumer, Producer};
use crate::raw::view::Rec;
use crate::record::{ArchivesAs, KeyHash, Record};
use crate::time::EventTime;

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
    let (tx, rx) = crate::raw::ring::ring(pages, page_bytes);
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

    /// Capacity in pages.
    pub fn pages(&self) -> usize {
        self.ring.pages()
    }

    /// Pages that were published and that the receiver has not released.
    pub fn unread(&mut self) -> usize {
        self.ring.pages() - self.ring.free()
    }

    /// True if the receiver was dropped: nobody will read what is written.
    pub fn is_abandoned(&self) -> bool {
        self.ring.is_abandoned()
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

    /// True if the sender was dropped and all its pages were released.
    pub fn is_finished(&mut self) -> bool {
        self.ring.is_finished()
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
