//! What a store and its tables can be told.

use std::fmt;

/// Settings of one core's store.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct StoreConfig {
    /// Memory to have ready at start, bytes, in populated huge pages; rounded up to 2 MiB. Default 0.
    ///
    /// A table that grows takes 2 MiB at a time. From here they cost nothing; from the kernel each
    /// costs its zeroing, and under a hypervisor 5 ms (measured). Indexes do not draw on it: for tables
    /// that must never pause, set [`TableConfig::expected_keys`] too. With both, the longest of 3 M insertions
    /// into an empty table took 0.7 ms, without 10 ms.
    pub reserve_bytes: usize,
    /// A chunk of memory of which no more than this is used is copied when it is frozen, and written in place after; any other is shared with whoever writes the
    /// checkpoint, and entries in it are copied when they are first changed. Default 16 KiB, which is copied in less than a microsecond.
    pub copied_bytes: usize,
    /// Memory that the tables of this core may hold, bytes, indexes included. Default 0: whatever they need.
    ///
    /// Beyond it, the oldest chunks that a checkpoint has made durable are let go of, and entries in them are read from the maps of its files; a key that is written comes back to memory, at
    /// the tail. So what is written to is in memory, and what is not is in the page cache, or, if that has no room for it either, on disk. An index cannot be let go of: 9 to 24 bytes a key. Nor
    /// can what was written since the last checkpoint, so the bound is passed by what one interval writes, and it does nothing without checkpoints.
    pub resident_bytes: usize,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self { reserve_bytes: 0, copied_bytes: 16 << 10, resident_bytes: 0 }
    }
}

impl StoreConfig {
    /// The same with [`StoreConfig::resident_bytes`].
    #[must_use]
    pub fn resident_bytes(mut self, resident_bytes: usize) -> Self {
        self.resident_bytes = resident_bytes;
        self
    }

    /// The same with [`StoreConfig::copied_bytes`].
    #[must_use]
    pub fn copied_bytes(mut self, copied_bytes: usize) -> Self {
        self.copied_bytes = copied_bytes;
        self
    }

    /// The same with [`StoreConfig::reserve_bytes`].
    #[must_use]
    pub fn reserve_bytes(mut self, reserve_bytes: usize) -> Self {
        self.reserve_bytes = reserve_bytes;
        self
    }
}

/// Settings of one table.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct TableConfig {
    /// Alignment of the first byte of every value, bytes: 8 (the default) or 16.
    pub value_align: usize,
    /// The index is made for that many keys at once, populated, and need not grow until there are
    /// more. Default 0: as small as can be.
    pub expected_keys: usize,
    /// Every worker has the whole of it, as of broadcast state: a restore gives each worker what the first one had. Default `false`: keys are dealt by their hash.
    pub is_copied: bool,
}

impl Default for TableConfig {
    fn default() -> Self {
        Self { value_align: 8, expected_keys: 0, is_copied: false }
    }
}

impl TableConfig {
    /// The same with [`TableConfig::value_align`].
    #[must_use]
    pub fn value_align(mut self, value_align: usize) -> Self {
        self.value_align = value_align;
        self
    }

    /// The same with [`TableConfig::is_copied`].
    #[must_use]
    pub fn is_copied(mut self, is_copied: bool) -> Self {
        self.is_copied = is_copied;
        self
    }

    /// The same with [`TableConfig::expected_keys`].
    #[must_use]
    pub fn expected_keys(mut self, expected_keys: usize) -> Self {
        self.expected_keys = expected_keys;
        self
    }
}

/// Address of a table: what a checkpoint finds it by, so it is chosen by the user and stays.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableName {
    /// Name of the operator.
    pub operator: String,
    /// Name of the state within the operator.
    pub state: String,
}

impl TableName {
    /// The name of `state` of `operator`.
    pub fn new(operator: impl Into<String>, state: impl Into<String>) -> Self {
        Self { operator: operator.into(), state: state.into() }
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.operator, self.state)
    }
}
