//! Finds the line break that ends a CSV record, past those inside quoted cells.

/// The two bytes that decide where a quoted cell begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quotes {
    /// Encloses a cell; doubled inside it.
    pub quote: u8,
    /// Separates cells; a quote opens a cell only behind it or at the start of the record.
    pub delimiter: u8,
}

/// The scan's memory between two chunks.
#[derive(Debug)]
pub(super) struct QuoteScan {
    quotes: Quotes,
    state: State,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Outside,
    Inside,
    /// Behind a quote that closes the cell, unless another one follows.
    MaybeClosed,
}

impl QuoteScan {
    pub(super) fn new(quotes: Quotes) -> Self {
        Self { quotes, state: State::Outside }
    }

    /// Forgets an open quote, so that the next line starts afresh.
    pub(super) fn reset(&mut self) {
        self.state = State::Outside;
    }

    /// The index in `window` of the line break that ends the record.
    ///
    /// `before` is the record's last byte before `window`, `None` at its start. If the answer is
    /// `None`, the next call continues behind `window`.
    pub(super) fn find_break(&mut self, before: Option<u8>, window: &[u8]) -> Option<usize> {
        let Quotes { quote, delimiter } = self.quotes;
        let mut at = 0;
        while at < window.len() {
            match self.state {
                State::Outside => {
                    at += memchr::memchr2(b'\n', quote, &window[at..])?;
                    if window[at] == b'\n' {
                        return Some(at);
                    }
                    let previous = at.checked_sub(1).map_or(before, |i| Some(window[i]));
                    if previous.is_none_or(|byte| byte == delimiter) {
                        self.state = State::Inside;
                    }
                    at += 1;
                }
                State::Inside => {
                    at += memchr::memchr(quote, &window[at..])? + 1;
                    self.state = State::MaybeClosed;
                }
                State::MaybeClosed if window[at] == quote => {
                    self.state = State::Inside;
                    at += 1;
                }
                State::MaybeClosed => self.state = State::Outside,
            }
        }
        None
    }
}
