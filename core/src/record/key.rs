//! Keys: what they hash to, which group and worker that is, and the traits of owned and read keys.

use std::fmt;
use std::ops::Range;

use rkyv::Archive;

use super::{Field, Record};

/// How many key groups there are. They are the unit of rescaling, and part of the state format.
pub const KEY_GROUPS: u16 = 4096;

/// The bits of a hash that are below its key group.
const GROUP_SHIFT: u32 = u64::BITS - KEY_GROUPS.ilog2();

/// The largest number of workers among which every worker owns a key group.
pub const WORKERS_MAX: usize = KEY_GROUPS as usize;

/// The hash of a key.
///
/// The function is public and stable: checkpoints and other processes rely on it.
///
/// * Integers, `bool`, `char` and [`EventTime`](crate::time::EventTime), widened to 64 bits (with sign, if they have one):
///   the finaliser of SplitMix64.
/// * Strings: XXH3, 64 bits, of the UTF-8 bytes.
/// * Tuples: XXH3, 64 bits, of the [key bytes](KeyRef::bytes).
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyHash(pub u64);

impl KeyHash {
    /// The key group: the top 12 bits.
    #[inline]
    #[must_use]
    pub const fn group(self) -> KeyGroup {
        // Tables index with the low bits; groups take the others, so the two are independent.
        KeyGroup((self.0 >> GROUP_SHIFT) as u16)
    }

    /// The same hash in another key group.
    #[must_use]
    pub(crate) const fn in_group(self, group: KeyGroup) -> Self {
        Self((group.0 as u64) << GROUP_SHIFT | self.0 & ((1 << GROUP_SHIFT) - 1))
    }

    /// The same hash in one of `groups`: the one that `number` comes to when they are counted through.
    #[must_use]
    pub(crate) fn in_one_of(self, groups: &Range<u16>, number: u64) -> Self {
        let at = u16::try_from(number % groups.len() as u64);
        self.in_group(KeyGroup(groups.start + at.expect("invariant: below a number of groups")))
    }

    /// Which of `workers` workers owns the key. Each worker owns a contiguous range of groups.
    ///
    /// `workers` is from 1 to [`WORKERS_MAX`].
    #[inline]
    #[must_use]
    pub const fn owner(self, workers: usize) -> usize {
        self.group().owner(workers)
    }

    /// The hash of an integer.
    #[inline]
    #[must_use]
    pub const fn of_int(value: u64) -> Self {
        // Steele, Lea, Flood: "Fast splittable pseudorandom number generators", OOPSLA 2014, with
        // Stafford's mix 13. The addend keeps zero from being a fixed point.
        let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self(z ^ (z >> 31))
    }

    /// The hash of bytes.
    #[inline]
    #[must_use]
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self(xxhash_rust::xxh3::xxh3_64(bytes))
    }
}

/// A number from 0 to [`KEY_GROUPS`] - 1: all keys of a group are always owned together.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyGroup(pub u16);

impl KeyGroup {
    /// Which of `workers` workers owns the group.
    #[inline]
    #[must_use]
    pub const fn owner(self, workers: usize) -> usize {
        debug_assert!(workers >= 1 && workers <= WORKERS_MAX);
        self.0 as usize * workers / KEY_GROUPS as usize
    }

    /// The groups that `worker` of `workers` owns; at least one.
    #[must_use]
    pub(crate) fn of_worker(worker: usize, workers: usize) -> Range<u16> {
        debug_assert!(worker < workers && workers <= WORKERS_MAX);
        let first = |worker: usize| {
            let groups = (worker * usize::from(KEY_GROUPS)).div_ceil(workers);
            u16::try_from(groups).expect("invariant: no more than there are")
        };
        first(worker)..first(worker + 1)
    }
}

/// An owned key, as results carry it.
///
/// Implemented for integers, `bool`, `char`, [`Str`](super::Str), `String`,
/// [`EventTime`](crate::time::EventTime) and tuples of two to four of them.
pub trait Key: Field + Record + Clone + Eq + fmt::Debug + KeyRef<Key = Self> {
    /// How many key bytes every key of this type has, if all have the same number.
    const WIDTH: Option<usize>;

    /// The key that [`KeyRef::bytes`] gave `bytes` for.
    ///
    /// # Panics
    ///
    /// May panic if `bytes` are no key bytes of this type.
    fn from_key_bytes(bytes: &[u8]) -> Self;
}

/// What a key selector returns: a key in its native or in its archived form, or a reference to one.
///
/// Both forms of a value hash alike and have the same bytes.
pub trait KeyRef {
    /// The owned form.
    type Key: Key;

    /// The hash; see [`KeyHash`] for the function.
    fn hash(&self) -> KeyHash;

    /// The key bytes: equal for equal keys and different for different ones.
    ///
    /// An integer is its little-endian bytes, a string its UTF-8 bytes, a tuple the bytes of its parts, where a
    /// part of variable length that is not the last is preceded by its length (LEB128). They are borrowed
    /// from the key if it holds them as they are, and else written to `scratch`.
    fn bytes<'a>(&'a self, scratch: &'a mut KeyScratch) -> &'a [u8];

    /// Appends the key bytes to `out`.
    fn append_to(&self, out: &mut KeyScratch);
}

/// A record with a field marked `#[key]`.
pub trait Keyed: Record {
    /// The type of the field.
    type Key: Key<Archived: KeyRef>;

    /// The field.
    fn key(archived: &Self::Archived) -> &<Self::Key as Archive>::Archived;
}

/// Room for key bytes. Keys of up to [`KeyScratch::INLINE_BYTES`] bytes need no allocation, and a
/// longer one needs it once.
#[derive(Clone)]
pub struct KeyScratch {
    inline: [u8; Self::INLINE_BYTES],
    len: usize,
    /// Holds the bytes, all of them, if there are more than fit `inline`.
    spilled: Vec<u8>,
}

impl KeyScratch {
    /// How long a key may be to be kept without allocating.
    pub const INLINE_BYTES: usize = 64;

    /// Empty room.
    #[inline]
    #[must_use]
    pub const fn new() -> Self {
        Self { inline: [0; Self::INLINE_BYTES], len: 0, spilled: Vec::new() }
    }

    /// Forgets the bytes and keeps the memory.
    #[inline]
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// Appends `bytes`.
    #[inline]
    pub fn push(&mut self, bytes: &[u8]) {
        let end = self.len + bytes.len();
        if let Some(room) = self.inline.get_mut(self.len..end) {
            room.copy_from_slice(bytes);
        } else {
            self.spill(bytes);
        }
        self.len = end;
    }

    /// Appends a length: seven bits in a byte, low bits first, as LEB128.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "seven bits are left")]
    pub fn push_length(&mut self, mut length: usize) {
        while length >= 0x80 {
            self.push(&[(length & 0x7f) as u8 | 0x80]);
            length >>= 7;
        }
        self.push(&[(length & 0x7f) as u8]);
    }

    /// The bytes appended since the last [`KeyScratch::clear`].
    #[inline]
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.inline.get(..self.len).unwrap_or(&self.spilled)
    }

    #[cold]
    fn spill(&mut self, bytes: &[u8]) {
        if self.len <= Self::INLINE_BYTES {
            self.spilled.clear();
            self.spilled.extend(&self.inline[..self.len]);
        }
        self.spilled.extend(bytes);
    }
}

impl Default for KeyScratch {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for KeyScratch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeyScratch").field(&self.as_bytes()).finish()
    }
}

/// A length and what is behind it: the inverse of [`KeyScratch::push_length`]. `None` if no length is there.
pub(crate) fn split_length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut length = 0;
    for (at, byte) in bytes.iter().enumerate() {
        length |= usize::from(byte & 0x7f).checked_shl(u32::try_from(7 * at).ok()?)?;
        if byte & 0x80 == 0 {
            return Some((length, &bytes[at + 1..]));
        }
    }
    None
}
