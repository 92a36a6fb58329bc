//! A page of its own: filled and then read by one owner.

use std::marker::PhantomData;

use super::control::Control;
use super::fill::{Fill, page_writer};
use super::slot::{LARGE, short};
use super::view::PageView;
use super::{HEADER, MIN_PAGE_BYTES, SLOT, check_bytes};
use crate::raw::view::Rec;
use crate::raw::writer;
use crate::record::{ArchivesAs, KeyHash, Record};
use crate::time::EventTime;

/// A page of its own, filled and then read by one owner; reused for ever.
#[derive(Debug)]
pub struct PageBuf<T: Record> {
    pub(super) bytes: rkyv::util::AlignedVec<64>,
    pub(super) fill: Fill,
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
    pub fn for_value<V: ArchivesAs<T>>(value: &V) -> Self {
        Self::for_archive(writer::write_large_as::<T, V>(value).len())
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
