//! The contract of a decoder: chunks of bytes in, records or bad lines out, at the caller's pace.

use std::fmt;
use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

/// One line of input: a record, or why it is none.
pub type Decoded<T> = Result<T, BadLine>;

/// How many bytes of a bad line are kept, so that a dead-letter record stays small.
pub const RAW_BYTES: usize = 4096;

/// Turns chunks of bytes into records.
///
/// A source's `poll(max_records)` maps on it directly:
///
/// ```
/// use std::ops::ControlFlow;
/// use thalweg::format::{DecodeError, Decoded, Decoder, Pace};
///
/// fn poll<T, D: Decoder<T>>(
///     decoder: &mut D,
///     buffer: &[u8],
///     at: &mut usize,
///     max_records: usize,
///     out: &mut Vec<Decoded<T>>,
/// ) -> Result<Pace, DecodeError> {
///     let mut left = max_records;
///     let progress = decoder.decode(&buffer[*at..], &mut |decoded| {
///         out.push(decoded);
///         left -= 1;
///         if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
///     })?;
///     *at += progress.consumed;
///     Ok(progress.pace)
/// }
/// ```
pub trait Decoder<T> {
    /// Decodes `bytes` until they are used up, `emit` breaks, or the end of the split.
    ///
    /// The first `consumed` bytes are decoded or kept inside; the caller offers the others again,
    /// alone or with more behind them. After a break the next call goes on with the next line.
    ///
    /// Cost: no allocation for a line that lies inside `bytes`, except what `T` allocates; a line
    /// that spans chunks is copied once.
    ///
    /// # Errors
    ///
    /// What makes every line wrong, such as a column that the header does not have. The decoder is
    /// of no use afterwards.
    fn decode<E>(&mut self, bytes: &[u8], emit: &mut E) -> Result<Progress, DecodeError>
    where
        E: FnMut(Decoded<T>) -> ControlFlow<()>;

    /// Decodes the last line if the input ended without a line break; call it once, at the end.
    ///
    /// # Errors
    ///
    /// As [`Decoder::decode`].
    fn finish(&mut self) -> Result<Option<Decoded<T>>, DecodeError>;

    /// Where the first line starts that was not handed out: what a checkpoint stores.
    fn position(&self) -> Position;
}

/// A place between two lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// Offset from the start of the (inflated) file.
    pub byte: u64,
    /// Number of the line that starts here, from 1; `None` in a split that does not begin at the
    /// start of the file, where nobody has counted the lines before it.
    pub line: Option<u64>,
}

impl Position {
    /// The start of a file.
    pub const START: Self = Self { byte: 0, line: Some(1) };
}

/// What one call of [`Decoder::decode`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes that need not be offered again.
    pub consumed: usize,
    /// Why the call returned.
    pub pace: Pace,
}

/// Why a decoder stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Every byte is consumed; bring more, or call [`Decoder::finish`].
    NeedInput,
    /// `emit` broke off; the unconsumed bytes wait for the next call.
    Paused,
    /// The next line belongs to the next split; nothing more will come.
    SplitEnd,
}

/// A line that is not a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLine {
    /// Number of the line in its file, from 1; of the first one if a record spans several. `None`
    /// in a split that does not begin at the start of the file; the source may count and fill it in.
    pub line: Option<u64>,
    /// Offset of the line's first byte in the (inflated) file; always known.
    pub offset: u64,
    /// Byte in the line at which the trouble was seen, from 1.
    pub column: Option<u64>,
    /// Name of the field that could not be read.
    pub field: Option<Box<str>>,
    /// What is wrong: lower case, one sentence.
    pub message: Box<str>,
    /// The line itself, without its line break, cut to [`RAW_BYTES`].
    pub raw: Box<[u8]>,
}

impl BadLine {
    /// A bad line whose column and field are not known.
    #[cold]
    pub(crate) fn new(at: &super::line::Line<'_>, message: impl Into<Box<str>>) -> Self {
        Self {
            line: at.position.line,
            offset: at.position.byte,
            column: None,
            field: None,
            message: message.into(),
            raw: at.bytes[..at.bytes.len().min(RAW_BYTES)].into(),
        }
    }
}

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}")?,
            None => write!(f, "line at byte {}", self.offset)?,
        }
        if let Some(column) = self.column {
            write!(f, ", column {column}")?;
        }
        if let Some(field) = &self.field {
            write!(f, " (field \"{field}\")")?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for BadLine {}

/// Why a file cannot be decoded at all; the caller adds the file's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The record needs columns that the header does not name. Rename the field
    /// (`#[serde(rename = "...")]`), or make it an `Option`.
    #[error(
        "the header has no column {}; it has {}; give the field the name of a column (`#[serde(rename)]`), or make it an `Option`",
        quoted(missing),
        quoted(header)
    )]
    MissingColumns {
        /// The names asked for, in the order of the record's fields.
        missing: Vec<String>,
        /// The header's names.
        header: Vec<String>,
    },
    /// A column that the record needs is named twice, so either could be meant.
    #[error("the header names column \"{name}\" twice; rename one of them")]
    DuplicateColumn {
        /// The name.
        name: String,
    },
    /// The first line is not a header: not UTF-8, wrongly quoted, or too long.
    #[error("the header cannot be read: {reason}; if the file has none, set `has_header(false)`")]
    BadHeader {
        /// What is wrong with it.
        reason: String,
    },
    /// CSV fills structs with named fields; this type is something else (or uses
    /// `#[serde(flatten)]`, which hides its fields).
    #[error(
        "\"{type_name}\" is not a struct with named fields, so CSV columns cannot fill it; read such a struct, and map it"
    )]
    NotAStruct {
        /// The Rust name of the record type.
        type_name: &'static str,
    },
    /// `#[serde(alias)]` makes the list of fields longer than the struct. Use `rename`.
    #[error("\"{type_name}\" has field aliases, which CSV does not support; use `rename`")]
    Aliases {
        /// The Rust name of the record type.
        type_name: &'static str,
    },
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_line_reads_as_place_field_and_reason() {
        let bad = BadLine {
            line: Some(17),
            offset: 900,
            column: Some(5),
            field: Some("dep_delay".into()),
            message: "invalid digit found in string".into(),
            raw: (*b"a,b,x").into(),
        };
        assert_eq!(
            bad.to_string(),
            "line 17, column 5 (field \"dep_delay\"): invalid digit found in string"
        );
        let unnumbered = BadLine { line: None, column: None, field: None, ..bad };
        assert_eq!(unnumbered.to_string(), "line at byte 900: invalid digit found in string");
    }

    #[test]
    fn missing_columns_are_listed_with_the_header() {
        let error = DecodeError::MissingColumns {
            missing: vec!["dest".into(), "flight".into()],
            header: vec!["origin".into(), "Dest".into()],
        };
        assert_eq!(
            error.to_string(),
            "the header has no column \"dest\", \"flight\"; it has \"origin\", \"Dest\"; give the field the name of a column (`#[serde(rename)]`), or make it an `Option`"
        );
    }
}
