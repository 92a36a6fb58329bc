//! The program's own input and output, as lines: standard input is a source, standard output and error are sinks.
//!
//! # Not here
//!
//! There is one standard input in a program: of two sources that read it each gets some of the bytes, and so does code that uses
//! `std::io::stdin`.

use serde::de::DeserializeOwned;

use super::file::{FileFormat, FileReader, FileSplit, OnError};
use super::socket::{FromStream, Lines, StreamError};
use super::{OpenContext, Source};
use crate::error::OperatorFault;
use crate::format::csv::CsvOptions;
use crate::io::{self, StandardOutput};
use crate::record::Record;

/// Where the program's own input and output start: say which, then the format.
///
/// ```no_run
/// use thalweg::prelude::*;
///
/// fn upper(t: &mut Topology) -> Result<()> {
///     t.source("lines", Standard::input().text::<Str>())
///         .without_event_time()
///         .map(|line| Str::from(line.to_uppercase()))
///         .sink("upper", Standard::output().text());
///     Ok(())
/// }
/// # Engine::builder().build().run("upper", upper).unwrap();
/// ```
#[derive(Debug)]
pub enum Standard {}

impl Standard {
    /// Standard input, to read.
    pub fn input() -> StandardInput {
        StandardInput(())
    }

    /// Standard output, to write.
    pub fn output() -> StandardWriting {
        StandardWriting(StandardOutput::Output)
    }

    /// Standard error, to write.
    pub fn error() -> StandardWriting {
        StandardWriting(StandardOutput::Error)
    }
}

/// Standard input; say what comes there.
#[derive(Debug)]
#[must_use = "say the format of the lines"]
pub struct StandardInput(());

/// Standard output or error; say what goes there.
#[derive(Debug)]
#[must_use = "say the format of the lines"]
pub struct StandardWriting(StandardOutput);

impl StandardInput {
    /// One JSON object a line.
    pub fn ndjson<T: Record>(self) -> StandardLines<T> {
        StandardLines { lines: Lines::new(FileFormat::Ndjson) }
    }

    /// CSV with a header.
    pub fn csv<T: Record>(self) -> StandardLines<T> {
        self.csv_with(CsvOptions::default())
    }

    /// As [`Self::csv`], in another dialect.
    pub fn csv_with<T: Record>(self, options: CsvOptions) -> StandardLines<T> {
        StandardLines { lines: Lines::new(FileFormat::Csv(options)) }
    }

    /// Lines of text.
    pub fn text<T: Record>(self) -> StandardLines<T> {
        StandardLines { lines: Lines::new(FileFormat::Text) }
    }
}

impl StandardWriting {
    /// One JSON object a line.
    pub fn ndjson<T: Record>(self) -> StandardSink<T> {
        StandardSink { which: self.0, lines: Lines::new(FileFormat::Ndjson) }
    }

    /// CSV with a header.
    pub fn csv<T: Record>(self) -> StandardSink<T> {
        self.csv_with(CsvOptions::default())
    }

    /// As [`Self::csv`], in another dialect.
    pub fn csv_with<T: Record>(self, options: CsvOptions) -> StandardSink<T> {
        StandardSink { which: self.0, lines: Lines::new(FileFormat::Csv(options)) }
    }

    /// Lines of text: strings, or records with a field `text`.
    pub fn text<T: Record>(self) -> StandardSink<T> {
        StandardSink { which: self.0, lines: Lines::new(FileFormat::Text) }
    }
}

/// Lines of standard input; one split, which ends when the input does.
pub struct StandardLines<T> {
    lines: Lines<T>,
}

crate::operator::opaque_debug!(StandardLines<T>);

/// Lines to standard output or error; one writer, on worker 0.
pub struct StandardSink<T> {
    pub(crate) which: StandardOutput,
    pub(crate) lines: Lines<T>,
}

crate::operator::opaque_debug!(StandardSink<T>);

impl<T: Record> StandardLines<T> {
    /// What becomes of a line that is no record. Default: [`OnError::Fail`].
    #[must_use]
    pub fn on_error(mut self, on_error: OnError) -> Self {
        self.lines.on_error = on_error;
        self
    }

    /// The longest line, in bytes; a longer one is a bad line. Default: 1 MiB.
    #[must_use]
    pub fn max_line_bytes(mut self, bytes: usize) -> Self {
        self.lines.max_line_bytes = bytes;
        self
    }
}

/// What errors call it.
const NAME: &str = "standard input";

impl<T: Record + DeserializeOwned> Source for StandardLines<T> {
    type Out = T;
    type Split = ();
    type Reader = FileReader<T>;

    fn splits(&self, _: &dyn io::Files) -> Result<Vec<()>, OperatorFault> {
        Ok(vec![()])
    }

    fn open(&self, (): &(), context: &OpenContext) -> Result<FileReader<T>, OperatorFault> {
        let Lines { format, on_error, max_line_bytes, .. } = &self.lines;
        let stream = context.streams.input();
        let stream = stream.map_err(|error| StreamError::fault("open", &NAME, error))?;
        let bytes = Box::new(FromStream(Some(stream)));
        Ok(FileReader::stream(
            &FileSplit::stream(NAME),
            bytes,
            *max_line_bytes,
            *format,
            on_error,
            context,
        )?)
    }

    fn is_replayable(&self, context: &OpenContext) -> bool {
        context.streams.is_recorded()
    }

    fn describe(&self) -> String {
        format!("{} from {NAME}", self.lines.format.name())
    }
}
