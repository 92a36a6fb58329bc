//! The header row, and the plan that comes out of it: which cell fills which field.

use serde::de::DeserializeOwned;

use super::cells::Cells;
use super::options::CsvOptions;
use super::probe::is_optional;
use crate::format::decode::{DecodeError, Position};
use crate::format::line::{Line, LineSplitter};
use crate::format::split::Extent;

/// The names of a file's columns.
///
/// A reader that begins at a later split, or in the middle of a file, needs the header from the
/// file's start; see [`Header::read`].
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Header {
    names: Vec<String>,
}

impl Header {
    /// Reads the header from the first bytes of a file; `None` if they end before it does.
    ///
    /// `all` says that `bytes` are the whole file, so its first line may lack a line break.
    ///
    /// # Errors
    ///
    /// [`DecodeError::BadHeader`] if it is not UTF-8, wrongly quoted or too long.
    pub fn read(
        bytes: &[u8],
        all: bool,
        options: &CsvOptions,
    ) -> Result<Option<Self>, DecodeError> {
        let quotes = options.line_quotes();
        let mut lines = LineSplitter::new(&Extent::whole(), options.max_line_bytes, quotes);
        let mut rest = bytes;
        let found = match lines.next_line(&mut rest) {
            Some(line) => Some(line.map_err(|bad| bad_header(bad.message))?.bytes.to_vec()),
            None if !all => None,
            None => match lines.finish() {
                Some(line) => Some(line.map_err(|bad| bad_header(bad.message))?.bytes.to_vec()),
                None => None,
            },
        };
        let parse = |bytes: Vec<u8>| {
            Self::parse(&Line { position: Position::START, bytes: &bytes }, options)
        };
        found.map(parse).transpose()
    }

    /// The names, in the order of the columns.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    pub(super) fn parse(line: &Line<'_>, options: &CsvOptions) -> Result<Self, DecodeError> {
        if line.bytes.is_empty() {
            return Err(bad_header("the first line is empty"));
        }
        let mut cells = Cells::default();
        cells.find(line.bytes, options).map_err(|malformed| bad_header(malformed.message))?;
        let names = cells
            .all(line.bytes, options)
            .map(|name| String::from_utf8(name).map_err(|error| bad_header(error.to_string())))
            .collect::<Result<_, _>>()?;
        Ok(Self { names })
    }
}

pub(super) fn bad_header(reason: impl Into<String>) -> DecodeError {
    DecodeError::BadHeader { reason: reason.into() }
}

/// Which cell fills which field.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// The record's fields, in the order of its declaration.
    pub(super) fields: &'static [&'static str],
    /// For each field its column; `None` if it is optional and the file has no such column.
    pub(super) columns: Box<[Option<usize>]>,
    /// How many cells a row has; `None` without a header, where more than needed may follow.
    pub(super) width: Option<usize>,
}

impl Plan {
    /// The first columns fill the fields.
    pub(super) fn by_position(fields: &'static [&'static str]) -> Self {
        Self { fields, columns: (0..fields.len()).map(Some).collect(), width: None }
    }

    /// The columns of the same names fill the fields.
    pub(super) fn by_name<T: DeserializeOwned>(
        fields: &'static [&'static str],
        header: &Header,
    ) -> Result<Self, DecodeError> {
        let mut missing = Vec::new();
        let mut columns = Vec::with_capacity(fields.len());
        for &field in fields {
            let mut found = (0..header.names.len()).filter(|&i| header.names[i] == field);
            let column = found.next();
            if found.next().is_some() {
                return Err(DecodeError::DuplicateColumn { name: field.to_owned() });
            }
            if column.is_none() && !is_optional::<T>(field) {
                missing.push(field.to_owned());
            }
            columns.push(column);
        }
        if !missing.is_empty() {
            return Err(DecodeError::MissingColumns { missing, header: header.names.clone() });
        }
        Ok(Self { fields, columns: columns.into(), width: Some(header.names.len()) })
    }
}
