//! Which cells need quotes, and how they get them.

use super::options::CsvOptions;

/// How cells are written: delimiter, quote, and which bytes make a cell need quotes.
#[derive(Debug)]
pub(super) struct Style {
    pub(super) delimiter: u8,
    pub(super) quote: Option<u8>,
    special: [bool; 256],
}

impl Style {
    pub(super) fn new(options: &CsvOptions) -> Self {
        let mut special = [false; 256];
        if let Some(quote) = options.quote {
            for byte in [options.delimiter, quote, b'\n', b'\r'] {
                special[usize::from(byte)] = true;
            }
        }
        Self { delimiter: options.delimiter, quote: options.quote, special }
    }

    #[inline]
    fn needs_quotes(&self, cell: &[u8]) -> bool {
        cell.iter().any(|&byte| self.special[usize::from(byte)])
    }
}

/// Appends `cell`, quoted if it has to be.
#[inline]
pub(super) fn write_cell(cell: &[u8], style: &Style, out: &mut Vec<u8>) {
    match style.quote {
        Some(quote) if style.needs_quotes(cell) => write_quoted(cell, quote, out),
        _ => out.extend_from_slice(cell),
    }
}

fn write_quoted(cell: &[u8], quote: u8, out: &mut Vec<u8>) {
    out.push(quote);
    let mut rest = cell;
    while let Some(i) = memchr::memchr(quote, rest) {
        out.extend_from_slice(&rest[..=i]);
        out.push(quote);
        rest = &rest[i + 1..];
    }
    out.extend_from_slice(rest);
    out.push(quote);
}
