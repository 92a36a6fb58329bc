//! One line of a result, as the golden files have it.
//!
//! No header. Times are `YYYY-MM-DD HH:MM:SS.mmm` in UTC, decimals have three digits, what is missing is empty. A cell is quoted
//! (RFC 4180) only if it holds a comma, a quote or a line break, or is an empty string.

use std::fmt::Write as _;

use thalweg::prelude::*;

/// Milliseconds of a day.
pub const DAY_MS: i64 = 86_400_000;

/// A result that is one line, or several.
pub trait Row {
    /// Writes its cells, and [`Line::end`] after each line.
    fn write(&self, line: &mut Line);

    /// Its lines.
    fn lines(&self) -> Vec<Str> {
        Line::of(|line| self.write(line))
    }
}

/// Takes the cells of lines.
#[derive(Debug, Default)]
pub struct Line {
    text: String,
    has_cells: bool,
    done: Vec<Str>,
}

impl Line {
    /// The lines that `write` writes.
    pub fn of(write: impl FnOnce(&mut Self)) -> Vec<Str> {
        let mut line = Self::default();
        write(&mut line);
        line.done
    }

    fn next_cell(&mut self) {
        if std::mem::replace(&mut self.has_cells, true) {
            self.text.push(',');
        }
    }

    /// A whole number.
    pub fn number(&mut self, number: impl std::fmt::Display) -> &mut Self {
        self.next_cell();
        let _ = write!(self.text, "{number}");
        self
    }

    /// A number of thousandths, as a decimal.
    pub fn thousandths(&mut self, number: u64) -> &mut Self {
        self.next_cell();
        let _ = write!(self.text, "{}.{:03}", number / 1_000, number % 1_000);
        self
    }

    /// A text.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.next_cell();
        if text.is_empty() || text.contains([',', '"', '\n', '\r']) {
            let _ = write!(self.text, "\"{}\"", text.replace('"', "\"\""));
        } else {
            self.text.push_str(text);
        }
        self
    }

    /// A text, or nothing.
    pub fn maybe(&mut self, text: Option<&str>) -> &mut Self {
        match text {
            Some(text) => self.text(text),
            None => {
                self.next_cell();
                self
            }
        }
    }

    /// An instant.
    pub fn time(&mut self, at: EventTime) -> &mut Self {
        self.next_cell();
        let (day, clock) = day_and_clock(at);
        let _ = write!(self.text, "{day} {clock}.{:03}", at.as_millis().rem_euclid(1_000));
        self
    }

    /// A day, as days since the Unix epoch.
    pub fn day(&mut self, day: i64) -> &mut Self {
        self.next_cell();
        self.text.push_str(&day_and_clock(EventTime::from_millis(day * DAY_MS)).0);
        self
    }

    /// The hour and the minute of an instant.
    pub fn minute(&mut self, at: EventTime) -> &mut Self {
        self.next_cell();
        self.text.push_str(&day_and_clock(at).1[..5]);
        self
    }

    /// Ends the line.
    pub fn end(&mut self) {
        self.done.push(self.text.as_str().into());
        self.text.clear();
        self.has_cells = false;
    }
}

/// `YYYY-MM-DD` and `HH:MM:SS`.
pub fn day_and_clock(at: EventTime) -> (String, String) {
    // An instant is printed as RFC 3339, of which these are the first two parts.
    let text = at.to_string();
    let (day, clock) = text.split_once('T').expect("invariant: RFC 3339 has a T");
    (day.to_owned(), clock[..8].to_owned())
}

/// The day that an instant lies in, as days since the Unix epoch.
pub fn day_of(at: EventTime) -> i64 {
    at.as_millis().div_euclid(DAY_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_only_where_they_must_be() {
        let mut line = Line::default();
        line.text("plain \\ text").text("a,b").text("say \"no\"").text("").maybe(None);
        line.number(-7).thousandths(1_000_042).end();
        line.time(EventTime::from_millis(1_436_918_380_003)).day(16_630);
        line.minute(EventTime::from_millis(-60_000)).end();
        let expected = [
            "plain \\ text,\"a,b\",\"say \"\"no\"\"\",\"\",,-7,1000.042",
            "2015-07-14 23:59:40.003,2015-07-14,23:59",
        ];
        assert_eq!(line.done, expected);
    }

    #[test]
    fn days_before_the_epoch_are_counted_downwards() {
        assert_eq!(day_of(EventTime::from_millis(-1)), -1);
        assert_eq!(day_of(EventTime::from_millis(DAY_MS)), 1);
    }
}
