//! What an entry looks like: two words, then the key, then the value.
//!
//! ```text
//!  0        8        16            16 + key, rounded up to the value's alignment
//!  | header | second | key bytes … | value bytes …            | slack of the size class |
//! ```
//!
//! | kind | second word | key | value |
//! | --- | --- | --- | --- |
//! | single | hash of the key | yes | the value |
//! | list | hash of the key | yes | address of the newest block, number of values |
//! | block | address of the block before | none | values of a list, each with its length |
//! | dead | address of the next dead entry of the class | – | – |
//!
//! The header packs value length (32 bits), key length (22), size class (8), kind (2). An entry with a key and a
//! value of 8 bytes is 32 bytes long, two to a cache line and never across one. The hash is kept
//! since a scan, and now and then a growing index, need it. Little-endian, so that the same bytes can go to disk.

/// Longest key, bytes.
pub(crate) const MAX_KEY_BYTES: usize = (1 << KEY_BITS) - 1;

/// Longest value, bytes.
pub(crate) const MAX_VALUE_BYTES: usize = u32::MAX as usize;

/// Bytes before the key.
pub(crate) const HEADER_BYTES: usize = 16;

/// The value of a list's entry: newest block, number of values.
pub(crate) const ANCHOR_BYTES: usize = 16;

const KEY_SHIFT: u32 = 32;
const KEY_BITS: u32 = 22;
const CLASS_SHIFT: u32 = KEY_SHIFT + KEY_BITS;
const KIND_SHIFT: u32 = CLASS_SHIFT + 8;

/// What an entry is for; see the file's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Single = 0,
    List = 1,
    Block = 2,
    Dead = 3,
}

/// The first word of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header(u64);

impl Header {
    /// # Panics
    ///
    /// If key or value is longer than [`MAX_KEY_BYTES`] or [`MAX_VALUE_BYTES`].
    pub(crate) fn new(kind: Kind, class: u8, key_len: usize, value_len: usize) -> Self {
        assert!(
            key_len <= MAX_KEY_BYTES,
            "invariant: a key has at most {MAX_KEY_BYTES} bytes, not {key_len}"
        );
        assert!(
            value_len <= MAX_VALUE_BYTES,
            "invariant: a value has at most {MAX_VALUE_BYTES} bytes, not {value_len}"
        );
        let lengths = value_len as u64 | (key_len as u64) << KEY_SHIFT;
        Self(lengths | u64::from(class) << CLASS_SHIFT | (kind as u64) << KIND_SHIFT)
    }

    #[inline(always)]
    pub(crate) fn read(entry: &[u8]) -> Self {
        Self(word(entry, 0))
    }

    pub(crate) fn write(self, entry: &mut [u8]) {
        set_word(entry, 0, self.0);
    }

    #[inline(always)]
    pub(crate) fn kind(self) -> Kind {
        match self.0 >> KIND_SHIFT {
            0 => Kind::Single,
            1 => Kind::List,
            2 => Kind::Block,
            _ => Kind::Dead,
        }
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "the class is these 8 bits")]
    pub(crate) fn class(self) -> u8 {
        (self.0 >> CLASS_SHIFT) as u8
    }

    #[inline(always)]
    pub(crate) fn key_len(self) -> usize {
        (self.0 >> KEY_SHIFT) as usize & MAX_KEY_BYTES
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "the length is the low 32 bits")]
    pub(crate) fn value_len(self) -> usize {
        self.0 as u32 as usize
    }

    /// Whether it is a single whose key has `key_len` bytes: one comparison.
    #[inline(always)]
    pub(crate) fn is_single_with_key_of(self, key_len: usize) -> bool {
        const KIND_AND_KEY_LEN: u64 = 3 << KIND_SHIFT | (MAX_KEY_BYTES as u64) << KEY_SHIFT;
        self.0 & KIND_AND_KEY_LEN
            == (Kind::Single as u64) << KIND_SHIFT | (key_len as u64) << KEY_SHIFT
    }

    /// The same entry with a value of another length.
    pub(crate) fn with_value_len(self, value_len: usize) -> Self {
        Self::new(self.kind(), self.class(), self.key_len(), value_len)
    }
}

/// Where the value of a key of that length starts; `align` is 8 or 16.
#[inline(always)]
pub(crate) fn value_offset(key_len: usize, align: usize) -> usize {
    // Constants both, so that for a key of constant length nothing is left to compute but the choice.
    let align = if align == 8 { 8 } else { 16 };
    (HEADER_BYTES + key_len + align - 1) & !(align - 1)
}

/// How many bytes an entry with this header has at least.
pub(crate) fn needed_bytes(header: Header, align: usize) -> usize {
    let value = value_offset(header.key_len(), align);
    match header.kind() {
        Kind::Single => value + header.value_len(),
        Kind::List => value + header.value_len().max(ANCHOR_BYTES),
        Kind::Block => HEADER_BYTES + header.value_len(),
        Kind::Dead => HEADER_BYTES,
    }
}

/// The key of a single or a list.
#[inline(always)]
pub(crate) fn key(entry: &[u8], header: Header) -> &[u8] {
    &entry[HEADER_BYTES..HEADER_BYTES + header.key_len()]
}

/// Whether the entry's key is `key`. Eight bytes, the usual case, are one comparison of words.
#[inline(always)]
pub(crate) fn has_key(entry: &[u8], header: Header, key: &[u8]) -> bool {
    if header.key_len() != key.len() {
        return false;
    }
    match key.first_chunk::<8>() {
        Some(eight) if key.len() == 8 => word(entry, HEADER_BYTES) == u64::from_le_bytes(*eight),
        _ => self::key(entry, header) == key,
    }
}

/// The header of the entry at byte `at`, if there is one that is a single with this key; `bytes` may hold anything there.
///
/// Eight bytes of key, the usual case, are two comparisons of words and one of the length of `bytes`.
#[inline(always)]
pub(crate) fn single_with_key(bytes: &[u8], at: usize, key: &[u8]) -> Option<Header> {
    if let Ok(eight) = <[u8; 8]>::try_from(key) {
        let front = bytes.get(at..at + HEADER_BYTES + 8)?;
        let header = Header::read(front);
        let is_it = header.is_single_with_key_of(8)
            && word(front, HEADER_BYTES) == u64::from_le_bytes(eight);
        return is_it.then_some(header);
    }
    let front = bytes.get(at..at + HEADER_BYTES + key.len())?;
    let header = Header::read(front);
    (header.is_single_with_key_of(key.len()) && front[HEADER_BYTES..] == *key).then_some(header)
}

#[inline(always)]
pub(crate) fn second_word(entry: &[u8]) -> u64 {
    word(entry, 8)
}

pub(crate) fn set_second_word(entry: &mut [u8], value: u64) {
    set_word(entry, 8, value);
}

/// The word at byte `at`.
#[inline(always)]
pub(crate) fn word(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(*bytes[at..].first_chunk().expect("invariant: the word lies in its entry"))
}

/// Writes the word at byte `at`.
#[inline(always)]
pub(crate) fn set_word(bytes: &mut [u8], at: usize, value: u64) {
    *bytes[at..].first_chunk_mut().expect("invariant: the word lies in its entry") =
        value.to_le_bytes();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_gives_back_what_it_was_made_of() {
        for kind in [Kind::Single, Kind::List, Kind::Block, Kind::Dead] {
            let header = Header::new(kind, 117, MAX_KEY_BYTES, MAX_VALUE_BYTES);
            assert_eq!(header.kind(), kind);
            assert_eq!(header.class(), 117);
            assert_eq!((header.key_len(), header.value_len()), (MAX_KEY_BYTES, MAX_VALUE_BYTES));
            assert_eq!(header.with_value_len(3).value_len(), 3);
            assert_eq!(header.with_value_len(3).key_len(), MAX_KEY_BYTES);
        }
    }

    #[test]
    fn a_value_starts_at_its_alignment() {
        assert_eq!(value_offset(8, 8), 24);
        assert_eq!(value_offset(8, 16), 32);
        assert_eq!(value_offset(0, 16), 16);
        assert_eq!(value_offset(9, 8), 32);
    }

    #[test]
    fn keys_are_equal_only_with_their_length() {
        let mut entry = [0; 64];
        entry[16..24].copy_from_slice(b"abcdefgh");
        let eight = Header::new(Kind::Single, 2, 8, 0);
        let seven = Header::new(Kind::Single, 2, 7, 0);
        assert!(has_key(&entry, eight, b"abcdefgh") && !has_key(&entry, eight, b"abcdefgx"));
        assert!(has_key(&entry, seven, b"abcdefg") && !has_key(&entry, seven, b"abcdefgh"));
    }
}
