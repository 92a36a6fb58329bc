//! The CSV decoder: lines become rows, rows become records.

use std::marker::PhantomData;
use std::ops::ControlFlow;

use serde::de::DeserializeOwned;

use super::cells::Cells;
use super::header::{Header, Plan, bad_header};
use super::options::CsvOptions;
use super::probe::fields_of;
use super::row::Row;
use crate::format::decode::{BadLine, DecodeError, Decoded, Decoder, Pace, Position, Progress};
use crate::format::line::{Line, LineSplitter};
use crate::format::split::Extent;

/// Decodes one split of a CSV file into records of type `T`.
///
/// `T` is a struct with serde's derive. Columns without a field are not parsed; an `Option` field
/// is `None` for an empty cell and for a column that the file does not have. Empty lines are
/// skipped.
#[derive(Debug)]
pub struct CsvDecoder<T> {
    lines: LineSplitter,
    rows: Rows<T>,
    /// Kept, or the line behind a bad header would be taken for the header.
    failed: Option<DecodeError>,
}

/// Everything but the lines, so that a line may be borrowed while a row is made of it.
#[derive(Debug)]
struct Rows<T> {
    options: CsvOptions,
    fields: &'static [&'static str],
    header: Option<Header>,
    plan: Option<Plan>,
    cells: Cells,
    scratch: Vec<u8>,
    marker: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> CsvDecoder<T> {
    /// A decoder for a whole file, from its start.
    ///
    /// # Errors
    ///
    /// [`DecodeError::NotAStruct`] if `T` has no named fields.
    pub fn new(options: CsvOptions) -> Result<Self, DecodeError> {
        Self::open(options, &Extent::whole(), None)
    }

    /// A decoder for `extent`; feed it the file's bytes from [`Extent::read_from`] on.
    ///
    /// At the start of a file the header is read from the bytes. Anywhere else it has to be given,
    /// see [`Header::read`].
    ///
    /// # Errors
    ///
    /// [`DecodeError::NotAStruct`]; with a given header also what is wrong with its columns.
    ///
    /// # Panics
    ///
    /// If the options say that there is a header, the extent does not start the file, and `header`
    /// is `None`. Also if the dialect is multiline and the extent begins inside a line.
    pub fn open(
        options: CsvOptions,
        extent: &Extent,
        header: Option<Header>,
    ) -> Result<Self, DecodeError> {
        assert!(
            options.can_split() || !extent.starts_inside_line(),
            "a multiline CSV file is read from its start, not in splits"
        );
        let fields = fields_of::<T>()?;
        let (header, plan) = match header.filter(|_| !extent.starts_file()) {
            _ if !options.has_header => (None, Some(Plan::by_position(fields))),
            None => (None, None),
            Some(header) => {
                let plan = Plan::by_name::<T>(fields, &header)?;
                (Some(header), Some(plan))
            }
        };
        assert!(
            plan.is_some() || extent.starts_file(),
            "a split that does not start the file needs the header of the file"
        );
        let lines = LineSplitter::new(extent, options.max_line_bytes, options.line_quotes());
        let rows = Rows {
            options,
            fields,
            header,
            plan,
            cells: Cells::default(),
            scratch: Vec::new(),
            marker: PhantomData,
        };
        Ok(Self { lines, rows, failed: None })
    }

    /// The file's header, once it is read.
    pub fn header(&self) -> Option<&Header> {
        self.rows.header.as_ref()
    }
}

impl<T: DeserializeOwned> Decoder<T> for CsvDecoder<T> {
    fn decode<E>(&mut self, bytes: &[u8], emit: &mut E) -> Result<Progress, DecodeError>
    where
        E: FnMut(Decoded<T>) -> ControlFlow<()>,
    {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let mut rest = bytes;
        while let Some(line) = self.lines.next_line(&mut rest) {
            let decoded = self.rows.on_line(line);
            let decoded = decoded.inspect_err(|error| self.failed = Some(error.clone()))?;
            let Some(decoded) = decoded else { continue };
            if emit(decoded).is_break() {
                return Ok(Progress { consumed: bytes.len() - rest.len(), pace: Pace::Paused });
            }
        }
        let pace = if self.lines.is_done() { Pace::SplitEnd } else { Pace::NeedInput };
        Ok(Progress { consumed: bytes.len() - rest.len(), pace })
    }

    fn finish(&mut self) -> Result<Option<Decoded<T>>, DecodeError> {
        match (&self.failed, self.lines.finish()) {
            (Some(error), _) => Err(error.clone()),
            (None, Some(line)) => self.rows.on_line(line),
            (None, None) => Ok(None),
        }
    }

    fn position(&self) -> Position {
        self.lines.position()
    }
}

impl<T: DeserializeOwned> Rows<T> {
    /// `None` for the header and for empty lines.
    #[inline]
    fn on_line(
        &mut self,
        line: Result<Line<'_>, BadLine>,
    ) -> Result<Option<Decoded<T>>, DecodeError> {
        let Self { options, fields, plan: Some(plan), cells, scratch, .. } = self else {
            self.on_header(&line.map_err(|bad| bad_header(bad.message))?)?;
            return Ok(None);
        };
        let line = match line {
            Ok(line) if line.bytes.is_empty() => return Ok(None),
            Ok(line) => line,
            Err(bad) => return Ok(Some(Err(bad))),
        };
        if let Err(malformed) = cells.find(line.bytes, options) {
            let column = Some(malformed.at as u64 + 1);
            return Ok(Some(Err(BadLine { column, ..BadLine::new(&line, malformed.message) })));
        }
        if !options.flexible && !has_width(plan, cells.len()) {
            return Ok(Some(Err(wrong_width(&line, plan, cells.len()))));
        }
        let text = std::str::from_utf8(line.bytes).ok();
        let mut row =
            Row { line: line.bytes, text, cells, plan, options, scratch, next: 0, failed: None };
        match T::deserialize(&mut row) {
            // An alias is a second name without a second field: everything behind it would shift.
            Ok(_) if row.next != fields.len() => {
                Err(DecodeError::Aliases { type_name: std::any::type_name::<T>() })
            }
            Ok(record) => Ok(Some(Ok(record))),
            Err(error) => {
                let field = row.failed;
                Ok(Some(Err(bad_cell(&line, plan, cells, field, error.0))))
            }
        }
    }

    fn on_header(&mut self, line: &Line<'_>) -> Result<(), DecodeError> {
        let header = Header::parse(line, &self.options)?;
        self.plan = Some(Plan::by_name::<T>(self.fields, &header)?);
        self.header = Some(header);
        Ok(())
    }
}

fn has_width(plan: &Plan, found: usize) -> bool {
    match plan.width {
        Some(width) => found == width,
        None => found >= plan.fields.len(),
    }
}

#[cold]
fn wrong_width(line: &Line<'_>, plan: &Plan, found: usize) -> BadLine {
    let expected = match plan.width {
        Some(width) => format!("the header has {width}"),
        None => format!("the record needs {}", plan.fields.len()),
    };
    let cells = if found == 1 { "cell" } else { "cells" };
    BadLine::new(line, format!("the row has {found} {cells}, {expected}"))
}

#[cold]
fn bad_cell(
    line: &Line<'_>,
    plan: &Plan,
    cells: &Cells,
    field: Option<usize>,
    message: Box<str>,
) -> BadLine {
    let start = field.and_then(|field| plan.columns[field]).and_then(|i| cells.start(i));
    BadLine {
        column: start.map(|start| start as u64 + 1),
        field: field.map(|field| plan.fields[field].into()),
        ..BadLine::new(line, message)
    }
}
