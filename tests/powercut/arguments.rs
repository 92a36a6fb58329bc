//! The command line.

use thalweg_tests::harness;

/// How often the power goes.
#[derive(Debug)]
pub(crate) struct Arguments {
    pub(crate) cuts: u64,
    /// The first seed.
    pub(crate) seed: u64,
    /// Every step of a small job first; not if a seed is named, to see that one again.
    pub(crate) exhaustive: bool,
    /// Find what is wrong on purpose.
    pub(crate) canaries: bool,
}

impl Arguments {
    /// Reads the arguments that follow the program's name.
    ///
    /// # Errors
    ///
    /// What was not understood, as a sentence.
    pub(crate) fn parse(words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut arguments = Self { cuts: 5000, seed: 0, exhaustive: true, canaries: false };
        harness::arguments(words, "--cuts, --seed", |word, value| {
            match word {
                "--canaries" => arguments.canaries = true,
                "--cuts" => arguments.cuts = value.number()?,
                "--seed" => {
                    arguments.seed = value.number()?;
                    arguments.exhaustive = false;
                }
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(arguments)
    }
}
