//! CSV (RFC 4180, and its dialects by other delimiters), both directions.
//!
//! A record type's field names are taken from its serde derive once, matched with the header once,
//! and from then on each row is visited as a sequence of the needed cells: no names are compared,
//! and cells that no field asks for are stepped over.
//!
//! # Invariants
//!
//! 1. Cell `i` of a row never fills a field of another column: a row with another number of cells
//!    than the header is bad, unless [`CsvOptions::flexible`] says otherwise.
//! 2. Text after a closing quote, and a quote that never closes, are errors, never guesses.
//!
//! # Not here
//!
//! No dialect detection, no comments, no nested values, no `#[serde(flatten)]` or `alias`.
//! `#[serde(default)]` does not make a column optional; an `Option` does.

mod cells;
mod decoder;
mod encoder;
mod error;
mod header;
mod number;
mod options;
mod row;
mod serializer;

pub use decoder::CsvDecoder;
pub use encoder::CsvEncoder;
pub use header::Header;
pub use options::CsvOptions;

#[cfg(test)]
mod tests;
