//! Finds the cells of one row: eight bytes at a time while there is no quote, cell by cell else.
//!
//! Cells are short (the median cell of the flights file has 3 bytes), so a search for each one would
//! be mostly calls. Exact zero-byte tests on `u64` find all delimiters in eight bytes at once, and
//! the same pass notices a quote.

use std::ops::Range;

use super::options::CsvOptions;

const HIGH: u64 = 0x8080_8080_8080_8080;
const LOW: u64 = 0x0101_0101_0101_0101;

/// Where the cells of the current row are; reused from row to row.
#[derive(Debug, Default)]
pub(super) struct Cells {
    /// Cell `i` is `line[ends[i - 1] + 1..ends[i]]`.
    ends: Vec<usize>,
    /// Whether a cell may be quoted.
    quoted: bool,
}

/// Where the content of a cell is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Content {
    /// In these bytes of the line.
    InLine(Range<usize>),
    /// In these bytes of the line, once the doubled quotes in them are [`undouble`]d.
    Doubled(Range<usize>, u8),
}

/// A row that is no CSV.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed {
    /// Index of the byte at fault.
    pub(super) at: usize,
    pub(super) message: &'static str,
}

impl Cells {
    /// Finds the cells of `line`.
    pub(super) fn find(&mut self, line: &[u8], options: &CsvOptions) -> Result<(), Malformed> {
        self.ends.clear();
        // Without quoting the delimiter stands in for the quote, and the flag is dropped.
        let quote = options.quote.unwrap_or(options.delimiter);
        let seen = self.find_plain(line, options.delimiter, quote);
        self.quoted = seen && options.quote.is_some();
        if self.quoted {
            self.ends.clear();
            return self.find_quoted(line, options.delimiter, quote);
        }
        Ok(())
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Index in the line of the first byte of cell `i`, if the cells before it are there.
    #[inline]
    pub(super) fn start(&self, i: usize) -> Option<usize> {
        match i.checked_sub(1) {
            None => Some(0),
            Some(before) => self.ends.get(before).map(|end| end + 1),
        }
    }

    /// Where the content of cell `i` is; `None` if the row has no such cell.
    #[inline]
    pub(super) fn content(&self, i: usize, line: &[u8], options: &CsvOptions) -> Option<Content> {
        let (start, end) = (self.start(i)?, *self.ends.get(i)?);
        if !self.quoted && !options.trim {
            return Some(Content::InLine(start..end));
        }
        Some(content(start..end, line, options))
    }

    /// The contents of all cells, copied.
    pub(super) fn all(&self, line: &[u8], options: &CsvOptions) -> impl Iterator<Item = Vec<u8>> {
        (0..self.len()).map_while(|i| match self.content(i, line, options)? {
            Content::InLine(range) => Some(line[range].to_vec()),
            Content::Doubled(inner, quote) => {
                Some(undouble(&line[inner], quote, &mut Vec::new()).to_vec())
            }
        })
    }

    /// Takes every delimiter for the end of a cell; returns whether there is a quote.
    fn find_plain(&mut self, line: &[u8], delimiter: u8, quote: u8) -> bool {
        let delimiters = LOW * u64::from(delimiter);
        let quotes = LOW * u64::from(quote);
        let mut quoted = 0;
        let (words, tail) = line.as_chunks::<8>();
        let mut base = 0;
        for word in words {
            let word = u64::from_le_bytes(*word);
            let mut hits = zero_bytes(word ^ delimiters);
            quoted |= zero_bytes(word ^ quotes);
            while hits != 0 {
                self.ends.push(base + (hits.trailing_zeros() / 8) as usize);
                hits &= hits - 1;
            }
            base += 8;
        }
        for (i, &byte) in tail.iter().enumerate() {
            if byte == delimiter {
                self.ends.push(base + i);
            }
            quoted |= u64::from(byte == quote);
        }
        self.ends.push(line.len());
        quoted != 0
    }

    fn find_quoted(&mut self, line: &[u8], delimiter: u8, quote: u8) -> Result<(), Malformed> {
        let mut at = 0;
        loop {
            let end = if line.get(at) == Some(&quote) {
                closing_quote(line, at, quote)? + 1
            } else {
                memchr::memchr(delimiter, &line[at..]).map_or(line.len(), |i| at + i)
            };
            self.ends.push(end);
            match line.get(end) {
                None => return Ok(()),
                Some(&byte) if byte == delimiter => at = end + 1,
                Some(_) => {
                    let message = "text after the closing quote of a cell";
                    return Err(Malformed { at: end, message });
                }
            }
        }
    }
}

/// The high bit of each byte that is zero; exact, unlike the shorter test with a borrow.
fn zero_bytes(word: u64) -> u64 {
    !(((word & !HIGH) + !HIGH) | word) & HIGH
}

fn closing_quote(line: &[u8], open: usize, quote: u8) -> Result<usize, Malformed> {
    let mut at = open + 1;
    loop {
        let Some(i) = memchr::memchr(quote, &line[at..]) else {
            let message = "quoted cell is not closed on its line; if cells contain line breaks, \
                           set `multiline(true)`";
            return Err(Malformed { at: open, message });
        };
        at += i;
        if line.get(at + 1) != Some(&quote) {
            return Ok(at);
        }
        at += 2;
    }
}

/// The content of a cell in a row that has quotes, or whose cells are trimmed.
fn content(cell: Range<usize>, line: &[u8], options: &CsvOptions) -> Content {
    match options.quote {
        Some(quote) if line[cell.clone()].first() == Some(&quote) => {
            let inner = cell.start + 1..cell.end - 1;
            match memchr::memchr(quote, &line[inner.clone()]) {
                None => Content::InLine(inner),
                Some(_) => Content::Doubled(inner, quote),
            }
        }
        _ if options.trim => Content::InLine(trim(cell, line)),
        _ => Content::InLine(cell),
    }
}

/// Copies `inner` to `scratch` with one quote for each two.
pub(super) fn undouble<'a>(inner: &[u8], quote: u8, scratch: &'a mut Vec<u8>) -> &'a [u8] {
    scratch.clear();
    let mut rest = inner;
    while let Some(i) = memchr::memchr(quote, rest) {
        scratch.extend_from_slice(&rest[..=i]);
        // Every quote inside is doubled, or `closing_quote` would have ended the cell there.
        rest = &rest[i + 2..];
    }
    scratch.extend_from_slice(rest);
    scratch
}

fn trim(mut cell: Range<usize>, line: &[u8]) -> Range<usize> {
    let blank = |at: usize| matches!(line[at], b' ' | b'\t');
    while !cell.is_empty() && blank(cell.start) {
        cell.start += 1;
    }
    while !cell.is_empty() && blank(cell.end - 1) {
        cell.end -= 1;
    }
    cell
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cells(line: &[u8], options: &CsvOptions) -> Result<Vec<Vec<u8>>, Malformed> {
        let mut cells = Cells::default();
        cells.find(line, options)?;
        Ok(cells.all(line, options).collect())
    }

    fn by_csv_crate(line: &[u8]) -> Vec<Vec<u8>> {
        let mut reader =
            csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(line);
        let record = reader.byte_records().next().unwrap().unwrap();
        record.iter().map(<[u8]>::to_vec).collect()
    }

    fn line() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![
            3 => Just(b','), 3 => Just(b'"'), 2 => Just(b'x'), 1 => Just(b' '), 1 => any::<u8>(),
        ];
        prop::collection::vec(byte, 1..40)
            .prop_filter("one line", |line| !line.iter().any(|b| matches!(b, b'\n' | b'\r')))
    }

    proptest! {
        #[test]
        fn what_is_accepted_reads_as_the_csv_crate_reads_it(line in line()) {
            if let Ok(cells) = cells(&line, &CsvOptions::new()) {
                prop_assert_eq!(cells, by_csv_crate(&line));
            }
        }

        #[test]
        fn without_quotes_a_row_is_cut_at_every_delimiter(line in line()) {
            let expected: Vec<_> = line.split(|&b| b == b',').map(<[u8]>::to_vec).collect();
            let options = CsvOptions::new().quote(None);
            prop_assert_eq!(cells(&line, &options).unwrap(), expected);
        }
    }

    #[test]
    fn a_quote_inside_an_unquoted_cell_is_a_letter() {
        let row = cells(b"5\" pipe,b", &CsvOptions::new()).unwrap();
        assert_eq!(row, [b"5\" pipe".to_vec(), b"b".to_vec()]);
    }

    #[test]
    fn text_behind_a_closing_quote_is_refused_with_its_place() {
        let malformed = cells(b"a,\"b\"c,d", &CsvOptions::new()).unwrap_err();
        assert_eq!(malformed.at, 5);
    }

    #[test]
    fn an_unclosed_quote_is_refused_at_the_place_where_it_opens() {
        let malformed = cells(b"a,\"b,d", &CsvOptions::new()).unwrap_err();
        assert_eq!(malformed.at, 2);
    }

    #[test]
    fn trimming_leaves_quoted_spaces_alone() {
        let row = cells(b" a\t,\" b \", ", &CsvOptions::new().trim(true)).unwrap();
        assert_eq!(row, [b"a".to_vec(), b" b ".to_vec(), b"".to_vec()]);
    }
}
