//! CSV (RFC 4180, and its dialects by other delimiters), both directions.
//!
//! A record type's field names are taken from its serde derive once, matched with the header once,
//! and from then on each row is visited as a sequence of the needed cells: no names are compared,
//! and cells that no field asks for are stepped over.
//!
//! ```
//! use std::ops::ControlFlow;
//! use thalweg::format::csv::{CsvDecoder, CsvOptions};
//! use thalweg::format::{Decoder, Pace};
//!
//! #[derive(Debug, PartialEq, serde::Deserialize)]
//! struct Departure {
//!     origin: String,
//!     delay: Option<i32>,
//! }
//!
//! let file = b"delay,gate,origin\n-4,B22,EWR\nlate,C1,JFK\n,A7,LGA\n";
//! let mut decoder = CsvDecoder::<Departure>::new(CsvOptions::new())?;
//! let mut seen = Vec::new();
//! let progress = decoder.decode(file, &mut |line| {
//!     seen.push(line.map_err(|bad| bad.to_string()));
//!     ControlFlow::Continue(())
//! })?;
//! assert_eq!(progress.pace, Pace::NeedInput);
//! assert_eq!(seen[0], Ok(Departure { origin: "EWR".into(), delay: Some(-4) }));
//! let bad = r#"line 3, column 1 (field "delay"): invalid digit found in string"#;
//! assert_eq!(seen[1], Err(bad.into()));
//! assert_eq!(seen[2], Ok(Departure { origin: "LGA".into(), delay: None }));
//! # Ok::<(), thalweg::format::DecodeError>(())
//! ```
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
mod probe;
mod row;
mod serializer;
mod style;

pub use decoder::CsvDecoder;
pub use encoder::CsvEncoder;
pub use header::Header;
pub use options::CsvOptions;

#[cfg(test)]
mod tests;
