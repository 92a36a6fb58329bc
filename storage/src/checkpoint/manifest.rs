//! What a checkpoint consists of.
//!
//! The file's header is described in [`crate::format`]; its body, in order (`list` is a count and its elements, `text` and `bytes` a length and themselves):
//!
//! ```text
//! parent (8: epoch + 1, or 0 for none)   time (8)   key groups (4)
//! list of schemas:    operator (text) state (text) schema (bytes)
//! list of parts:
//!   worker (4)
//!   list of segments: number (8) generation (8) layout (8) capacity (8) end (8) extents (4) digest (4) sealed (4: 0 or 1)
//!   list of tables:   operator (text) state (text) number (4) layout (8) first key group (4) last key group (4)
//!                     value align (4) entries (8) bytes (8)
//!   list of positions: source (text) split (text) position (bytes)
//!   list of blobs:    operator (text) name (text) data (bytes)
//! ```

use std::path::{Path, PathBuf};

use super::code;
use crate::TableName;
use crate::format::Flaw;
use crate::io::{Bytes, DiskError};
use crate::segment::SegmentRef;

/// A checkpoint, whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// Its number; later ones have higher numbers.
    pub epoch: u64,
    /// The one it was made after; for statistics, since nothing of it is needed.
    pub parent: Option<u64>,
    /// When it was complete, nanoseconds since the Unix epoch, by the clock of who wrote it.
    pub time_ns: i64,
    /// How many key groups the job has; never changes in a job's life.
    pub key_groups: u32,
    /// Of what the states of all workers are made.
    pub schemas: Vec<SchemaRecord>,
    /// What each worker contributes.
    pub parts: Vec<Part>,
}

/// Of what keys and values of a state are made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SchemaRecord {
    /// The operator's name.
    pub operator: String,
    /// The state's name.
    pub state: String,
    /// Who wrote the state knows what it means.
    pub schema: Vec<u8>,
}

/// What one worker contributes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// Which worker it was.
    pub worker: u32,
    /// Files with its state; older ones first.
    pub segments: Vec<SegmentRef>,
    /// Whose state that is.
    pub tables: Vec<TableRecord>,
    /// How far its sources had got.
    pub positions: Vec<Position>,
    /// What its operators keep besides.
    pub blobs: Vec<Blob>,
}

/// A table of one worker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableRecord {
    /// The operator's name.
    pub operator: String,
    /// The state's name.
    pub state: String,
    /// What extents call the table. In one part, each table has one of its own; extents of a number that no table has are dead.
    pub number: u32,
    /// How its values are laid out.
    pub layout: u64,
    /// The first key group in it.
    pub first_key_group: u32,
    /// The last one.
    pub last_key_group: u32,
    /// Alignment of its values, bytes.
    pub value_align: u32,
    /// How many entries are live.
    pub entries: u64,
    /// How many bytes those have.
    pub bytes: u64,
}

/// How far a source had got in one of its splits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The source's name.
    pub source: String,
    /// The split's.
    pub split: String,
    /// The source knows what it means.
    pub position: Vec<u8>,
}

/// Something an operator keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blob {
    /// The operator's name.
    pub operator: String,
    /// What it calls this.
    pub name: String,
    /// The operator knows what it means.
    pub data: Vec<u8>,
}

/// Why a manifest cannot be read; says which file, and so what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// Its bytes are not what they should be; reading again will not help. Restore an older checkpoint.
    #[error("manifest \"{}\" cannot be used: {flaw}", path.display())]
    Unfit {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        flaw: Flaw,
    },
    /// The disk refused; the file may be whole.
    #[error("manifest \"{}\" cannot be read", path.display())]
    Disk {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: DiskError,
    },
}

impl ManifestError {
    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::Unfit { path, .. } | Self::Disk { path, .. } => path,
        }
    }
}

impl Manifest {
    /// Its name in the state directory.
    #[must_use]
    pub fn file_name(epoch: u64) -> String {
        format!("manifest-{epoch:016}")
    }

    /// The epoch whose manifest has that name; `None` if it is no name of one.
    #[must_use]
    pub fn of_file_name(name: &str) -> Option<u64> {
        let epoch = name.strip_prefix("manifest-")?.parse().ok()?;
        (Self::file_name(epoch) == name).then_some(epoch)
    }

    /// A state's tables, one of each worker that had it.
    pub fn tables_of(&self, name: &TableName) -> impl Iterator<Item = &TableRecord> {
        let tables = self.parts.iter().flat_map(|part| &part.tables);
        tables.filter(|table| (&table.operator, &table.state) == (&name.operator, &name.state))
    }

    /// Of what a state is made, if that is said.
    #[must_use]
    pub fn schema_of(&self, name: &TableName) -> Option<&SchemaRecord> {
        self.schemas.iter().find(|of| (&of.operator, &of.state) == (&name.operator, &name.state))
    }

    /// The file, to be published.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        code::encode(self).into()
    }

    /// Reads a file.
    ///
    /// # Errors
    ///
    /// It is no manifest, of another version, cut short or damaged; whatever the bytes are, nothing worse than that.
    pub fn decode(file: &[u8]) -> Result<Self, Flaw> {
        code::decode(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_has_one_name_and_names_sort_as_epochs_do() {
        for epoch in [0, 1, 9_999_999_999_999_999, u64::MAX] {
            assert_eq!(Manifest::of_file_name(&Manifest::file_name(epoch)), Some(epoch));
        }
        assert!(Manifest::file_name(9) < Manifest::file_name(10));
        for name in ["manifest-7", "manifest-0000000000000007.tmp", "00000007.seg", ""] {
            assert_eq!(Manifest::of_file_name(name), None, "{name}");
        }
    }
}
