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

mod buffer;
mod control;
mod fill;
mod ring;
mod slot;
mod view;
mod wave;

pub use buffer::PageBuf;
pub use control::Control;
pub use ring::{PageRx, PageTx, page_ring};
pub use view::{Element, PageView};
pub use wave::{Signs, Wave};

/// Bytes of the page header: one cache line.
pub const HEADER: usize = 64;
/// Bytes of one slot.
pub const SLOT: usize = 24;
/// The smallest page: a header, one slot and a few words of payload.
pub const MIN_PAGE_BYTES: usize = 256;

/// The largest archive that fits a page of `page_bytes`.
pub const fn largest_archive(page_bytes: usize) -> usize {
    page_bytes - HEADER - SLOT
}

/// Refuses page sizes that cannot work.
fn check_bytes(page_bytes: usize) {
    assert!(page_bytes >= MIN_PAGE_BYTES, "a page has at least {MIN_PAGE_BYTES} bytes");
    assert!(page_bytes.is_multiple_of(64), "a page has a multiple of 64 bytes");
    assert!(u32::try_from(page_bytes).is_ok(), "a page is shorter than 4 GiB");
}

#[cfg(test)]
mod tests;
