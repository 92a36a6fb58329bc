//! Walking over a table in pieces, in an order that is the same in every run.
//!
//! A cursor is a position in the log. So it borrows nothing, may rest while the table is used, and
//! costs no memory; entries come in the order of their addresses, which is the order of insertion as
//! long as nothing was removed (later entries take the places of dead ones of their size).

use crate::Table;
use crate::log::entry::{self, Header, Kind};
use crate::log::{Address, Position};

/// A position in a [`Table`]; the default is its beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    from: Position,
}

impl Table {
    /// The next entry, `(hash, key, value)`, and the cursor moves behind it; `None` at the end.
    ///
    /// An entry that stays where it is, which includes every change that keeps the length of its
    /// value, is met exactly once. One whose value outgrows its entry meanwhile may be met twice or not at all; one
    /// inserted meanwhile may be met. After a freeze, one that is changed for the first time moves behind all others, and may be met twice if that happens in the midst of a walk. After [`Table::clear`], start with a new cursor.
    /// The value of a list is empty here: read it with [`Table::for_each_value`].
    ///
    /// Cost: O(1) and sequential memory; a few nanoseconds for each dead entry on the way, for
    /// which [`Table::scan`] has a bound.
    pub fn next(&self, cursor: &mut Cursor) -> Option<(u64, &[u8], &[u8])> {
        loop {
            let (address, header) = self.step(cursor)?;
            if self.is_live(address, header) {
                return Some(self.entry(address, header));
            }
        }
    }

    /// Visits the next entries, as [`Table::next`] would give them, passing at most `limit` places
    /// dead or alive. `true` if there may be more.
    pub fn scan(
        &self,
        cursor: &mut Cursor,
        limit: usize,
        mut visit: impl FnMut(u64, &[u8], &[u8]),
    ) -> bool {
        for _ in 0..limit {
            let Some((address, header)) = self.step(cursor) else { return false };
            if self.is_live(address, header) {
                let (hash, key, value) = self.entry(address, header);
                visit(hash, key, value);
            }
        }
        true
    }

    /// The next place in the log, whatever is there.
    fn step(&self, cursor: &mut Cursor) -> Option<(Address, Header)> {
        self.log.entry_from(&mut cursor.from)
    }

    fn is_live(&self, address: Address, header: Header) -> bool {
        match header.kind() {
            Kind::Dead | Kind::Block => false,
            // What is dead and mutable is marked; a frozen entry cannot be, so the index decides.
            Kind::Single | Kind::List => {
                self.log.is_mutable(address) || {
                    let hash = entry::second_word(self.log.at(address));
                    let is_asleep = self.dormant.as_ref().filter(|dormant| dormant.is_asleep(hash));
                    is_asleep.is_some_and(|dormant| dormant.has(address))
                        || self.index.find(hash, |found| found == address).is_some()
                }
            }
        }
    }

    fn entry(&self, address: Address, header: Header) -> (u64, &[u8], &[u8]) {
        let bytes = self.log.at(address);
        let start = entry::value_offset(header.key_len(), self.value_align);
        let len = if header.kind() == Kind::List { 0 } else { header.value_len() };
        (entry::second_word(bytes), entry::key(bytes, header), &bytes[start..start + len])
    }
}
