//! What may differ between one CSV file and the next.

use crate::format::line::{MAX_LINE_BYTES, Quotes};

/// The dialect of a CSV file; the default is RFC 4180 with a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CsvOptions {
    pub(super) delimiter: u8,
    pub(super) quote: Option<u8>,
    pub(super) has_header: bool,
    pub(super) trim: bool,
    pub(super) multiline: bool,
    pub(super) flexible: bool,
    pub(super) max_line_bytes: usize,
}

impl Default for CsvOptions {
    fn default() -> Self {
        Self {
            delimiter: b',',
            quote: Some(b'"'),
            has_header: true,
            trim: false,
            multiline: false,
            flexible: false,
            max_line_bytes: MAX_LINE_BYTES,
        }
    }
}

impl CsvOptions {
    /// RFC 4180 with a header.
    pub fn new() -> Self {
        Self::default()
    }

    /// The byte between cells; `,` by default.
    ///
    /// # Panics
    ///
    /// If it is a line break or the quote.
    #[must_use]
    pub fn delimiter(mut self, delimiter: u8) -> Self {
        self.delimiter = delimiter;
        self.checked()
    }

    /// The byte that encloses a cell and is doubled inside it; `"` by default, `None` for files in
    /// which quotes mean nothing.
    ///
    /// # Panics
    ///
    /// If it is a line break or the delimiter.
    #[must_use]
    pub fn quote(mut self, quote: Option<u8>) -> Self {
        self.quote = quote;
        self.checked()
    }

    /// Whether the first line names the columns; by default it does. Without it the record's
    /// fields are the first columns, in their order.
    #[must_use]
    pub fn has_header(mut self, has_header: bool) -> Self {
        self.has_header = has_header;
        self
    }

    /// Drops spaces and tabs around unquoted cells; off by default.
    #[must_use]
    pub fn trim(mut self, trim: bool) -> Self {
        self.trim = trim;
        self
    }

    /// Lets quoted cells contain line breaks; off by default, because such a file cannot be read
    /// in splits: whether a line break ends a record depends on every quote before it.
    #[must_use]
    pub fn multiline(mut self, multiline: bool) -> Self {
        self.multiline = multiline;
        self
    }

    /// Reads missing last cells as empty and ignores surplus ones; off by default, because a
    /// surplus cell usually means an unquoted delimiter, and so data in the wrong columns.
    #[must_use]
    pub fn flexible(mut self, flexible: bool) -> Self {
        self.flexible = flexible;
        self
    }

    /// The longest line, in bytes; 16 MiB by default. A longer one is a bad line.
    #[must_use]
    pub fn max_line_bytes(mut self, max_line_bytes: usize) -> Self {
        self.max_line_bytes = max_line_bytes;
        self
    }

    /// Whether files of this dialect can be read in byte-range splits.
    pub fn can_split(&self) -> bool {
        !self.multiline
    }

    /// The longest line, in bytes.
    pub(crate) fn line_limit(&self) -> usize {
        self.max_line_bytes
    }

    /// Whether the first line of a file names its columns.
    pub(crate) fn names_columns(&self) -> bool {
        self.has_header
    }

    pub(super) fn line_quotes(&self) -> Option<Quotes> {
        let quote = self.quote.filter(|_| self.multiline)?;
        Some(Quotes { quote, delimiter: self.delimiter })
    }

    fn checked(self) -> Self {
        let special = [Some(self.delimiter), self.quote];
        assert!(
            !special.contains(&Some(b'\n')) && !special.contains(&Some(b'\r')),
            "a line break can be neither delimiter nor quote"
        );
        assert!(Some(self.delimiter) != self.quote, "delimiter and quote must differ");
        self
    }
}
