//! NDJSON: one JSON object a line, both directions.
//!
//! sonic-rs reads straight into the record's type; fields that the record does not have are
//! stepped over. Only its checked functions are used, and serde_json is the oracle that the tests
//! hold it against. Measured by `bench/src/bin/decode.rs` with owned strings, in millions of records
//! a second on one core: 91-byte events 4.6 (serde_json 4.4), 160-byte departures 2.5 (2.2); with
//! thin link-time optimisation 6.1 and 3.3; without it a profile shows a tiny function of sonic-rs'
//! reader that is called, not inlined.
//!
//! # Not here
//!
//! No JSON over several lines and no top-level arrays: a line is the unit of splits and of errors.

use std::io::Write;
use std::marker::PhantomData;
use std::ops::ControlFlow;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::decode::{BadLine, DecodeError, Decoded, Decoder, Pace, Position, Progress};
use super::encode::{EncodeError, Encoder};
use super::line::{Line, LineSplitter, MAX_LINE_BYTES};
use super::split::Extent;
use crate::record::is_deeper;

/// Brackets that may be open at once in a line: as many levels as serde_json allows.
const MAX_DEPTH: usize = 128;

/// Decodes one split of an NDJSON file into records of type `T`; blank lines are skipped.
#[derive(Debug)]
pub struct JsonDecoder<T> {
    lines: LineSplitter,
    marker: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> JsonDecoder<T> {
    /// A decoder for a whole file, with lines of up to 16 MiB.
    pub fn new() -> Self {
        Self::open(&Extent::whole(), MAX_LINE_BYTES)
    }

    /// A decoder for `extent`; feed it the file's bytes from [`Extent::read_from`] on.
    pub fn open(extent: &Extent, max_line_bytes: usize) -> Self {
        Self { lines: LineSplitter::new(extent, max_line_bytes, None), marker: PhantomData }
    }
}

impl<T: DeserializeOwned> Default for JsonDecoder<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: DeserializeOwned> Decoder<T> for JsonDecoder<T> {
    fn decode<E>(&mut self, bytes: &[u8], emit: &mut E) -> Result<Progress, DecodeError>
    where
        E: FnMut(Decoded<T>) -> ControlFlow<()>,
    {
        let mut rest = bytes;
        while let Some(line) = self.lines.next_line(&mut rest) {
            let Some(decoded) = on_line(line) else { continue };
            if emit(decoded).is_break() {
                return Ok(Progress { consumed: bytes.len() - rest.len(), pace: Pace::Paused });
            }
        }
        let pace = if self.lines.is_done() { Pace::SplitEnd } else { Pace::NeedInput };
        Ok(Progress { consumed: bytes.len() - rest.len(), pace })
    }

    fn finish(&mut self) -> Result<Option<Decoded<T>>, DecodeError> {
        Ok(self.lines.finish().and_then(on_line))
    }

    fn position(&self) -> Position {
        self.lines.position()
    }
}

fn on_line<T: DeserializeOwned>(line: Result<Line<'_>, BadLine>) -> Option<Decoded<T>> {
    match line {
        Ok(line) if line.bytes.trim_ascii_start().is_empty() => None,
        Ok(line) if is_deeper(line.bytes, MAX_DEPTH) => Some(Err(too_deep(&line))),
        Ok(line) => Some(sonic_rs::from_slice(line.bytes).map_err(|error| bad_line(&line, &error))),
        Err(bad) => Some(Err(bad)),
    }
}

#[cold]
fn too_deep(line: &Line<'_>) -> BadLine {
    BadLine::new(line, format!("nested more than {MAX_DEPTH} levels deep"))
}

/// sonic-rs prints its place and a picture of it behind the reason; the place is ours to tell.
#[cold]
fn bad_line(line: &Line<'_>, error: &sonic_rs::Error) -> BadLine {
    let full = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let reason = full.find(&place).map_or(&*full, |end| &full[..end]);
    let placed = error.line() != 0;
    BadLine {
        column: placed.then(|| error.offset().min(line.bytes.len()) as u64 + 1),
        ..BadLine::new(line, reason.trim_end())
    }
}

/// Encodes records of type `T` as NDJSON.
///
/// `None` is `null`, and so is a float that is no number: JSON has no word for it.
#[derive(Debug)]
pub struct JsonEncoder<T> {
    marker: PhantomData<fn(&T)>,
}

impl<T: Serialize> JsonEncoder<T> {
    /// An encoder.
    pub fn new() -> Self {
        Self { marker: PhantomData }
    }
}

impl<T: Serialize> Default for JsonEncoder<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Serialize> Encoder<T> for JsonEncoder<T> {
    fn encode(&mut self, record: &T, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let before = out.len();
        if let Err(error) = sonic_rs::to_writer(out.by_ref(), record) {
            out.truncate(before);
            return Err(EncodeError::Json(error));
        }
        out.push(b'\n');
        Ok(())
    }

    fn start_file(&mut self) {}
}

#[cfg(test)]
mod tests;
