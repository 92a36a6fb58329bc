//! Values of a savepoint by the schema that is stored beside them: any schema and any entries, read and shown without their types.

use std::path::Path;

use thalweg::prelude::*;
use thalweg::record::{Form, Key, KeyRef, Record};
use thalweg::savepoint::{SavepointReader, SavepointWriter};
use thalweg_storage::TableName;
use thalweg_storage::io::Memory;
use thalweg_storage::savepoint::{Bootstrap, Contents, Entry, Kind};

use super::archive_view;
use super::input::Input;

/// See the file's header.
pub const TARGET: super::Target = super::Target {
    name: "saved_values",
    run,
    seeds,
    words: &[
        b"{\"Primitive\":\"U64\"}",
        b"{\"Option\":",
        b"{\"List\":",
        b"{\"Array\":[",
        b"{\"Tuple\":[",
        b"\"Str\"",
        b"\"EventTime\"",
        b"\"ListsOfCells\"",
        b"\"Records\"",
        b"18446744073709551615",
    ],
};

/// Length of the schema (2) and itself, then entries: length of the key (1), the key, length of the value (2), the value.
fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let length = usize::from(input.u16());
    let schema = input.bytes(length).to_vec();
    let mut bootstrap = Bootstrap::new(64);
    let name = TableName::new("fuzzed", "value");
    while !input.is_empty() {
        let length = usize::from(input.byte());
        let key = input.bytes(length);
        let length = usize::from(input.u16());
        let entry = Entry {
            hash: (key.len() as u64) << 60 | u64::from(key.first().copied().unwrap_or(0)),
            key,
            pane: None,
            deadline: None,
            item: None,
            value: input.bytes(length),
        };
        bootstrap.add(&name, Kind::Table, entry).expect("it is of one kind");
    }
    bootstrap.describe(&name, 1, schema);
    let (mut disk, folder) = (Memory::new(), Path::new("saved"));
    bootstrap.write(&mut disk, folder).expect("memory does not fail");
    let reader = SavepointReader::open_on(&mut disk, folder).expect("it was just written");
    for state in reader.states() {
        drop(state.schema.map(|schema| (schema.layout_hash(), format!("{schema:?}"))));
    }
    let _ = reader.for_each("fuzzed", "value", |entry| drop(entry.to_string()));
    let _ = reader.values::<u64, archive_view::Letter>("fuzzed", "value");
}

/// A savepoint with these values, as an input.
fn seed<K, V: Record>(form: Form, values: Vec<(K, V)>) -> Vec<u8>
where
    K: Key + KeyRef,
{
    let mut writer = SavepointWriter::new();
    writer.values("fuzzed", "value", form, values).expect("a form that is written");
    let (mut disk, folder) = (Memory::new(), Path::new("saved"));
    writer.write_to(&mut disk, folder).expect("memory does not fail");
    let contents = Contents::open(&mut disk, folder).expect("it was just written");
    let name = TableName::new("fuzzed", "value");
    let schema = &contents.manifest().schema_of(&name).expect("it is described").schema;
    let short = |bytes: &[u8]| u16::try_from(bytes.len()).expect("it is short").to_le_bytes();
    let mut input = [&short(schema)[..], schema].concat();
    contents.for_each(&name, |entry| {
        input.push(u8::try_from(entry.key.len()).expect("it is short"));
        input.extend_from_slice(entry.key);
        input.extend_from_slice(&short(entry.value));
        input.extend_from_slice(entry.value);
    });
    input
}

fn seeds() -> Vec<Vec<u8>> {
    let text = |text: &str| Str::from(text);
    vec![
        seed(Form::Archives, vec![(text("EWR"), 100_u64), (text("JFK"), 7)]),
        seed(
            Form::Archives,
            archive_view::letters()
                .into_iter()
                .zip(1_u64..)
                .map(|(letter, key)| (key, letter))
                .collect(),
        ),
        seed(
            Form::Cells { prefix: 0, expires: false },
            vec![(
                (text("a"), 3_u16),
                (Some(1_i64), vec![text("some"), text("words that are longer")]),
            )],
        ),
        seed(Form::ListsOfCells, vec![(9_u32, EventTime::from_secs(7)), (9, EventTime::MIN)]),
    ]
}
