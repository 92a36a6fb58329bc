//! Several values under one key, in the order in which they were appended.
//!
//! The key's entry leads to the newest block of values, each block to the one before. A block holds
//! many values back to back and is twice as long as the one before, up to 4 KiB: appending touches the
//! entry and the newest block, whatever the length of the list.
//!
//! Links lead backwards because the past may be frozen: appending after a freeze writes a new block, with what the newest one has if that is little,
//! and a new entry, and never changes an old block. Reading in order first collects the blocks.
//!
//! ```text
//!  entry  | header | hash | key | newest block (8) | number of values (8) |
//!  block  | header | block before | length, padded to the alignment | value, padded | length | …
//! ```

use crate::Table;
use crate::log::entry::{self, ANCHOR_BYTES, Header, Kind};
use crate::log::{Address, size_class};
use crate::table::expect_kind;

/// Longest block, unless one value alone is longer, bytes.
const MAX_BLOCK_BYTES: usize = 4096;

/// A frozen block with no more values than this is copied when another one is appended, rather than led to: or lists to which little is appended between checkpoints
/// would have a block for each value.
const MERGED_BYTES: usize = 256;

/// Blocks that one operation releases of removed lists.
const RELEASED_AT_ONCE: usize = 8;

impl Table {
    /// Appends a value to the list of `key`. `true` if the key is new.
    ///
    /// Cost: O(value), two cache misses; and what an insertion may cost, see [`Table::upsert`].
    ///
    /// # Panics
    ///
    /// If the key holds a single value, or is 4 MiB or longer, or the value is 4 GiB less 32 bytes or longer.
    pub fn append(&mut self, hash: u64, key: &[u8], value: &[u8]) -> bool {
        let (anchor, new) = match self.find_awake(hash, key) {
            Some((place, address)) => (self.writable(place, address), false),
            None => {
                let address = self.insert(Kind::List, hash, key, ANCHOR_BYTES);
                self.value_mut(address, Kind::List).fill(0);
                (address, true)
            }
        };
        let words = self.value_mut(anchor, Kind::List);
        let (newest, count) = (Address(entry::word(words, 0)), entry::word(words, 8));
        let newest = self.append_to_block(newest, value);
        let words = self.value_mut(anchor, Kind::List);
        entry::set_word(words, 0, newest.0);
        entry::set_word(words, 8, count + 1);
        new
    }

    /// Calls `visit` with each value of the list of `key`, oldest first. Returns how many there were.
    ///
    /// The values stay where they are until the table is changed, so references to them may be kept as long.
    ///
    /// Cost: O(bytes of the list), one cache miss a block; a list of more than 32 blocks allocates
    /// 8 bytes for each.
    ///
    /// # Panics
    ///
    /// If the key holds a single value.
    pub fn for_each_value<'a>(
        &'a self,
        hash: u64,
        key: &[u8],
        mut visit: impl FnMut(&'a [u8]),
    ) -> usize {
        let Some(anchor) = self.look_up(hash, key) else { return 0 };
        let (newest, count) = self.anchor(anchor);
        let mut few = [Address::NONE; 32];
        let mut filled = 0;
        let mut older = newest;
        while older != Address::NONE && filled < few.len() {
            few[filled] = older;
            filled += 1;
            older = self.block_before(older);
        }
        let mut many = Vec::new();
        while older != Address::NONE {
            many.push(older);
            older = self.block_before(older);
        }
        for block in many.into_iter().rev().chain(few[..filled].iter().copied().rev()) {
            self.log.prefetch(block);
            self.visit_block(block, &mut visit);
        }
        usize::try_from(count).expect("invariant: what is in memory can be counted")
    }

    /// Number of values in the list of `key`; 0 if there is none. Cost: as [`Table::get`].
    ///
    /// # Panics
    ///
    /// If the key holds a single value.
    #[must_use]
    pub fn count_values(&self, hash: u64, key: &[u8]) -> usize {
        let Some(anchor) = self.look_up(hash, key) else { return 0 };
        usize::try_from(self.anchor(anchor).1).expect("invariant: what is in memory can be counted")
    }

    /// Whether the key has a list.
    pub(crate) fn has_list(&self, hash: u64, key: &[u8]) -> bool {
        let found = self.look_up(hash, key);
        found.is_some_and(|anchor| self.log.header(anchor).kind() == Kind::List)
    }

    /// Says that the blocks of a list that was restored are live.
    pub(crate) fn revive_blocks(&mut self, anchor: Address) {
        let (mut block, _) = self.anchor(anchor);
        while block != Address::NONE {
            self.log.revive(block);
            block = self.block_before(block);
        }
    }

    /// Marks the blocks of a list's entry for release.
    pub(crate) fn doom_blocks(&mut self, anchor: Address) {
        let (newest, _) = self.anchor(anchor);
        if newest != Address::NONE {
            self.doomed.push(newest);
        }
    }

    /// Releases some blocks of removed lists, so that removing a long one is not a pause.
    pub(crate) fn release_some_blocks(&mut self) {
        for _ in 0..RELEASED_AT_ONCE {
            let Some(block) = self.doomed.pop() else { return };
            let before = self.block_before(block);
            self.log.release(block);
            if before != Address::NONE {
                self.doomed.push(before);
            }
        }
    }

    fn anchor(&self, address: Address) -> (Address, u64) {
        let bytes = self.log.at(address);
        let header = Header::read(bytes);
        expect_kind(header, Kind::List);
        let start = entry::value_offset(header.key_len(), self.value_align);
        (Address(entry::word(bytes, start)), entry::word(bytes, start + 8))
    }

    fn block_before(&self, block: Address) -> Address {
        Address(entry::second_word(self.log.at(block)))
    }

    /// Bytes that a value takes in a block: its length, then itself, both padded.
    fn item_bytes(&self, value_len: usize) -> usize {
        self.value_align + value_len.next_multiple_of(self.value_align)
    }

    /// Writes a value into the newest block, or into a new one before which it stands.
    fn append_to_block(&mut self, newest: Address, value: &[u8]) -> Address {
        let item = self.item_bytes(value.len());
        let mut capacity = 0;
        if newest != Address::NONE && self.log.make_mutable(newest) {
            let header = self.log.header(newest);
            capacity = size_class::bytes(header.class());
            let used = header.value_len();
            if entry::HEADER_BYTES + used + item <= capacity {
                header.with_value_len(used + item).write(self.log.at_mut(newest));
                self.write_item(newest, used, value);
                return newest;
            }
        }
        self.release_some_blocks();
        if newest != Address::NONE && capacity == 0 {
            let used = self.log.header(newest).value_len();
            if used <= MERGED_BYTES {
                return self.merge_block(newest, used, value);
            }
        }
        let wanted = (2 * capacity).min(MAX_BLOCK_BYTES).max(entry::HEADER_BYTES + item);
        let class = size_class::of(wanted);
        let block = self.log.allocate(class);
        let bytes = self.log.at_mut(block);
        Header::new(Kind::Block, class, 0, item).write(bytes);
        entry::set_second_word(bytes, newest.0);
        self.log.note_block(block);
        self.write_item(block, 0, value);
        block
    }

    /// Writes a value behind a copy of a frozen block, which is released.
    fn merge_block(&mut self, frozen: Address, used: usize, value: &[u8]) -> Address {
        let item = self.item_bytes(value.len());
        let class = size_class::of(entry::HEADER_BYTES + used + used.max(item));
        let block = self.log.allocate(class);
        self.log.copy_front(frozen, block, entry::HEADER_BYTES + used);
        Header::new(Kind::Block, class, 0, used + item).write(self.log.at_mut(block));
        self.log.note_block(block);
        self.write_item(block, used, value);
        self.log.release(frozen);
        block
    }

    fn write_item(&mut self, block: Address, used: usize, value: &[u8]) {
        let (align, item) = (self.value_align, self.item_bytes(value.len()));
        let bytes = &mut self.log.at_mut(block)[entry::HEADER_BYTES + used..][..item];
        bytes[..align].fill(0);
        entry::set_word(bytes, 0, value.len() as u64);
        bytes[align..align + value.len()].copy_from_slice(value);
        bytes[align + value.len()..].fill(0);
    }

    fn visit_block<'a>(&'a self, block: Address, visit: &mut impl FnMut(&'a [u8])) {
        let bytes = self.log.at(block);
        let mut items = &bytes[entry::HEADER_BYTES..][..Header::read(bytes).value_len()];
        while !items.is_empty() {
            let len =
                usize::try_from(entry::word(items, 0)).expect("invariant: the value is in memory");
            visit(&items[self.value_align..][..len]);
            items = &items[self.item_bytes(len)..];
        }
    }
}
