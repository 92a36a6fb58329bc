//! What is not read or written, in the very words.

use std::path::Path;

use thalweg_storage::TableName;
use thalweg_storage::io::Memory;
use thalweg_storage::savepoint::{Bootstrap, Entry, Kind};

use super::*;
use crate::record::{Field as _, FieldType, Form, KEY_GROUPS, StateSchema, Str};

/// A savepoint with one entry of a state, which is described so, if it is.
fn reader(schema: Option<StateSchema>, value: &[u8]) -> SavepointReader {
    let mut disk = Memory::new();
    let mut bootstrap = Bootstrap::new(u32::from(KEY_GROUPS));
    let name = TableName::new("counts", "value");
    if let Some(schema) = schema {
        bootstrap.describe(&name, schema.layout_hash(), schema.to_json());
    }
    let entry = Entry { hash: 1, key: &[0; 8], pane: None, deadline: None, item: None, value };
    bootstrap.add(&name, Kind::Table, entry).unwrap();
    bootstrap.write(&mut disk, Path::new("saved")).unwrap();
    SavepointReader::open_on(&mut disk, Path::new("saved")).unwrap()
}

fn schema(value: FieldType) -> StateSchema {
    StateSchema { form: Form::Archives, key: u64::field_type(), value: Some(value) }
}

#[test]
fn a_state_that_cannot_be_read_is_named_with_what_stands_against_it() {
    let good = reader(Some(schema(u64::field_type())), &7_u64.to_le_bytes());
    assert_eq!(good.values::<u64, u64>("counts", "value").unwrap(), [(0, 7)]);
    assert_eq!(
        good.values::<u64, u64>("counts", "sum").unwrap_err().to_string(),
        "the savepoint has no state \"sum\" of operator \"counts\""
    );
    assert_eq!(
        good.values::<Str, u64>("counts", "value").unwrap_err().to_string(),
        "state \"value\" of operator \"counts\" is not as it was asked for: its keys were `u64` and are `Str` now"
    );
    assert_eq!(
        good.values::<u64, Str>("counts", "value").unwrap_err().to_string(),
        "state \"value\" of operator \"counts\" is not as it was asked for: its values were `u64` and are `Str` now"
    );
    assert_eq!(
        reader(None, b"").for_each("counts", "value", |_| ()).unwrap_err().to_string(),
        "the savepoint does not say of what types state \"value\" of operator \"counts\" is; \
         have a job or `SavepointWriter` write it"
    );
    let short = reader(Some(schema(u64::field_type())), b"1234");
    assert_eq!(
        short.for_each("counts", "value", |_| ()).unwrap_err().to_string(),
        "an entry of state \"value\" of operator \"counts\" is not of the types that the savepoint says it is of"
    );
}

#[test]
fn what_the_engine_alone_lays_out_is_not_written() {
    let said = |form| {
        let none: [(u64, u64); 0] = [];
        let written = SavepointWriter::new().values("counts", "value", form, none);
        written.unwrap_err().to_string()
    };
    for (form, text) in [
        (Form::ArchivesInPanes, "a value for each key and pane"),
        (Form::Cells { prefix: 8, expires: false }, "values that stay"),
        (Form::Cells { prefix: 0, expires: true }, "values that expire"),
        (Form::Records, "a record for each key"),
        (Form::ListsOfRecords, "a list of records for each key"),
        (Form::ListsOfRecordsInPanes, "a list of records for each key and pane"),
        (Form::Directory, "the keys of maps"),
        (Form::Deadlines, "deadlines"),
    ] {
        assert_eq!(
            said(form),
            format!(
                "state \"value\" of operator \"counts\" cannot be given {text}: give it archives, cells or lists of cells"
            )
        );
    }
}
