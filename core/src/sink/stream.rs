//! Writes lines into a byte stream: a socket, or standard output.
//!
//! # Invariants
//!
//! 1. A record is encoded once, and stays in the buffer until all of it was handed to the system; so a connection that is lost is
//!    followed by one that begins with a whole record.
//! 2. A checkpoint does not wait for the other side: it has the records that were not handed over whole, and a writer that goes on from it begins with them.
//! 3. Standard output gets whole records, as long as they fit into what a pipe takes at once: behind one that was sent in part only its rest may follow, in this process or the next, so for the
//!    rest of a longer one a checkpoint does wait.
//! 4. The buffer holds its limit and one run of records more at most: then the writer is not ready, and the job waits.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::encoder::AnyEncoder;
use super::{Prepared, Sink, SinkWriter, Writers};
use crate::error::OperatorFault;
use crate::exchange::Records;
use crate::format::EncodeError;
use crate::io::{ByteStream, StandardOutput};
use crate::record::Record;
use crate::source::{Attempts, Connect, FileFormat, OpenContext, StandardSink, StreamError};

/// A record that has no form in the stream's format.
#[derive(Debug, thiserror::Error)]
#[error("a record cannot be written to {address}")]
pub struct StreamSinkError {
    /// Where.
    pub address: String,
    /// Why.
    pub source: EncodeError,
}

/// Writes lines into one stream, and into the next if that is lost.
pub struct StreamWriter<T> {
    address: String,
    encoder: AnyEncoder<T>,
    /// What each connection begins with; `None` until the first record.
    header: Option<Vec<u8>>,
    buffer: Buffer,
    limit: usize,
    stream: Option<Box<dyn ByteStream>>,
    /// How to get another one.
    attempts: Option<Attempts>,
    is_finished: bool,
}

crate::operator::opaque_debug!(StreamWriter<T>);

/// Whole records, the first of them perhaps sent in part.
#[derive(Debug, Default)]
struct Buffer {
    bytes: Vec<u8>,
    /// Bytes that were handed to the system.
    sent: usize,
    /// Where records end, of those that were not handed over whole.
    ends: VecDeque<usize>,
    /// Where the first of them starts.
    start: usize,
    /// Where the header of this connection ends, while it is in the buffer.
    header_end: usize,
}

impl Buffer {
    fn left(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }

    /// Of what is left the records that fit into `most` bytes; if the first does not, its front.
    fn left_whole(&self, most: usize) -> &[u8] {
        let fit = self.ends.partition_point(|end| *end <= self.sent + most);
        let end = self.ends.get(fit.saturating_sub(1)).map_or(self.bytes.len(), |end| *end);
        &self.bytes[self.sent..end]
    }

    /// Whether the front of a record was handed over, and not its end.
    fn is_torn(&self) -> bool {
        self.sent > self.start
    }

    fn end_record(&mut self) {
        self.ends.push_back(self.bytes.len());
    }

    fn on_sent(&mut self, count: usize) {
        self.sent += count;
        while let Some(end) = self.ends.front().copied().filter(|end| *end <= self.sent) {
            self.start = end;
            self.ends.pop_front();
        }
        if self.start > COMPACT_BYTES || self.start == self.bytes.len() {
            self.bytes.drain(..self.start);
            self.ends.iter_mut().for_each(|end| *end -= self.start);
            self.sent -= self.start;
            self.header_end = self.header_end.saturating_sub(self.start);
            self.start = 0;
        }
    }

    /// The records that were not handed over whole.
    fn unsent(&self) -> impl Iterator<Item = &[u8]> {
        let mut from = self.start.max(self.header_end);
        self.ends.iter().map(move |end| &self.bytes[std::mem::replace(&mut from, *end)..*end])
    }

    /// For a new connection: the header, then every record that was not handed over whole.
    fn rewind(&mut self, header: &[u8]) {
        let done = self.start.max(self.header_end);
        self.bytes.splice(..done, header.iter().copied());
        self.ends.iter_mut().for_each(|end| *end = *end - done + header.len());
        (self.sent, self.start, self.header_end) = (0, 0, header.len());
    }
}

/// What a checkpoint has of a buffer.
#[derive(Debug, Serialize, Deserialize)]
struct Held {
    header: String,
    records: Vec<String>,
}

/// So many bytes are sent although more may follow: a call a packet or two is not worth saving.
const SEND_BYTES: usize = 16 << 10;
/// Sent bytes are given back when there are so many.
const COMPACT_BYTES: usize = 64 << 10;
/// Bytes that a pipe which is ready takes at once, or not at all (POSIX, `PIPE_BUF` of Linux).
const WHOLE_BYTES: usize = 4096;
/// What is kept for standard output: a screen of lines.
const STANDARD_BYTES: usize = 64 << 10;

impl<T: Serialize> StreamWriter<T> {
    fn new(address: String, format: FileFormat, limit: usize) -> Self {
        Self {
            address,
            encoder: AnyEncoder::new(format),
            header: None,
            buffer: Buffer::default(),
            limit,
            stream: None,
            attempts: None,
            is_finished: false,
        }
    }

    /// Begins with what a checkpoint has.
    fn hold(mut self, restored: &[Prepared]) -> Result<Self, OperatorFault> {
        for prepared in restored {
            let Held { header, records } = prepared.read()?;
            for record in records {
                self.buffer.bytes.extend_from_slice(record.as_bytes());
                self.buffer.end_record();
            }
            // Each connection begins with it, so no record comes with it any more.
            self.encoder = self.encoder.appending();
            self.header = Some(header.into_bytes());
        }
        if let Some(header) = self.header.as_deref().filter(|_| self.stream.is_some()) {
            self.buffer.rewind(header);
        }
        Ok(self)
    }

    fn encode(&mut self, record: &T) -> Result<(), OperatorFault> {
        let Self { encoder, buffer, header, address, .. } = self;
        let failed = |source| StreamSinkError { address: address.clone(), source };
        if header.is_none() {
            // The first row comes with the header, the second time it comes alone.
            let (mut first, mut row) = (Vec::new(), Vec::new());
            encoder.encode(record, &mut first).map_err(failed)?;
            encoder.encode(record, &mut row).map_err(failed)?;
            first.truncate(first.len() - row.len());
            if self.stream.is_some() {
                buffer.rewind(&first);
            }
            *header = Some(first);
        }
        let Self { encoder, buffer, address, .. } = self;
        let failed = |source| StreamSinkError { address: address.clone(), source };
        encoder.encode(record, &mut buffer.bytes).map_err(failed)?;
        buffer.end_record();
        Ok(())
    }

    /// Hands over as much as is taken.
    fn send(&mut self) -> Result<(), OperatorFault> {
        while !self.buffer.left().is_empty() {
            let Some(stream) = &mut self.stream else {
                if !self.connect()? {
                    return Ok(());
                }
                continue;
            };
            // What is lost with a socket is sent again whole.
            let bytes = match self.attempts {
                Some(_) => self.buffer.left(),
                None => self.buffer.left_whole(WHOLE_BYTES),
            };
            match stream.poll_write(bytes) {
                Ok(0) => return Ok(()),
                Ok(count) => self.buffer.on_sent(count),
                Err(error) => self.on_lost(error)?,
            }
        }
        Ok(())
    }

    fn connect(&mut self) -> Result<bool, OperatorFault> {
        let attempts = self.attempts.as_mut().expect("invariant: only a socket is lost");
        self.stream = attempts.poll(false)?;
        if self.stream.is_some() {
            let header = self.header.as_deref().unwrap_or_default();
            self.buffer.rewind(header);
        }
        Ok(self.stream.is_some())
    }

    fn on_lost(&mut self, error: std::io::Error) -> Result<(), OperatorFault> {
        self.stream = None;
        if !self.attempts.as_mut().is_some_and(Attempts::on_lost) {
            return Err(StreamError::fault("write to", &self.address, error));
        }
        tracing::warn!(address = %self.address, %error, "the connection is lost");
        Ok(())
    }
}

impl<T: Record + Serialize> SinkWriter<T> for StreamWriter<T> {
    fn poll_ready(&mut self) -> Result<bool, OperatorFault> {
        if self.buffer.left().len() >= self.limit {
            self.send()?;
        }
        Ok(self.buffer.left().len() < self.limit)
    }

    fn write(&mut self, run: Records<'_, T>) -> Result<(), OperatorFault> {
        run.iter().try_for_each(|(record, _)| self.encode(&record.to_value()))?;
        if self.buffer.left().len() >= SEND_BYTES {
            self.send()?;
        }
        Ok(())
    }

    fn holds_back(&self) -> bool {
        !self.buffer.left().is_empty()
    }

    fn poll_flush(&mut self) -> Result<bool, OperatorFault> {
        self.send()?;
        Ok(self.buffer.left().is_empty())
    }

    fn poll_prepare(&mut self, _: u64) -> Result<Option<Prepared>, OperatorFault> {
        if self.poll_flush()? {
            return Ok(Some(Prepared::nothing()));
        }
        if self.attempts.is_none() && self.buffer.is_torn() {
            return Ok(None);
        }
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
        let header = text(self.header.as_deref().unwrap_or_default());
        let records: Option<Vec<_>> = self.buffer.unsent().map(text).collect();
        // What is no text has to leave first.
        let held = header.zip(records).map(|(header, records)| Held { header, records });
        Ok(held.map(|held| Prepared::of(&held)))
    }

    fn poll_close(&mut self) -> Result<bool, OperatorFault> {
        if !self.poll_flush()? {
            return Ok(false);
        }
        if let Some(stream) = self.stream.as_mut().filter(|_| !self.is_finished) {
            let finished = stream.finish();
            finished.map_err(|error| StreamError::fault("close", &self.address, error))?;
            self.is_finished = true;
        }
        Ok(true)
    }
}

impl<T: Record + Serialize> Sink<T> for Connect<T> {
    type Writer = StreamWriter<T>;

    fn writers(&self) -> Writers {
        Writers::One
    }

    fn open(&self, context: &OpenContext) -> Result<StreamWriter<T>, OperatorFault> {
        let address = self.address.to_string();
        let mut writer = StreamWriter::new(address, self.lines.format, self.buffer_bytes);
        writer.attempts = Some(Attempts::new(&self.address, self.reconnect, context));
        writer.hold(&context.restored)
    }

    fn describe(&self) -> String {
        self.describe()
    }
}

impl<T: Record + Serialize> Sink<T> for StandardSink<T> {
    type Writer = StreamWriter<T>;

    fn writers(&self) -> Writers {
        Writers::One
    }

    fn open(&self, context: &OpenContext) -> Result<StreamWriter<T>, OperatorFault> {
        let name = name(self.which);
        let stream = context.streams.output(self.which);
        let stream = stream.map_err(|error| StreamError::fault("open", &name, error))?;
        let mut writer = StreamWriter::new(name.to_owned(), self.lines.format, STANDARD_BYTES);
        writer.stream = Some(stream);
        writer.hold(&context.restored)
    }

    fn describe(&self) -> String {
        format!("{} to {}", self.lines.format.name(), name(self.which))
    }
}

fn name(which: StandardOutput) -> &'static str {
    match which {
        StandardOutput::Output => "standard output",
        StandardOutput::Error => "standard error",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::error::error_chain;
    use crate::io::ReadPoll;
    use crate::record::Str;

    /// Takes as many writes as this, of so many bytes at most.
    #[derive(Debug)]
    struct Pipe {
        writes: usize,
        most: usize,
        taken: Arc<Mutex<Vec<u8>>>,
    }

    impl ByteStream for Pipe {
        fn poll_connected(&mut self) -> std::io::Result<bool> {
            Ok(true)
        }

        fn poll_read(&mut self, _: &mut Vec<u8>, _: usize) -> std::io::Result<ReadPoll> {
            Ok(ReadPoll::Pending)
        }

        fn poll_write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let count = if self.writes == 0 { 0 } else { bytes.len().min(self.most) };
            self.writes = self.writes.saturating_sub(1);
            self.taken.lock().unwrap().extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn finish(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn standard(pipe: Pipe) -> StreamWriter<Str> {
        let mut writer = StreamWriter::new("standard output".into(), FileFormat::Ndjson, 1 << 20);
        writer.stream = Some(Box::new(pipe));
        writer
    }

    #[test]
    fn a_checkpoint_has_what_standard_output_does_not_take() {
        let taken = Arc::default();
        let mut writer = standard(Pipe { writes: 1, most: 4096, taken: Arc::clone(&taken) });
        let lines: Vec<_> = (0..100).map(|n| Str::from(format!("{n:078}"))).collect();
        lines.iter().for_each(|line| writer.encode(line).unwrap());
        let prepared = SinkWriter::<Str>::poll_prepare(&mut writer, 1).unwrap().unwrap();
        // Whole lines of 81 bytes.
        let first = taken.lock().unwrap().clone();
        assert_eq!((first.len(), first.last()), (4050, Some(&b'\n')));
        let after = Arc::default();
        let pipe = Pipe { writes: 9, most: 4096, taken: Arc::clone(&after) };
        let mut writer = standard(pipe).hold(&[prepared]).unwrap();
        assert!(SinkWriter::<Str>::poll_close(&mut writer).unwrap());
        let both = [first, after.lock().unwrap().clone()].concat();
        let expected: String = lines.iter().map(|line| format!("\"{line}\"\n")).collect();
        assert_eq!(String::from_utf8(both).unwrap(), expected);
    }

    #[test]
    fn a_checkpoint_waits_for_the_rest_of_a_record_that_standard_output_took_in_part() {
        let taken = Arc::default();
        let mut writer = standard(Pipe { writes: 1, most: 4096, taken: Arc::clone(&taken) });
        writer.encode(&"long ".repeat(1_000).into()).unwrap();
        writer.encode(&"short".into()).unwrap();
        assert!(SinkWriter::<Str>::poll_prepare(&mut writer, 1).unwrap().is_none());
        let pipe = Pipe { writes: 1, most: 4096, taken: Arc::clone(&taken) };
        writer.stream = Some(Box::new(pipe));
        // The rest of the long one, and the short one with it.
        let prepared = SinkWriter::<Str>::poll_prepare(&mut writer, 1).unwrap();
        assert!(prepared.unwrap().is_nothing());
        assert!(taken.lock().unwrap().ends_with(b"\n\"short\"\n"));
    }

    #[test]
    fn a_record_that_has_no_form_is_refused_with_where_it_was_to_go() {
        for (which, name) in
            [(StandardOutput::Output, "standard output"), (StandardOutput::Error, "standard error")]
        {
            let mut writer = StreamWriter::new(self::name(which).into(), FileFormat::Text, 1 << 20);
            let error = writer.encode(&Str::from("two\nlines")).unwrap_err();
            assert_eq!(
                error_chain(&*error),
                format!(
                    "a record cannot be written to {name}: the text has a line break in it, so it is no line of text; \
                     leave the break out, or use NDJSON"
                )
            );
        }
    }

    #[test]
    fn what_was_not_handed_over_whole_is_held_without_its_header() {
        let mut buffer = Buffer::default();
        buffer.rewind(b"h\n");
        for text in ["one\n", "two\n", "three\n"] {
            buffer.bytes.extend_from_slice(text.as_bytes());
            buffer.end_record();
        }
        let unsent = |buffer: &Buffer| -> Vec<_> {
            buffer.unsent().map(|record| String::from_utf8(record.to_vec()).unwrap()).collect()
        };
        buffer.on_sent(1);
        assert_eq!(unsent(&buffer), ["one\n", "two\n", "three\n"]);
        buffer.on_sent(6);
        assert_eq!(unsent(&buffer), ["two\n", "three\n"]);
        buffer.on_sent(9);
        assert!(unsent(&buffer).is_empty());
    }

    #[test]
    fn a_record_that_was_sent_in_part_is_sent_again_whole_behind_a_header() {
        let mut buffer = Buffer::default();
        for text in ["one\n", "two\n", "three\n"] {
            buffer.bytes.extend_from_slice(text.as_bytes());
            buffer.end_record();
        }
        buffer.rewind(b"h\n");
        buffer.on_sent(1);
        // Not even the header has left.
        buffer.rewind(b"h\n");
        assert_eq!(buffer.left(), b"h\none\ntwo\nthree\n");
        buffer.on_sent(8);
        assert_eq!(buffer.left(), b"o\nthree\n");
        buffer.rewind(b"h\n");
        assert_eq!(buffer.left(), b"h\ntwo\nthree\n");
        buffer.on_sent(6);
        assert_eq!(buffer.left(), b"three\n");
        buffer.rewind(b"h\n");
        assert_eq!(buffer.left(), b"h\nthree\n");
        buffer.on_sent(8);
        assert!(buffer.bytes.is_empty() && buffer.ends.is_empty() && buffer.left().is_empty());
    }
}
