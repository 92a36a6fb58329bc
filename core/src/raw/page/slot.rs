//! Slots: what a page says of each of its elements, and the small moves that fill it.

use super::SLOT;

pub(super) const RECORD: u32 = 0;
pub(super) const WATERMARK: u32 = 1;
pub(super) const IDLE: u32 = 2;
pub(super) const ACTIVE: u32 = 3;
pub(super) const END: u32 = 4;
pub(super) const LARGE: u32 = 5;
pub(super) const HALT: u32 = 6;
pub(super) const BARRIER: u32 = 7;
pub(super) const CALL: u32 = 8;
/// Its signs are in the byte above.
pub(super) const WAVE: u32 = 9;

/// The byte of a kind that says which it is.
pub(super) const KIND: u32 = 0xff;

/// A slot's fields, as they lie at the back of a page. Pages never leave the process, so this is the machine's own layout.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(super) struct Slot {
    pub(super) at: i64,
    pub(super) hash: u64,
    pub(super) end: u32,
    pub(super) kind: u32,
}

const _: () = assert!(size_of::<Slot>() == SLOT && align_of::<Slot>() == 8);

pub(super) fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("invariant: four bytes"))
}

pub(super) fn long(bytes: &[u8], at: usize) -> u64 {
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
pub(super) unsafe fn copy(from: &[u8], to: *mut u8) {
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
pub(super) fn short(value: usize) -> u32 {
    u32::try_from(value).expect("invariant: a page is shorter than 4 GiB")
}
