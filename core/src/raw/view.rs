//! `Rec<T>`: a view of one archived record.
//!
//! A reference to a `Rec<T>` is pointer and exact length, so a record can be read in place *and*
//! copied whole. The root lies at the end of the archive, as rkyv writes it.
//!
//! # Invariants
//!
//! 1. The bytes of a `Rec<T>` are one archive of `T`, whole, at an address aligned to `T::ALIGN`.
//!    `Rec::from_archive` is the only way to one, and its callers are the page, the archive table
//!    and the large record, which hold only what [`super::writer`] wrote.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use crate::record::{Deserializer, Record};
use rkyv::Deserialize as _;

/// One archived record, read in place; dereferences to `T::Archived`.
#[repr(transparent)]
pub struct Rec<T> {
    marker: PhantomData<T>,
    archive: [u8],
}

impl<T: Record> Rec<T> {
    /// A view of `archive`.
    ///
    /// # Safety
    ///
    /// 1. `archive` was written by [`super::writer`] for `T`, whole, and not changed since.
    /// 2. Its first byte lies at an address aligned to `T::ALIGN`.
    #[inline]
    pub(crate) unsafe fn from_archive(archive: &[u8]) -> &Self {
        debug_assert!(
            archive.len() >= size_of::<T::Archived>(),
            "invariant 1: the archive is whole"
        );
        debug_assert_eq!(archive.as_ptr().addr() % T::ALIGN, 0, "invariant 1: aligned");
        let view: *const [u8] = archive;
        // SAFETY: `Rec<T>` is `repr(transparent)` over `[u8]` (the marker has no size), so pointer and
        // length mean the same; the lifetime is that of `archive`.
        unsafe { &*(view as *const Self) }
    }

    /// The bytes of the archive; a copy of them at equal alignment is the same record.
    #[inline]
    pub fn archive(&self) -> &[u8] {
        &self.archive
    }

    /// The record as an owned value.
    ///
    /// Cost: that of rkyv's deserialisation; strings of up to 24 bytes do not allocate.
    #[inline]
    pub fn to_value(&self) -> T {
        let archived: &T::Archived = self;
        archived
            .deserialize(Deserializer::wrap(&mut ()))
            .unwrap_or_else(|_| unreachable!("invariant: deserialising an owned value cannot fail"))
    }
}

impl<T: Record> Deref for Rec<T> {
    type Target = T::Archived;

    #[inline]
    fn deref(&self) -> &T::Archived {
        // Cannot wrap: an archive is no shorter than its root (invariant 1).
        let root = self.archive.len() - size_of::<T::Archived>();
        // SAFETY: by invariant 1 the bytes are an archive of `T` with its root at the end, aligned.
        unsafe { rkyv::api::access_pos_unchecked::<T::Archived>(&self.archive, root) }
    }
}

impl<T: Record> fmt::Debug for Rec<T>
where
    T: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_value().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use crate::raw::page::PageBuf;
    use crate::record::{KeyHash, Str};
    use crate::time::EventTime;

    #[test]
    fn a_copy_of_an_archive_is_the_same_record_on_any_page() {
        let value: (Str, Vec<u32>) = ("longer than eight bytes".into(), vec![1, 2, 3]);
        let mut first = PageBuf::new(1024);
        assert!(first.push(&value, EventTime::MIN, KeyHash(1)));
        let mut second = PageBuf::new(512);
        assert!(second.push(&("x".into(), vec![]), EventTime::MIN, KeyHash(2)));
        assert!(second.push_archived(first.view().record(0), EventTime::MAX, KeyHash(3)));
        drop(first);
        assert_eq!(second.view().record(1).to_value(), value);
        assert_eq!(format!("{:?}", second.view().record(1)), format!("{value:?}"));
    }
}
