//! The command line.

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
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut arguments = Self { cuts: 5000, seed: 0, exhaustive: true, canaries: false };
        while let Some(word) = words.next() {
            let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
            let number =
                || value.parse::<u64>().map_err(|error| format!("{word} {value}: {error}"));
            match word.as_str() {
                "--canaries" => arguments.canaries = true,
                "--cuts" => arguments.cuts = number()?,
                "--seed" => {
                    arguments.seed = number()?;
                    arguments.exhaustive = false;
                }
                _ => return Err(format!("{word} is not an argument: --cuts, --seed")),
            }
        }
        Ok(arguments)
    }
}
