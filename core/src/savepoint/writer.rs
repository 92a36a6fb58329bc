//! Makes a savepoint from values.

use std::path::Path;

use thalweg_storage::TableName;
use thalweg_storage::checkpoint::Position;
use thalweg_storage::io::{self, Disk};
use thalweg_storage::savepoint::{Bootstrap, Entry, Kind, make_folder};

use super::error::WriteError;
use crate::raw::scratch::Scratch;
use crate::record::{Form, KEY_GROUPS, Key, KeyRef, KeyScratch, Record, StateSchema};

/// A savepoint in the making; all of it is in memory until it is [written](Self::write).
#[derive(Debug)]
pub struct SavepointWriter {
    bootstrap: Bootstrap,
}

impl Default for SavepointWriter {
    fn default() -> Self {
        Self::new()
    }
}

impl SavepointWriter {
    /// An empty one.
    pub fn new() -> Self {
        Self { bootstrap: Bootstrap::new(u32::from(KEY_GROUPS)) }
    }

    /// Gives a state these values; may be called again for more. How they lie has to be what the job that is to begin with them asks for; what its states are called and how they lie
    /// is in any savepoint of it:
    ///
    /// | state | | form |
    /// |---|---|---|
    /// | of `filter_map_with_state` and its like | `"value"` | [`Form::Archives`] |
    /// | of a process function, a `Value<T>` | the field's name | [`Form::Cells`] `{ prefix: 0, expires: false }` |
    /// | of a process function, a `List<T>` | the field's name | [`Form::ListsOfCells`]: each value goes to the end of its key's list |
    ///
    /// # Errors
    ///
    /// [`WriteError::Form`] for any other form; [`WriteError::Store`].
    pub fn values<K: Key + KeyRef, V: Record>(
        &mut self,
        operator: &str,
        state: &str,
        form: Form,
        values: impl IntoIterator<Item = (K, V)>,
    ) -> Result<(), WriteError> {
        let is_list = match form {
            Form::Archives | Form::Cells { prefix: 0, expires: false } => false,
            Form::ListsOfCells => true,
            _ => {
                let (operator, state) = (operator.to_owned(), state.to_owned());
                return Err(WriteError::Form { operator, state, form });
            }
        };
        let name = TableName::new(operator, state);
        let schema = StateSchema { form, key: K::field_type(), value: Some(V::field_type()) };
        self.bootstrap.describe(&name, schema.layout_hash(), schema.to_json());
        let (mut key_bytes, mut scratch, mut bytes) =
            (KeyScratch::new(), Scratch::<V>::default(), Vec::new());
        for (key, value) in values {
            bytes.clear();
            if is_list {
                // It never expires.
                bytes.extend_from_slice(&i64::MAX.to_le_bytes());
            }
            bytes.extend_from_slice(scratch.archive(&value).archive());
            let entry = Entry {
                hash: key.hash().0,
                key: key.bytes(&mut key_bytes),
                pane: None,
                deadline: None,
                item: is_list.then_some(0),
                value: &bytes,
            };
            self.bootstrap.add(&name, Kind::Table, entry)?;
        }
        Ok(())
    }

    /// Says how far a source is in one of its splits, as a savepoint of the job has it; a split that nothing is said of is read from its beginning.
    pub fn position(&mut self, position: Position) {
        self.bootstrap.position(position);
    }

    /// Writes it as the savepoint `folder`, which is made, or there and empty. How many bytes it has. Waits for the disk.
    ///
    /// # Errors
    ///
    /// [`WriteError::Storage`].
    pub fn write(self, folder: impl AsRef<Path>) -> Result<u64, WriteError> {
        make_folder(folder.as_ref())?;
        self.write_to(&mut *io::open(), folder.as_ref())
    }

    /// As [`Self::write`], on a disk of one's own, where the folder is there.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn write_to(self, disk: &mut dyn Disk, folder: &Path) -> Result<u64, WriteError> {
        Ok(self.bootstrap.write(disk, folder)?)
    }
}
