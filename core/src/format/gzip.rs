//! Streaming gzip: compressed chunks in, a bounded number of plain bytes out per call.
//!
//! A file may have several members one after the other (`cat a.gz b.gz`, bgzip, log rotation);
//! their contents are joined, and each one's checksum and length are checked.
//!
//! # Invariants
//!
//! 1. One call appends at most `max_output` bytes, whatever the ratio: a decompression bomb takes
//!    many calls, never much memory.
//! 2. After an error no byte that failed its checksum is mistaken for the end of good data: the
//!    error is sticky.
//!
//! # Not here
//!
//! No seeking: to resume at an offset, inflate from the start and drop what comes before it.

mod header;

use flate2::{Crc, Decompress, FlushDecompress, Status};

use header::{Field, HeaderParser};

/// The two bytes every member starts with.
pub const MAGIC: [u8; 2] = [0x1F, 0x8B];

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Compression {
    /// Not at all.
    Plain,
    /// As gzip.
    Gzip,
}

impl Compression {
    /// What the first bytes of a file say; they are right where the name is not.
    pub fn of_content(first: &[u8]) -> Self {
        if first.starts_with(&MAGIC) { Self::Gzip } else { Self::Plain }
    }

    /// What a file's name says: `.gz`, `.gzip` and `.tgz` in any case are gzip.
    pub fn of_name(name: &str) -> Self {
        let gzip = name.rsplit_once('.').is_some_and(|(_, extension)| {
            ["gz", "gzip", "tgz"].iter().any(|known| extension.eq_ignore_ascii_case(known))
        });
        if gzip { Self::Gzip } else { Self::Plain }
    }
}

/// Why a gzip stream ends early; `offset` counts compressed bytes from the start of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GzipError {
    /// Something else stands where a member has to start. Is the file plain, or was it appended to?
    #[error(
        "no gzip member starts at compressed byte {offset}; was something else appended to the file?"
    )]
    NotGzip {
        /// Where.
        offset: u64,
    },
    /// The header asks for what no gzip has: another method than deflate, or reserved flags.
    #[error("the gzip header at compressed byte {offset} is not valid; fetch the file again")]
    BadHeader {
        /// The byte at fault.
        offset: u64,
    },
    /// The compressed data is damaged. Fetch the file again.
    #[error("the gzip stream is corrupt near compressed byte {offset}; fetch the file again")]
    Corrupt {
        /// Where it was noticed; the damage may lie before.
        offset: u64,
    },
    /// Data and checksum, or data and length, disagree. Fetch the file again.
    #[error(
        "the checksum of the gzip member that ends at compressed byte {offset} does not match; fetch the file again"
    )]
    ChecksumMismatch {
        /// The end of the member.
        offset: u64,
    },
    /// The file ends inside a member. It is still being written, or its transfer broke off.
    #[error(
        "the gzip stream is cut off at compressed byte {offset}; wait until all of it is written, or fetch the file again"
    )]
    Truncated {
        /// The length of what is there.
        offset: u64,
    },
}

/// What one call of [`Inflate::push`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inflated {
    /// Bytes of `input` that need not be offered again.
    pub consumed: usize,
    /// Bytes appended to `output`.
    pub produced: usize,
    /// Whether `max_output` ended the call: call again, even if all input is consumed.
    pub full: bool,
}

/// Inflates one gzip file.
#[derive(Debug)]
pub struct Inflate {
    state: State,
    deflate: Decompress,
    crc: Crc,
    /// Compressed bytes consumed.
    offset: u64,
    failed: Option<GzipError>,
}

#[derive(Debug)]
enum State {
    Header(HeaderParser),
    Body,
    Trailer {
        bytes: [u8; 8],
        have: usize,
    },
    /// Behind a member: another one, padding of zeros, or the end.
    Between,
    Padding,
}

impl Default for Inflate {
    fn default() -> Self {
        Self::new()
    }
}

impl Inflate {
    /// At the start of a file.
    pub fn new() -> Self {
        Self {
            state: State::Header(HeaderParser::new()),
            deflate: Decompress::new(false),
            crc: Crc::new(),
            offset: 0,
            failed: None,
        }
    }

    /// Inflates `input` and appends at most `max_output` bytes to `output`.
    ///
    /// Call it until everything is consumed and the result is not `full`; then bring more input.
    ///
    /// # Errors
    ///
    /// [`GzipError`]; what was appended before is good as far as its member's data goes, but not
    /// covered by a checksum yet. Every later call fails the same way.
    ///
    /// # Panics
    ///
    /// If `max_output` is 0: no number of calls would get anywhere.
    pub fn push(
        &mut self,
        input: &[u8],
        output: &mut Vec<u8>,
        max_output: usize,
    ) -> Result<Inflated, GzipError> {
        assert!(max_output > 0, "inflating needs room for its output");
        if let Some(error) = self.failed {
            return Err(error);
        }
        let before = output.len();
        // Zeroing costs a few per cent of inflating; the buffer keeps its size between calls.
        output.resize(before + max_output, 0);
        let result = self.run(input, &mut output[before..]);
        output.truncate(before + result.as_ref().map_or(0, |done| done.produced));
        self.failed = result.as_ref().err().copied();
        result
    }

    /// Checks that the stream may end here.
    ///
    /// # Errors
    ///
    /// [`GzipError::Truncated`] inside a member; an empty file is cut off, too. Or the error that
    /// `push` gave before.
    pub fn finish(&self) -> Result<(), GzipError> {
        match (self.failed, &self.state) {
            (Some(error), _) => Err(error),
            (None, State::Between | State::Padding) => Ok(()),
            (None, _) => Err(GzipError::Truncated { offset: self.offset }),
        }
    }

    fn run(&mut self, input: &[u8], output: &mut [u8]) -> Result<Inflated, GzipError> {
        let (mut consumed, mut produced) = (0, 0);
        loop {
            let rest = &input[consumed..];
            if matches!(self.state, State::Body) {
                let (used, made) = self.inflate(rest, &mut output[produced..])?;
                consumed += used;
                produced += made;
                if matches!(self.state, State::Body) {
                    let full = produced == output.len();
                    if full || consumed == input.len() {
                        return Ok(Inflated { consumed, produced, full });
                    }
                }
                continue;
            }
            let Some(&byte) = rest.first() else {
                return Ok(Inflated { consumed, produced, full: false });
            };
            self.on_byte(byte)?;
            consumed += 1;
            self.offset += 1;
        }
    }

    /// One step of inflating; moves on to the trailer at the end of the member's data.
    fn inflate(&mut self, input: &[u8], output: &mut [u8]) -> Result<(usize, usize), GzipError> {
        let (in_before, out_before) = (self.deflate.total_in(), self.deflate.total_out());
        let status = self.deflate.decompress(input, output, FlushDecompress::None);
        let used = to_usize(self.deflate.total_in() - in_before);
        let made = to_usize(self.deflate.total_out() - out_before);
        self.offset += used as u64;
        self.crc.update(&output[..made]);
        match status {
            Ok(Status::StreamEnd) => self.state = State::Trailer { bytes: [0; 8], have: 0 },
            // No progress although there is input and room: only damaged data does that.
            Ok(_) if used + made == 0 && !input.is_empty() && !output.is_empty() => {
                return Err(GzipError::Corrupt { offset: self.offset });
            }
            Ok(_) => {}
            Err(_) => return Err(GzipError::Corrupt { offset: self.offset }),
        }
        Ok((used, made))
    }

    /// Takes one byte of anything but compressed data.
    fn on_byte(&mut self, byte: u8) -> Result<(), GzipError> {
        let offset = self.offset;
        match &mut self.state {
            State::Header(parser) => match parser.on_byte(byte) {
                Field::More => {}
                Field::Done => self.state = State::Body,
                Field::NotGzip => return Err(GzipError::NotGzip { offset }),
                Field::Invalid => return Err(GzipError::BadHeader { offset }),
            },
            State::Trailer { bytes, have } => {
                bytes[*have] = byte;
                *have += 1;
                if *have == bytes.len() {
                    let found = u64::from_le_bytes(*bytes);
                    return self.end_member(found);
                }
            }
            State::Between | State::Padding if byte == 0 => self.state = State::Padding,
            State::Between => {
                let mut parser = HeaderParser::new();
                if !matches!(parser.on_byte(byte), Field::More) {
                    return Err(GzipError::NotGzip { offset });
                }
                self.state = State::Header(parser);
            }
            State::Padding => return Err(GzipError::NotGzip { offset }),
            State::Body => unreachable!("`run` inflates in this state"),
        }
        Ok(())
    }

    /// `trailer` is the checksum in the low half, the length modulo 2^32 in the high half.
    fn end_member(&mut self, trailer: u64) -> Result<(), GzipError> {
        let expected = u64::from(self.crc.sum()) | u64::from(self.crc.amount()) << 32;
        if trailer != expected {
            return Err(GzipError::ChecksumMismatch { offset: self.offset + 1 });
        }
        self.deflate.reset(false);
        self.crc.reset();
        self.state = State::Between;
        Ok(())
    }
}

fn to_usize(bytes: u64) -> usize {
    usize::try_from(bytes).expect("invariant: one step moves no more than two slices hold")
}

#[cfg(test)]
mod tests;
