//! [`StateSchema`]: of what types the keys and values of a state are, and how they lie in its table. It is stored with every checkpoint.

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::json_depth::is_deeper;
use super::schema::FieldType;

/// Brackets that may be open at once in a schema: of records in records it has four for each level, of lists in lists one. Reading, hashing and dropping it take the stack as often. (sonic-rs may refuse
/// less.)
const MAX_DEPTH: usize = 512;

/// How a state lies in its table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateSchema {
    /// How what is in the table is made of values.
    pub form: Form,
    /// The type of the keys. In the table they may have something of the engine's beside them: the number of a slot, a timer's name, a map's key.
    pub key: FieldType,
    /// The type of the values; of a map's directory, of its keys; none of bare deadlines.
    pub value: Option<FieldType>,
}

/// How what is in a table is made of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Form {
    /// An archive for each key.
    Archives,
    /// An archive for each key and pane.
    ArchivesInPanes,
    /// An archive for each key, behind so many bytes of the engine's.
    Cells {
        /// How many bytes.
        prefix: u64,
        /// Whether they have deadlines.
        expires: bool,
    },
    /// A list for each key, of archives behind the time at which they expire (8 bytes).
    ListsOfCells,
    /// An archive for each key, padded to 8 bytes, its event time (8) and the number of padding bytes (8).
    Records,
    /// A list of such for each key.
    ListsOfRecords,
    /// A list of such for each key and pane.
    ListsOfRecordsInPanes,
    /// The keys of maps, as bytes, by number.
    Directory,
    /// A deadline for each key, and nothing else.
    Deadlines,
}

/// Bytes behind a padded archive: event time and number of padding bytes.
pub(crate) const TRAILER_BYTES: usize = 16;

impl StateSchema {
    /// A fingerprint of it; bytes written under one hash may be read under the same hash only.
    #[must_use]
    pub fn layout_hash(&self) -> u64 {
        let value = self.value.as_ref().map(FieldType::layout_hash);
        keyed_hash(self.key.layout_hash(), self.form.hash(value))
    }

    /// As it is stored, beside the state.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        sonic_rs::to_vec(self).expect("invariant: a schema has a form in JSON")
    }

    /// Reads what was stored; `None` if it is something else.
    pub(crate) fn of_json(stored: &[u8]) -> Option<Self> {
        if is_deeper(stored, MAX_DEPTH) {
            return None;
        }
        sonic_rs::from_slice(stored).ok()
    }

    /// Whether what was stored as `old` can be made what this says.
    ///
    /// # Errors
    ///
    /// What stands against it, as a sentence.
    pub fn reads(&self, old: &Self) -> Result<(), String> {
        let changed = |what: &str, old: &FieldType, new: &FieldType| {
            Err(format!("its {what} were `{old}` and are `{new}` now"))
        };
        if self.form != old.form {
            return Err(format!("it was {} and is {} now", old.form, self.form));
        }
        if self.key.layout_hash() != old.key.layout_hash() {
            return changed("keys", &old.key, &self.key);
        }
        match (&self.value, &old.value) {
            (None, None) => Ok(()),
            (Some(new), Some(old)) if self.form == Form::Directory => {
                match new.layout_hash() == old.layout_hash() {
                    true => Ok(()),
                    false => changed("maps' keys", old, new),
                }
            }
            (Some(new), Some(old)) => new.reads(old).map_err(|found| found.to_string()),
            (Some(new), None) => Err(format!("it had no values and has `{new}` now")),
            (None, Some(old)) => Err(format!("its values were `{old}` and it has none now")),
        }
    }
}

/// The hash of a table by keys of one layout, whose content has another.
pub(crate) fn keyed_hash(key: u64, content: u64) -> u64 {
    hash("keyed", &[key, content])
}

fn hash(kind: &str, parts: &[u64]) -> u64 {
    let mut bytes = kind.as_bytes().to_vec();
    parts.iter().for_each(|part| bytes.extend_from_slice(&part.to_le_bytes()));
    xxh3_64(&bytes)
}

impl Form {
    /// The hash of a table's content with values of one layout.
    pub(crate) fn hash(self, value: Option<u64>) -> u64 {
        let (kind, detail) = match self {
            Self::Archives => ("archives", 0),
            Self::ArchivesInPanes => ("archives in panes", 0),
            Self::Cells { prefix, expires } => ("cells", prefix * 2 + u64::from(expires)),
            Self::ListsOfCells => ("lists of cells", 0),
            Self::Records => ("records", 0),
            Self::ListsOfRecords => ("lists of records", 0),
            Self::ListsOfRecordsInPanes => ("lists of records in panes", 0),
            Self::Directory => ("directory", 0),
            Self::Deadlines => ("deadlines", 0),
        };
        hash(kind, &[detail, value.unwrap_or(0)])
    }

    /// Whether each key has a list.
    pub(crate) fn is_list(self) -> bool {
        matches!(self, Self::ListsOfCells | Self::ListsOfRecords | Self::ListsOfRecordsInPanes)
    }

    /// Where in a value of the table, or an item of a list, the archive is; `None` if there is none.
    pub(crate) fn archive(self, value: &[u8]) -> Option<Range<usize>> {
        let end = value.len();
        match self {
            Self::Archives | Self::ArchivesInPanes => Some(0..end),
            Self::Cells { prefix, .. } => {
                Some(usize::try_from(prefix).ok().filter(|prefix| *prefix <= end)?..end)
            }
            Self::ListsOfCells => (end >= 8).then_some(8..end),
            Self::Records | Self::ListsOfRecords | Self::ListsOfRecordsInPanes => {
                let padded = end.checked_sub(TRAILER_BYTES)?;
                // Fewer than 8: the lowest byte has it all.
                let padding = usize::from(value[padded + 8]);
                Some(0..padded.checked_sub(padding)?)
            }
            Self::Directory | Self::Deadlines => None,
        }
    }

    /// The event time beside an archive.
    pub(crate) fn time(self, value: &[u8]) -> Option<i64> {
        match self {
            Self::Records | Self::ListsOfRecords | Self::ListsOfRecordsInPanes => {
                let trailer = value.get(value.len().checked_sub(TRAILER_BYTES)?..)?;
                Some(i64::from_le_bytes(*trailer.first_chunk()?))
            }
            _ => None,
        }
    }

    /// Appends a value of the table to `into`: as `old`, of which `archive` took the place of the archive.
    pub(crate) fn put(self, old: &[u8], archive: &[u8], into: &mut Vec<u8>) {
        match self {
            Self::Records | Self::ListsOfRecords | Self::ListsOfRecordsInPanes => {
                let at = self.time(old).unwrap_or_default();
                put_record(archive, at, into);
            }
            _ => {
                let start = self.archive(old).map_or(0, |range| range.start);
                into.extend_from_slice(&old[..start]);
                into.extend_from_slice(archive);
            }
        }
    }
}

/// Appends an archive with its event time, as [`Form::Records`] says.
#[inline]
pub(crate) fn put_record(archive: &[u8], at: i64, into: &mut Vec<u8>) {
    let padding = archive.len().wrapping_neg() % 8;
    into.extend_from_slice(archive);
    into.resize(into.len() + padding, 0);
    into.extend_from_slice(&at.to_le_bytes());
    into.extend_from_slice(&(padding as u64).to_le_bytes());
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Archives => "a value for each key",
            Self::ArchivesInPanes => "a value for each key and pane",
            Self::Cells { expires: false, .. } => "values that stay",
            Self::Cells { expires: true, .. } => "values that expire",
            Self::ListsOfCells => "a list for each key",
            Self::Records => "a record for each key",
            Self::ListsOfRecords => "a list of records for each key",
            Self::ListsOfRecordsInPanes => "a list of records for each key and pane",
            Self::Directory => "the keys of maps",
            Self::Deadlines => "deadlines",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Field as _, Str};

    fn nested(levels: usize) -> Vec<u8> {
        let (open, close) = ("{\"List\":".repeat(levels), "}".repeat(levels));
        let schema = format!(r#"{{"form":"Archives","key":"Str","value":{open}"Str"{close}}}"#);
        schema.into_bytes()
    }

    /// 100 kB of brackets in a manifest ended the process that read it: the stack was used up.
    #[test]
    fn a_schema_that_is_nested_without_end_is_none() {
        assert!(StateSchema::of_json(&nested(MAX_DEPTH)).is_none());
        assert!(StateSchema::of_json(&nested(100_000)).is_none());
        let deep = StateSchema::of_json(&nested(60)).unwrap();
        assert_eq!(StateSchema::of_json(&deep.to_json()), Some(deep.clone()));
        let _ = (deep.layout_hash(), crate::record::Decoder::new(deep.value.as_ref().unwrap()));
    }

    fn schema(form: Form, key: FieldType, value: Option<FieldType>) -> StateSchema {
        StateSchema { form, key, value }
    }

    #[test]
    fn what_cannot_be_read_any_more_is_said_in_a_sentence() {
        let (number, text) = (u64::field_type, Str::field_type);
        let old = schema(Form::Archives, number(), Some(number()));
        let said = |new: StateSchema| new.reads(&old).unwrap_err();
        assert_eq!(
            said(schema(Form::ListsOfCells, number(), Some(number()))),
            "it was a value for each key and is a list for each key now"
        );
        assert_eq!(
            said(schema(Form::Archives, text(), Some(number()))),
            "its keys were `u64` and are `Str` now"
        );
        assert_eq!(
            said(schema(Form::Archives, number(), Some(text()))),
            "its values were `u64` and are `Str` now"
        );
        let bare = schema(Form::Archives, number(), None);
        assert_eq!(said(bare.clone()), "its values were `u64` and it has none now");
        assert_eq!(old.reads(&bare).unwrap_err(), "it had no values and has `u64` now");
        let maps = |key| schema(Form::Directory, number(), Some(key));
        assert_eq!(
            maps(text()).reads(&maps(number())).unwrap_err(),
            "its maps' keys were `u64` and are `Str` now"
        );
        assert_eq!(old.reads(&old), Ok(()));
    }
}
