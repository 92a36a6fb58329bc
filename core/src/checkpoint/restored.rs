//! A checkpoint that a job goes on from, as operators and sources see it.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::DeserializeOwned;
use thalweg_storage::TableName;
use thalweg_storage::checkpoint::{Blob, Manifest, Position};

use super::declared::{Declared, schema_in};
use crate::error::{BuildError, OperatorFault};
use crate::record::{FieldType, Form, StateSchema};
use crate::time::EventTime;

/// A checkpoint that a job goes on from.
#[derive(Debug, Default)]
pub(crate) struct Restored {
    manifest: Manifest,
    /// State that is to go.
    retired: BTreeSet<TableName>,
}

/// What is retired of a source that is gone.
const POSITIONS: &str = "positions";

/// A note that cannot be read: another version of the operator has written it.
#[derive(Debug, thiserror::Error)]
#[error(
    "the checkpoint's note {name:?} of operator {operator:?} cannot be read: it is {text}; was another operator given this name? give it one of its own"
)]
struct NoteError {
    operator: String,
    name: String,
    text: String,
    source: sonic_rs::Error,
}

impl Restored {
    /// `retired`: state in it that the job does not want any more.
    pub(crate) fn new(manifest: Manifest, retired: BTreeSet<TableName>) -> Self {
        Self { manifest, retired }
    }

    /// State in it that is to go.
    pub(crate) fn retired(&self) -> impl Iterator<Item = &TableName> {
        self.retired.iter()
    }

    /// Whether the checkpoint has anything in the table.
    pub(crate) fn holds(&self, name: &TableName) -> bool {
        self.manifest.tables_of(name).any(|table| table.entries > 0)
    }

    /// How keys and values lie in the table, if the checkpoint has it.
    pub(crate) fn state(&self, name: &TableName) -> Option<Declared> {
        let mut found = self.manifest.tables_of(name);
        let table = found.next().filter(|_| !self.retired.contains(name))?;
        let schema = schema_in(&self.manifest, name).unwrap_or_else(|| StateSchema {
            form: Form::Archives,
            key: FieldType::Tuple(Vec::new()),
            value: None,
        });
        Some(Declared { layout: table.layout, schema })
    }

    /// What the checkpoint has and the job does not: state without a table, positions without a source.
    pub(crate) fn unclaimed(
        &self,
        has_state: impl Fn(&TableName) -> bool,
        has_source: impl Fn(&str) -> bool,
    ) -> Vec<BuildError> {
        let parts = || self.manifest.parts.iter();
        let tables = parts().flat_map(|part| &part.tables);
        let mut names: BTreeSet<TableName> = tables
            .filter(|table| table.entries > 0)
            .map(|table| TableName::new(&table.operator, &table.state))
            .filter(|name| !has_state(name))
            .collect();
        let positions = parts().flat_map(|part| &part.positions);
        names.extend(
            positions
                .filter(|position| !has_source(&position.source))
                .map(|position| TableName::new(&position.source, POSITIONS)),
        );
        let left = names.into_iter().filter(|name| !self.retired.contains(name));
        left.map(|TableName { operator, state }| BuildError::Unclaimed { operator, state })
            .collect()
    }

    fn blobs(&self, operator: &str, name: &str) -> impl Iterator<Item = &Blob> {
        let parts = self.manifest.parts.iter();
        let blobs = parts.flat_map(|part| &part.blobs);
        blobs.filter(move |blob| blob.operator == operator && blob.name == name)
    }

    /// What the operator's tasks noted under a name, those of each worker in turn.
    pub(crate) fn notes<T: DeserializeOwned>(
        &self,
        operator: &str,
        name: &str,
    ) -> Result<Vec<T>, OperatorFault> {
        let read = |blob: &Blob| {
            sonic_rs::from_slice(&blob.data).map_err(|source| {
                let (operator, name) = (operator.to_owned(), name.to_owned());
                let text = String::from_utf8_lossy(&blob.data).into_owned();
                NoteError { operator, name, text, source }.into()
            })
        };
        self.blobs(operator, name).map(read).collect()
    }

    /// How far the source's splits were.
    pub(crate) fn positions(&self, source: &str) -> impl Iterator<Item = &Position> {
        let parts = self.manifest.parts.iter();
        parts.flat_map(|part| &part.positions).filter(move |position| position.source == source)
    }
}

/// What an operator goes on from.
pub struct Resuming<'a> {
    operator: &'a str,
    watermark: EventTime,
    restored: &'a Restored,
}

impl fmt::Debug for Resuming<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operator, watermark, .. } = self;
        f.debug_struct("Resuming")
            .field("operator", operator)
            .field("watermark", watermark)
            .finish_non_exhaustive()
    }
}

impl<'a> Resuming<'a> {
    pub(crate) fn new(operator: &'a str, watermark: EventTime, restored: &'a Restored) -> Self {
        Self { operator, watermark, restored }
    }

    /// The merged event time of the operator's inputs at the barrier; what was late by it is late.
    pub fn watermark(&self) -> EventTime {
        self.watermark
    }

    /// What the operator noted under `name`: one for each worker that had something. There may be more or fewer workers now.
    ///
    /// # Errors
    ///
    /// If it is no `T`.
    pub fn notes<T: DeserializeOwned>(&self, name: &str) -> Result<Vec<T>, OperatorFault> {
        self.restored.notes(self.operator, name)
    }
}

#[cfg(test)]
mod tests {
    use thalweg_storage::checkpoint::Part;

    use super::*;
    use crate::error::error_chain;

    #[test]
    fn a_note_of_another_operator_is_shown_with_what_stands_against_it() {
        let blob =
            Blob { operator: "hourly".into(), name: "watermark".into(), data: b"[1]".to_vec() };
        let parts = vec![Part { blobs: vec![blob], ..Part::default() }];
        let manifest = Manifest { parts, ..Manifest::default() };
        let restored = Restored::new(manifest, BTreeSet::new());
        let resuming = Resuming::new("hourly", EventTime::MIN, &restored);
        assert_eq!(resuming.notes::<Vec<u64>>("watermark").unwrap(), [[1]]);
        let error = resuming.notes::<u64>("watermark").unwrap_err();
        assert_eq!(
            error_chain(&*error),
            "the checkpoint's note \"watermark\" of operator \"hourly\" cannot be read: it is [1]; \
             was another operator given this name? give it one of its own: \
             invalid type: sequence, expected u64 at line 1 column 3"
        );
    }
}
