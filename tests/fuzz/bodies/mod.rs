//! What each target does with bytes of any kind, shared by the fuzz targets beside this folder and by `tests/mutate`, which needs no fuzzer.
//!
//! A body takes an input and panics if something is wrong. The first bytes of an input choose settings, the rest is a file, a text, or what is changed in a
//! file that is whole: so a seed is a few bytes and a real file. Where a checksum stands in front of what is to be tried, the body makes it right ([`mend`]).

pub mod input;
pub mod mend;
pub mod checkpoints;
pub mod archive_view;
pub mod decode_csv;
pub mod decode_json;
pub mod gzip;
pub mod manifest;
pub mod segment;
pub mod savepoint;
pub mod restored;
pub mod saved_values;

/// A target: what is done with an input, and where to begin.
#[derive(Debug)]
pub struct Target {
    /// Its name, also that of the fuzz target.
    pub name: &'static str,
    /// Does it; panics if something is wrong.
    pub run: fn(&[u8]),
    /// Inputs that are good, or nearly.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Words that mean something in the middle of an input.
    pub words: &'static [&'static [u8]],
}

/// All of them.
pub const ALL: [Target; 9] = [
    archive_view::TARGET,
    decode_csv::TARGET,
    decode_json::TARGET,
    gzip::TARGET,
    manifest::TARGET,
    segment::TARGET,
    savepoint::TARGET,
    restored::TARGET,
    saved_values::TARGET,
];
