//! Reads one split: bytes through the decoder into the source's page.

use std::ops::ControlFlow;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::FileFormat;
use super::bad_line::{OnError, Rejects};
use super::error::FileSourceError;
use super::input::Input;
use super::listing::FileSplit;
use crate::error::{FileError, OperatorFault};
use crate::format::csv::CsvDecoder;
use crate::format::gzip::Compression;
use crate::format::json::JsonDecoder;
use crate::format::line::MAX_LINE_BYTES;
use crate::format::split::{ByteRange, Extent};
use crate::format::text::TextDecoder;
use crate::format::{BadLine, DecodeError, Decoded, Decoder as _, Pace, Position, Progress};
use crate::io::{FileStatus, Files, ReadFile, ReadPoll};
use crate::record::Record;
use crate::source::{Emitter, OpenContext, Polled, Position as SplitPosition, SplitReader};

/// Reads the records of one split.
pub struct FileReader<T> {
    path: Arc<Path>,
    files: Rc<dyn Files>,
    input: Input,
    decoder: AnyDecoder<T>,
    /// Bytes of the file; those from `at` on are not decoded.
    text: Vec<u8>,
    at: usize,
    rejects: Rejects,
    state: State,
    ending: Ending,
    fails_on_reset: bool,
}

/// What it means that there is nothing to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::source) enum Ending {
    /// A file: what is not there yet is on its way, and the end is the end.
    File,
    /// A connection: there may be nothing for a long time.
    Stream,
    /// A file that is being written: its end is not the end, and an incomplete line waits for the rest.
    Growing,
}

crate::operator::opaque_debug!(FileReader<T>);

enum State {
    Reading,
    /// Every record is emitted.
    Decoded,
    /// A line is bad, and its number is being counted.
    Failing(Box<LineCount>),
}

/// Pieces that one poll reads at most, so that a long stretch of bad lines does not hold up the worker.
const PIECES_OF_A_POLL: usize = 4;

impl<T: Record + DeserializeOwned> FileReader<T> {
    pub(super) fn open(
        split: &FileSplit,
        from: Option<Position>,
        format: FileFormat,
        on_error: &OnError,
        context: &OpenContext,
    ) -> Result<Self, FileSourceError> {
        let FileSplit { path, compression, range, .. } = split;
        // A file that ends within its header has no line to resume at.
        let needs_header = matches!(format, FileFormat::Csv(options) if options.names_columns());
        let from = from.filter(|_| !needs_header || split.header.is_some());
        let extent = match (from, *range) {
            (Some(at), range) => Extent::resume(range, at),
            (None, ByteRange::WHOLE) => Extent::whole(),
            (None, range) => Extent::of(range),
        };
        let input = Input::open(&*context.files, path, *compression, extent.read_from())?;
        let limit = MAX_LINE_BYTES;
        Self::over(input, &extent, limit, Ending::File, split, format, on_error, context)
    }

    /// Reads bytes that come from elsewhere, from the first one on; errors call them by the name of `split`.
    pub(in crate::source) fn stream(
        split: &FileSplit,
        bytes: Box<dyn ReadFile>,
        max_line_bytes: usize,
        format: FileFormat,
        on_error: &OnError,
        context: &OpenContext,
    ) -> Result<Self, FileSourceError> {
        let input = Input::over(bytes);
        let (extent, ending) = (Extent::whole(), Ending::Stream);
        Self::over(input, &extent, max_line_bytes, ending, split, format, on_error, context)
    }

    /// Reads a file that is being written, from `at` on.
    pub(in crate::source) fn growing(
        split: &FileSplit,
        at: Position,
        max_line_bytes: usize,
        format: FileFormat,
        on_error: &OnError,
        context: &OpenContext,
    ) -> Result<Self, FileSourceError> {
        // As in `open`; a file without a whole header has no line to go on at.
        let needs_header = matches!(format, FileFormat::Csv(options) if options.names_columns());
        let at = if needs_header && split.header.is_none() { Position::START } else { at };
        let extent = Extent::resume(ByteRange::WHOLE, at);
        let input = Input::open(&*context.files, &split.path, Compression::Plain, at.byte)?;
        let ending = Ending::Growing;
        Self::over(input, &extent, max_line_bytes, ending, split, format, on_error, context)
    }

    #[expect(clippy::too_many_arguments, reason = "the three ways above name them")]
    fn over(
        input: Input,
        extent: &Extent,
        max_line_bytes: usize,
        ending: Ending,
        split: &FileSplit,
        format: FileFormat,
        on_error: &OnError,
        context: &OpenContext,
    ) -> Result<Self, FileSourceError> {
        Ok(Self {
            path: Arc::clone(&split.path),
            files: Rc::clone(&context.files),
            input,
            decoder: AnyDecoder::open(format, extent, split, max_line_bytes)?,
            text: Vec::new(),
            at: 0,
            rejects: Rejects::new(on_error, split, &context.files),
            state: State::Reading,
            ending,
            fails_on_reset: false,
        })
    }

    /// From now on the end of the file is the end.
    pub(in crate::source) fn end_at_end(&mut self) {
        self.ending = Ending::File;
    }

    /// Where the first line starts that was not handed out.
    pub(in crate::source) fn place(&self) -> Position {
        self.decoder.position()
    }

    /// Where in the file reading has come to; the line that begins there may not be complete.
    pub(in crate::source) fn read_to(&self) -> u64 {
        self.input.read_to()
    }

    /// A connection that is reset is an error, not just an end.
    pub(in crate::source) fn fail_on_reset(&mut self) {
        self.fails_on_reset = true;
    }

    /// The file that is open, whatever its name is now.
    pub(in crate::source) fn status(&self) -> std::io::Result<FileStatus> {
        self.input.file().status()
    }

    /// Decodes what is there, up to what is wanted.
    fn decode(&mut self, out: &mut Emitter<'_, T>) -> Result<Pace, FileSourceError> {
        let Self { decoder, text, at, rejects, .. } = self;
        let mut fatal = None;
        let progress = decoder
            .decode(&text[*at..], &mut |decoded| {
                match take(decoded, rejects, out) {
                    Ok(()) if out.wanted() > 0 => return ControlFlow::Continue(()),
                    Ok(()) => {}
                    Err(error) => fatal = Some(error),
                }
                ControlFlow::Break(())
            })
            .map_err(|source| FileSourceError::Form { path: self.path.to_path_buf(), source })?;
        *at += progress.consumed;
        fatal.map_or(Ok(progress.pace), Err)
    }

    /// The input has ended: there may be one more line.
    fn finish(&mut self, out: &mut Emitter<'_, T>) -> Result<(), FileSourceError> {
        self.state = State::Decoded;
        let last = self.decoder.finish();
        let last =
            last.map_err(|source| FileSourceError::Form { path: self.path.to_path_buf(), source })?;
        last.map_or(Ok(()), |decoded| take(decoded, &mut self.rejects, out))
    }

    fn poll_reading(&mut self, out: &mut Emitter<'_, T>) -> Result<Polled, FileSourceError> {
        for _ in 0..PIECES_OF_A_POLL {
            if self.at < self.text.len() {
                match self.decode(out)? {
                    Pace::Paused => return Ok(Polled::More),
                    Pace::NeedInput => {}
                    Pace::SplitEnd => {
                        self.state = State::Decoded;
                        return Ok(Polled::More);
                    }
                }
            }
            self.text.clear();
            self.at = 0;
            match self.input.poll(&self.path, &mut self.text)? {
                ReadPoll::Data(_) => {}
                ReadPoll::Pending if self.ending == Ending::Stream => return Ok(Polled::Dry),
                ReadPoll::Pending => return Ok(Polled::Pending),
                ReadPoll::End if self.ending == Ending::Growing => return Ok(Polled::Dry),
                ReadPoll::End => {
                    self.finish(out)?;
                    return Ok(Polled::More);
                }
            }
        }
        Ok(Polled::Pending)
    }

    /// An error whose line is not known yet is kept until it is.
    fn on_fault(&mut self, fault: FileSourceError) -> Result<Polled, FileSourceError> {
        match fault {
            FileSourceError::Line { bad: bad @ BadLine { line: None, .. }, .. } => {
                let count = LineCount::start(&*self.files, &self.path, bad)?;
                self.state = State::Failing(Box::new(count));
                Ok(Polled::Pending)
            }
            FileSourceError::File(FileError { source, .. })
                if self.ending == Ending::Stream && !self.fails_on_reset && is_reset(&source) =>
            {
                // The line that was cut off is no line.
                tracing::warn!(path = %self.path.display(), error = %source, "the connection is lost");
                self.state = State::Decoded;
                Ok(Polled::More)
            }
            known => Err(known),
        }
    }
}

/// The peer is gone, or the way to it.
fn is_reset(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, TimedOut};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | TimedOut)
}

impl<T: Record + DeserializeOwned> SplitReader<T> for FileReader<T> {
    fn poll(&mut self, out: &mut Emitter<'_, T>) -> Result<Polled, OperatorFault> {
        loop {
            if out.wanted() == 0 {
                return Ok(Polled::More);
            }
            let polled = match &mut self.state {
                State::Reading => {
                    let polled = self.poll_reading(out);
                    polled.or_else(|fault| self.on_fault(fault))?
                }
                State::Decoded => match self.rejects.poll_close()? {
                    true => Polled::End,
                    false => Polled::Pending,
                },
                State::Failing(count) => count.poll(&self.path)?,
            };
            if polled != Polled::More {
                return Ok(polled);
            }
        }
    }

    fn position(&self) -> Option<SplitPosition> {
        match self.ending {
            Ending::File => Some(SplitPosition::of(&self.place())),
            Ending::Stream | Ending::Growing => None,
        }
    }

    fn rejected(&self) -> u64 {
        self.rejects.count()
    }

    fn bytes(&self) -> u64 {
        self.input.bytes()
    }
}

/// Emits a record, or deals with a bad line.
#[inline]
fn take<T: Record>(
    decoded: Decoded<T>,
    rejects: &mut Rejects,
    out: &mut Emitter<'_, T>,
) -> Result<(), FileSourceError> {
    match decoded {
        Ok(record) => {
            out.emit(&record);
            Ok(())
        }
        Err(bad) => rejects.take(bad, out),
    }
}

/// The decoder of the file's format; chosen once a chunk, not once a record.
enum AnyDecoder<T> {
    Csv(CsvDecoder<T>),
    Json(JsonDecoder<T>),
    Text(TextDecoder<T>),
}

impl<T: DeserializeOwned> AnyDecoder<T> {
    fn open(
        format: FileFormat,
        extent: &Extent,
        split: &FileSplit,
        max_line_bytes: usize,
    ) -> Result<Self, FileSourceError> {
        match format {
            FileFormat::Csv(options) => {
                let header = split.header.as_deref().cloned();
                let form =
                    |source| FileSourceError::Form { path: split.path.to_path_buf(), source };
                let options = options.max_line_bytes(options.line_limit().min(max_line_bytes));
                CsvDecoder::open(options, extent, header).map(Self::Csv).map_err(form)
            }
            FileFormat::Ndjson => Ok(Self::Json(JsonDecoder::open(extent, max_line_bytes))),
            FileFormat::Text => {
                let name = split.path.to_string_lossy();
                Ok(Self::Text(TextDecoder::open(&name, extent, max_line_bytes)))
            }
        }
    }

    fn decode<E>(&mut self, bytes: &[u8], emit: &mut E) -> Result<Progress, DecodeError>
    where
        E: FnMut(Decoded<T>) -> ControlFlow<()>,
    {
        match self {
            Self::Csv(decoder) => decoder.decode(bytes, emit),
            Self::Json(decoder) => decoder.decode(bytes, emit),
            Self::Text(decoder) => decoder.decode(bytes, emit),
        }
    }

    fn finish(&mut self) -> Result<Option<Decoded<T>>, DecodeError> {
        match self {
            Self::Csv(decoder) => decoder.finish(),
            Self::Json(decoder) => decoder.finish(),
            Self::Text(decoder) => decoder.finish(),
        }
    }

    fn position(&self) -> Position {
        match self {
            Self::Csv(decoder) => decoder.position(),
            Self::Json(decoder) => decoder.position(),
            Self::Text(decoder) => decoder.position(),
        }
    }
}

/// Counts the lines before a bad one, in a split that nobody has read from the file's start; only plain files have such splits.
struct LineCount {
    bad: BadLine,
    input: Input,
    text: Vec<u8>,
    /// Bytes before the bad line that are still to be looked at.
    left: u64,
    breaks: u64,
}

impl LineCount {
    fn start(files: &dyn Files, path: &Path, bad: BadLine) -> Result<Self, FileSourceError> {
        let input = Input::open(files, path, Compression::Plain, 0)?;
        Ok(Self { left: bad.offset, bad, input, text: Vec::new(), breaks: 0 })
    }

    /// Reads on; ends with the error that started it.
    fn poll(&mut self, path: &Path) -> Result<Polled, FileSourceError> {
        self.text.clear();
        let polled = match self.left {
            0 => ReadPoll::End,
            _ => self.input.poll(path, &mut self.text)?,
        };
        let count = usize::try_from(self.left).unwrap_or(usize::MAX).min(self.text.len());
        self.breaks += memchr::memchr_iter(b'\n', &self.text[..count]).count() as u64;
        self.left -= count as u64;
        if polled != ReadPoll::End {
            return Ok(Polled::Pending);
        }
        let line = (self.left == 0).then_some(self.breaks + 1);
        let bad = BadLine { line, ..self.bad.clone() };
        Err(FileSourceError::Line { path: path.to_owned(), bad })
    }
}
