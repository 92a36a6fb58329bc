//! Reads the states of a savepoint, by its schemas or as types of one's own.

use std::path::Path;

use thalweg_storage::TableName;
use thalweg_storage::checkpoint::Position;
use thalweg_storage::io::{self, Disk};
use thalweg_storage::savepoint::{Contents, Entry, SavepointError};

use super::entry::StateEntry;
use super::error::ReadError;
use super::keys;
use crate::checkpoint::schema_in;
use crate::record::{Decoder, Form, Key, Record, StateSchema, Value};
use crate::time::EventTime;

/// A state of a savepoint.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StateSummary {
    /// The operator's name.
    pub operator: String,
    /// The state's name.
    pub state: String,
    /// How many keys it has, of each pane.
    pub entries: u64,
    /// How many bytes those have.
    pub bytes: u64,
    /// Of what types it is, if it is said.
    pub schema: Option<StateSchema>,
}

/// A savepoint that is looked into. What it holds is in memory, as a whole.
#[derive(Debug)]
pub struct SavepointReader {
    contents: Contents,
}

impl SavepointReader {
    /// Opens the savepoint in `folder`, and checks every byte of its state. Waits for the disk.
    ///
    /// # Errors
    ///
    /// There is none, it is not whole, or it cannot be read.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, SavepointError> {
        Self::open_on(&mut *io::open(), folder.as_ref())
    }

    /// As [`Self::open`], on a disk of one's own.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn open_on(disk: &mut dyn Disk, folder: &Path) -> Result<Self, SavepointError> {
        Ok(Self { contents: Contents::open(disk, folder)? })
    }

    /// The number of the checkpoint that it is.
    pub fn epoch(&self) -> u64 {
        self.contents.manifest().epoch
    }

    /// How far the sources were.
    pub fn positions(&self) -> impl Iterator<Item = &Position> {
        self.contents.manifest().parts.iter().flat_map(|part| &part.positions)
    }

    /// The states, by name.
    pub fn states(&self) -> impl Iterator<Item = StateSummary> {
        self.contents.states().map(|info| StateSummary {
            operator: info.name.operator.clone(),
            state: info.name.state.clone(),
            entries: info.entries,
            bytes: info.bytes,
            schema: schema_in(self.contents.manifest(), &info.name),
        })
    }

    /// Shows the entries of a state, keys and values read by the schema that is stored with them, in an order that is the same each time.
    ///
    /// # Errors
    ///
    /// [`ReadError::NoState`], [`ReadError::NotDescribed`], [`ReadError::Entry`].
    pub fn for_each(
        &self,
        operator: &str,
        state: &str,
        mut each: impl FnMut(StateEntry),
    ) -> Result<(), ReadError> {
        let schema = self.described(operator, state)?;
        let decoder = schema.value.as_ref().map(Decoder::new);
        self.visit(operator, state, |entry| {
            let (form, deadline) = (schema.form, deadline(schema.form, &entry));
            let key = keys::decode(&schema.key, entry.key);
            let value = value_of(form, decoder.as_ref(), entry.value)?;
            each(StateEntry {
                key: key.unwrap_or_else(|| keys::digits(entry.key)),
                pane: entry.pane,
                deadline,
                item: entry.item,
                time: form.time(entry.value).map(EventTime::from_nanos),
                value,
            });
            Some(())
        })
    }

    /// The keys and values of a state, as values of these types or of newer versions of theirs; a list gives its key with each item.
    ///
    /// # Errors
    ///
    /// As of [`Self::for_each`]; [`ReadError::OtherTypes`].
    pub fn values<K: Key, V: Record>(
        &self,
        operator: &str,
        state: &str,
    ) -> Result<Vec<(K, V)>, ReadError> {
        let schema = self.described(operator, state)?;
        let other = |message| {
            let (operator, state) = (operator.to_owned(), state.to_owned());
            ReadError::OtherTypes { operator, state, message }
        };
        let (key, value) = (K::field_type(), Some(V::field_type()));
        let wanted = StateSchema { form: schema.form, key, value };
        wanted.reads(&schema).map_err(other)?;
        let decoder = schema.value.as_ref().map(Decoder::new);
        let mut found = Vec::new();
        self.visit(operator, state, |entry| {
            let key = K::from_value(keys::decode(&schema.key, entry.key)?).ok()?;
            let value = value_of(schema.form, decoder.as_ref(), entry.value)??;
            found.push((key, V::from_value(value).ok()?));
            Some(())
        })?;
        Ok(found)
    }

    fn described(&self, operator: &str, state: &str) -> Result<StateSchema, ReadError> {
        let name = TableName::new(operator, state);
        let (operator, state) = (operator.to_owned(), state.to_owned());
        if !self.contents.states().any(|info| info.name == name) {
            return Err(ReadError::NoState { operator, state });
        }
        let schema = schema_in(self.contents.manifest(), &name);
        schema.ok_or(ReadError::NotDescribed { operator, state })
    }

    /// Shows entries until one cannot be read.
    fn visit(
        &self,
        operator: &str,
        state: &str,
        mut each: impl FnMut(Entry<'_>) -> Option<()>,
    ) -> Result<(), ReadError> {
        let mut is_well = true;
        self.contents.for_each(&TableName::new(operator, state), |entry| {
            is_well = is_well && each(entry).is_some();
        });
        let (operator, state) = (operator.to_owned(), state.to_owned());
        if is_well { Ok(()) } else { Err(ReadError::Entry { operator, state }) }
    }
}

/// The value in a value of the table; `None` if it is not what it should be.
#[expect(clippy::option_option, reason = "that there is none is not that it cannot be read")]
fn value_of(form: Form, decoder: Option<&Decoder>, bytes: &[u8]) -> Option<Option<Value>> {
    let decoder = decoder.filter(|_| form != Form::Directory);
    let Some(decoder) = decoder else { return Some(None) };
    Some(Some(decoder.read(&bytes[form.archive(bytes)?]).ok()?))
}

/// When an entry expires.
fn deadline(form: Form, entry: &Entry<'_>) -> Option<i64> {
    let of_item = || entry.value.first_chunk().map(|until| i64::from_le_bytes(*until));
    match form {
        Form::ListsOfCells => of_item().filter(|until| *until < i64::MAX),
        _ => entry.deadline,
    }
}
