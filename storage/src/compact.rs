//! Compaction: what is live in mostly dead chunks is copied to the tail, and the chunks are dropped.
//!
//! It is paid for by what dies: for each byte that dies in a frozen chunk, four are looked at in the oldest chunk of which half is dead, or three quarters are dead or unused. So it
//! keeps up whatever is written, no operation waits for more than a few entries, and when it happens depends on operations alone. At least half of the memory of frozen chunks is live, but for
//! those that are waiting.
//!
//! While a part of a restored table is asleep ([`crate::dormant`]) nothing is compacted: each time that something is owed the next partition is woken.
//!
//! # Not here
//!
//! Blocks of lists are not moved, since what leads to a block is not known from it: a chunk with a live one stays until the list is gone.

use crate::Table;
use crate::log::Address;
use crate::log::entry::{self, Kind};

/// Entries that are looked up together.
const GROUP: usize = 16;

/// Bytes of entries that are looked at together, unless one alone is longer.
const GROUP_BYTES: usize = 16 << 10;

/// Debt that is worth looking for a victim, bytes.
const GRAIN_BYTES: usize = 1 << 10;

impl Table {
    /// Looks at as much as is owed. Entries that are open stay where they are, and places in the index stay good.
    #[inline]
    pub(crate) fn compact_owed(&mut self) {
        if self.log.owed >= GRAIN_BYTES {
            self.compact_some();
        }
    }

    #[cold]
    fn compact_some(&mut self) {
        // What is asleep would be taken for dead, so a part of it is woken instead.
        if self.dormant.is_some() {
            self.wake_next();
            self.log.owed = 0;
            return;
        }
        while self.log.owed >= GRAIN_BYTES {
            let looked_at = self.compact_group();
            if looked_at == 0 {
                self.log.owed = 0;
                return;
            }
            self.log.owed = self.log.owed.saturating_sub(looked_at);
        }
    }

    /// Copies what is live in the next few entries of a victim. How many bytes it looked at; 0 if there is no victim.
    fn compact_group(&mut self) -> usize {
        let Some(victim) = self.log.victim() else { return 0 };
        if self.compacting.0 != victim.1 {
            self.compacting = (victim.1, 0);
        }
        let start = self.compacting.1;
        let mut group = [(Address::NONE, 0); GROUP];
        let (mut filled, mut at, mut is_through) = (0, start, false);
        while filled < GROUP && at - start < GROUP_BYTES {
            let Some((address, header)) = self.log.entry_of(victim, at) else {
                is_through = true;
                break;
            };
            at += crate::log::size_class::bytes(header.class());
            if matches!(header.kind(), Kind::Single | Kind::List) {
                let hash = entry::second_word(self.log.at(address));
                self.index.prefetch(hash);
                group[filled] = (address, hash);
                filled += 1;
            }
        }
        self.compacting.1 = at;
        for (address, hash) in &group[..filled] {
            if let Some((place, _)) = self.index.find(*hash, |found| found == *address) {
                let class = self.log.header(*address).class();
                let copy = self.log.allocate(class);
                self.log.copy(*address, copy);
                self.index.redirect(place, copy);
                self.log.release(*address);
            }
        }
        if is_through {
            self.log.finish_victim(victim);
        }
        (at - start).max(1)
    }

    /// Compacts whatever is to be compacted, about `budget_bytes` of it. `true` if there is more. For idle times: operations do it too.
    pub fn maintain(&mut self, budget_bytes: usize) -> bool {
        if self.dormant.is_some() {
            self.wake_next();
            return true;
        }
        self.log.owed = self.log.owed.max(budget_bytes);
        self.compact_owed();
        self.log.victim().is_some()
    }
}
