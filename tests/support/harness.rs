//! What the programs that try the engine out have in common: how they are told what to do, what they say, and how they end.

use std::io::{Write as _, stdout};
use std::process::ExitCode;

/// Says a line.
pub fn say(line: &str) {
    // A closed pipe is the reader's business.
    drop(writeln!(stdout(), "{line}"));
}

/// The end of a program: its last line, and whether all was well.
pub fn end(last_line: &str, is_well: bool) -> ExitCode {
    say(last_line);
    if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The end of a program that could not do what it was to do.
pub fn give_up(why: &str) -> ExitCode {
    say(why);
    ExitCode::from(2)
}

/// The value of an argument.
#[derive(Debug)]
pub struct Value<'a> {
    word: &'a str,
    /// As it was written.
    pub text: &'a str,
}

impl Value<'_> {
    /// As a number.
    ///
    /// # Errors
    ///
    /// It is none.
    pub fn number(&self) -> Result<u64, String> {
        let Self { word, text } = self;
        text.parse().map_err(|error| format!("{word} {text}: {error}"))
    }

    /// As one of these names, of a `kind` of thing.
    ///
    /// # Errors
    ///
    /// It is none of them.
    pub fn one_of<'n>(
        &self,
        kind: &str,
        mut names: impl Iterator<Item = &'n str>,
    ) -> Result<String, String> {
        match names.any(|name| name == self.text) {
            true => Ok(self.text.to_owned()),
            false => Err(format!("there is no {kind} {:?}", self.text)),
        }
    }
}

/// Reads arguments, each a word and its value; `take` says whether it knows the word, and `known` are those that it tells of.
///
/// # Errors
///
/// What was not understood, as a sentence.
pub fn arguments(
    mut words: impl Iterator<Item = String>,
    known: &str,
    mut take: impl FnMut(&str, &Value<'_>) -> Result<bool, String>,
) -> Result<(), String> {
    while let Some(word) = words.next() {
        let text = words.next().ok_or_else(|| format!("{word} needs a value"))?;
        if !take(&word, &Value { word: &word, text: &text })? {
            return Err(format!("{word} is not an argument: {known}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<(u64, String), String> {
        let (mut seeds, mut job) = (7, String::new());
        arguments(line.split(' ').map(str::to_owned), "--seeds, --job", |word, value| {
            match word {
                "--seeds" => seeds = value.number()?,
                "--job" => job = value.one_of("job", ["a", "b"].into_iter())?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok((seeds, job))
    }

    #[test]
    fn what_is_not_understood_is_said() {
        assert_eq!(read("--job b --seeds 3"), Ok((3, "b".to_owned())));
        for (line, expected) in [
            ("--seeds", "--seeds needs a value"),
            ("--seeds x", "--seeds x: invalid digit found in string"),
            ("--job c", "there is no job \"c\""),
            ("--cuts 1", "--cuts is not an argument: --seeds, --job"),
        ] {
            assert_eq!(read(line), Err(expected.to_owned()));
        }
    }
}
