//! Cuts chunks of bytes into lines, without copying those that lie inside one chunk.
//!
//! A line ends at `\n`, `\r\n` or the end of the input; a byte order mark at the start of the file
//! is dropped. With [`Quotes`] a line break inside a quoted cell does not end the line.
//!
//! # Invariants
//!
//! 1. `carry` holds bytes of the current line only, and at most one more than `max_line_bytes`.
//! 2. `next.byte + pending` is the file offset of the first byte that was not consumed.
//! 3. `next` moves only when a line is handed out or skipped for good, so it is always a place to
//!    resume from.
//! 4. Whether a line is too long depends on its length alone, not on how it was chunked.
//!
//! # Not here
//!
//! No meaning: empty lines come out as empty lines. A lone `\r` (Mac OS before 2001) ends nothing.

mod quotes;

pub use quotes::Quotes;

use super::decode::{BadLine, Position};
use super::split::Extent;
use quotes::QuoteScan;

/// The default of `max_line_bytes`: far above real records, far below what hurts a worker.
pub const MAX_LINE_BYTES: usize = 16 << 20;

/// A carry that grew beyond this is given back after the long line is done.
const KEEP_CARRY_BYTES: usize = 1 << 20;

const BYTE_ORDER_MARK: [u8; 3] = [0xEF, 0xBB, 0xBF];

/// A line without its line break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// Where it starts.
    pub position: Position,
    /// Its bytes, in the caller's chunk if they lie there whole.
    pub bytes: &'a [u8],
}

/// Cuts one split of a file into lines; fed chunk by chunk.
#[derive(Debug)]
pub struct LineSplitter {
    max_line_bytes: usize,
    quotes: Option<QuoteScan>,
    state: State,
    carry: Vec<u8>,
    /// The carry was handed out by the previous call.
    spent: bool,
    next: Position,
    /// Bytes consumed since `next.byte`.
    pending: u64,
    /// The split's end: the first offset at which a line belongs to the next split.
    end: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Skipping the tail of a line that the split before this one owns.
    Foreign,
    /// Between two lines.
    Between,
    /// At the first byte of the file, where a byte order mark may stand.
    Mark,
    /// Inside a line.
    Inside,
    /// Inside a line that is too long already; `breaks` counts the line breaks it swallowed.
    TooLong { breaks: u64 },
    /// At the split's end.
    Done,
}

enum Found<'a> {
    InChunk(&'a [u8]),
    InCarry,
    TooLong,
}

impl LineSplitter {
    /// A splitter for `extent`; feed it the file's bytes from [`Extent::read_from`] on.
    pub fn new(extent: &Extent, max_line_bytes: usize, quotes: Option<Quotes>) -> Self {
        Self {
            max_line_bytes,
            quotes: quotes.map(QuoteScan::new),
            state: if extent.starts_inside_line() { State::Foreign } else { State::Between },
            carry: Vec::new(),
            spent: false,
            next: extent.at,
            pending: 0,
            end: extent.range.end,
        }
    }

    /// Takes the next line off the front of `input`; `None` when it needs more or [`is_done`].
    ///
    /// On `None` all of `input` is consumed, unless the split is done.
    ///
    /// # Errors
    ///
    /// A line of more than `max_line_bytes` comes out as a bad line, and the next one starts after
    /// its first line break beyond the limit. So an unclosed quote costs that much, not the file.
    ///
    /// [`is_done`]: Self::is_done
    #[inline]
    pub fn next_line<'a, 'c: 'a>(
        &'a mut self,
        input: &mut &'c [u8],
    ) -> Option<Result<Line<'a>, BadLine>> {
        self.clear_spent();
        let found = self.advance(input)?;
        Some(self.hand_out(found))
    }

    /// The last line, if the input ended without a line break.
    ///
    /// # Errors
    ///
    /// As [`Self::next_line`].
    pub fn finish(&mut self) -> Option<Result<Line<'_>, BadLine>> {
        self.clear_spent();
        let found = match self.state {
            State::TooLong { .. } => Some(Found::TooLong),
            State::Inside | State::Mark if !self.carry.is_empty() => Some(Found::InCarry),
            _ => None,
        };
        let found = found.map(|found| self.hand_out_state(found));
        self.state = State::Done;
        found.map(|(found, position)| self.build(found, position))
    }

    /// Whether the split's end is reached.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Where the next line starts that was not handed out.
    pub fn position(&self) -> Position {
        self.next
    }

    #[inline]
    fn clear_spent(&mut self) {
        if self.spent {
            self.spent = false;
            self.carry.clear();
            if self.carry.capacity() > KEEP_CARRY_BYTES {
                self.carry = Vec::new();
            }
        }
    }

    #[inline]
    fn advance<'a>(&mut self, input: &mut &'a [u8]) -> Option<Found<'a>> {
        loop {
            match self.state {
                State::Inside => return self.scan_line(input),
                State::Between if self.next.byte >= self.end => self.state = State::Done,
                State::Between if self.next.byte == 0 => self.state = State::Mark,
                State::Between => self.state = State::Inside,
                State::Mark => self.skip_mark(input)?,
                State::Foreign => {
                    self.skip_to_break(input)?;
                    self.start_next(None);
                }
                State::TooLong { .. } => {
                    self.skip_to_break(input)?;
                    return Some(Found::TooLong);
                }
                State::Done => return None,
            }
        }
    }

    /// Looks for the end of the line in at most as many bytes as the line may have.
    #[inline]
    fn scan_line<'a>(&mut self, input: &mut &'a [u8]) -> Option<Found<'a>> {
        let room = self.max_line_bytes.saturating_add(1) - self.carry.len();
        let window = &input[..input.len().min(room)];
        let end = match &mut self.quotes {
            None => memchr::memchr(b'\n', window),
            Some(quotes) => quotes.find_break(self.carry.last().copied(), window),
        };
        let Some(end) = end else {
            return self.keep_window(window, room, input);
        };
        *input = &input[end + 1..];
        self.pending += end as u64 + 1;
        if self.carry.is_empty() {
            return Some(Found::InChunk(&window[..end]));
        }
        self.carry.extend_from_slice(&window[..end]);
        Some(Found::InCarry)
    }

    fn keep_window<'a>(
        &mut self,
        window: &[u8],
        room: usize,
        input: &mut &'a [u8],
    ) -> Option<Found<'a>> {
        *input = &input[window.len()..];
        self.pending += window.len() as u64;
        self.carry.extend_from_slice(window);
        if window.len() < room {
            return None;
        }
        let breaks = match &mut self.quotes {
            None => 0,
            Some(quotes) => {
                quotes.reset();
                count_breaks(&self.carry)
            }
        };
        self.state = State::TooLong { breaks };
        self.skip_to_break(input)?;
        Some(Found::TooLong)
    }

    fn skip_to_break(&mut self, input: &mut &[u8]) -> Option<()> {
        let end = memchr::memchr(b'\n', input);
        let skipped = end.map_or(input.len(), |end| end + 1);
        *input = &input[skipped..];
        self.pending += skipped as u64;
        end.map(|_| ())
    }

    /// Consumes the byte order mark byte by byte, as chunks may be that small.
    fn skip_mark(&mut self, input: &mut &[u8]) -> Option<()> {
        while self.carry.len() < BYTE_ORDER_MARK.len() {
            let (&byte, rest) = input.split_first()?;
            if byte != BYTE_ORDER_MARK[self.carry.len()] {
                self.state = State::Inside;
                return Some(());
            }
            self.carry.push(byte);
            self.pending += 1;
            *input = rest;
        }
        self.carry.clear();
        self.state = State::Inside;
        Some(())
    }

    #[inline]
    fn hand_out<'a, 'c: 'a>(&'a mut self, found: Found<'c>) -> Result<Line<'a>, BadLine> {
        let (found, position) = self.hand_out_state(found);
        self.build(found, position)
    }

    /// Moves on to the next line and returns where the found one started.
    #[inline]
    fn hand_out_state<'a>(&mut self, found: Found<'a>) -> (Found<'a>, Position) {
        let position = self.next;
        let breaks = match (&found, self.state, &self.quotes) {
            (_, State::TooLong { breaks }, _) => breaks,
            (_, _, None) => 0,
            (Found::InChunk(bytes), _, Some(_)) => count_breaks(bytes),
            (_, _, Some(_)) => count_breaks(&self.carry),
        };
        self.spent = !matches!(found, Found::InChunk(_));
        self.start_next(self.next.line.map(|line| line + breaks + 1));
        (found, position)
    }

    #[inline]
    fn start_next(&mut self, line: Option<u64>) {
        self.next = Position { byte: self.next.byte + self.pending, line };
        self.pending = 0;
        self.state = State::Between;
    }

    #[inline]
    fn build<'a, 'c: 'a>(
        &'a self,
        found: Found<'c>,
        position: Position,
    ) -> Result<Line<'a>, BadLine> {
        let bytes = match found {
            Found::InChunk(bytes) => bytes,
            Found::InCarry => &self.carry,
            Found::TooLong => return Err(self.too_long(position)),
        };
        Ok(Line { position, bytes: bytes.strip_suffix(b"\r").unwrap_or(bytes) })
    }

    #[cold]
    fn too_long(&self, position: Position) -> BadLine {
        let limit = self.max_line_bytes;
        let message = match &self.quotes {
            None => format!("line is longer than {limit} bytes, the limit `max_line_bytes`"),
            Some(_) => format!(
                "record is longer than {limit} bytes, the limit `max_line_bytes`; \
                 is a quote never closed?"
            ),
        };
        BadLine::new(&Line { position, bytes: &self.carry }, message)
    }
}

fn count_breaks(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

#[cfg(test)]
mod tests;
