//! Nexmark's golden events, and what the queries give over them: the results of another engine. See `tests/golden/nexmark/README.md`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use thalweg::prelude::*;
use thalweg::record::KeyHash;
use thalweg_bench::nexmark::model::Event;
use thalweg_bench::nexmark::queries::Query;
use thalweg_bench::nexmark::reader;

/// A file of the golden folder.
pub fn golden(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/golden/nexmark")).join(name)
}

/// The golden events, read once.
pub fn events() -> &'static [Event] {
    static EVENTS: OnceLock<Vec<Event>> = OnceLock::new();
    EVENTS.get_or_init(|| {
        let events = Collected::new();
        let sink = events.clone();
        let engine = Engine::builder().driver(Driver::Plain).build();
        let read = engine.run("read", move |t| {
            let source = reader::events(&golden("events-60k.jsonl.gz"));
            t.source("events", source).watermarks(Monotonic).sink("events out", sink.sink());
            Ok(())
        });
        read.expect("the golden events are there");
        events.take()
    })
}

/// q13's side input.
pub fn side_input() -> LookupTable<u64, Str> {
    LookupTable::of((0..10_000_u64).map(|key| (key, Str::from(key.to_string()))))
}

/// Lines, bytes and hash of each golden result.
pub type Digests = BTreeMap<String, (usize, usize, String)>;

/// Those of `digests.txt`.
pub fn digests() -> Digests {
    let text = std::fs::read_to_string(golden("digests.txt")).expect("the digests are there");
    let digest = |line: &str| {
        let fields: Vec<&str> = line.split(' ').collect();
        let [query, lines, bytes, hash] = fields[..] else { panic!("{line:?} is no digest") };
        let number = |text: &str| text.parse().expect("a number");
        (query.to_owned(), (number(lines), number(bytes), hash.to_owned()))
    };
    text.lines().map(digest).collect()
}

fn digest(text: &str) -> (usize, usize, String) {
    let hash = format!("{:016x}", KeyHash::of_bytes(text.as_bytes()).0);
    (text.lines().count(), text.len(), hash)
}

/// Compares a result with the golden one, line by line if it is here.
///
/// # Errors
///
/// How they differ.
pub fn compare(query: &Query, found: &str, digests: &Digests) -> Result<(), String> {
    let name = query.name;
    if let Ok(expected) = std::fs::read_to_string(golden(&format!("{name}.csv"))) {
        let mut pairs = found.lines().zip(expected.lines());
        if let Some((found, expected)) = pairs.find(|(found, expected)| found != expected) {
            return Err(format!(
                "{name}: the first line that differs is {found:?}, not {expected:?}"
            ));
        }
    }
    let (found, expected) = (digest(found), &digests[name]);
    match found == *expected {
        true => Ok(()),
        false => Err(format!("{name}: lines, bytes and hash are {found:?}, not {expected:?}")),
    }
}
