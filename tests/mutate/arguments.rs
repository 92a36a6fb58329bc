//! The command line.

use std::path::PathBuf;

use thalweg_tests::{fuzz, harness};

/// What to run.
#[derive(Debug, Clone)]
pub(crate) struct Arguments {
    /// How many inputs of each target.
    pub(crate) inputs: u64,
    /// The first.
    pub(crate) from: u64,
    /// The only target, if one is named.
    pub(crate) target: Option<String>,
    /// A file that is one input.
    pub(crate) file: Option<PathBuf>,
    /// Where seeds are to be written.
    pub(crate) write_seeds: Option<PathBuf>,
}

impl Default for Arguments {
    fn default() -> Self {
        Self { inputs: 1000, from: 0, target: None, file: None, write_seeds: None }
    }
}

impl Arguments {
    /// Reads the arguments that follow the program's name.
    ///
    /// # Errors
    ///
    /// What was not understood, as a sentence.
    pub(crate) fn parse(words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut arguments = Self::default();
        harness::arguments(
            words,
            "--inputs, --from, --target, --file, --write-seeds",
            |word, value| {
                match word {
                    "--inputs" => arguments.inputs = value.number()?,
                    "--from" => arguments.from = value.number()?,
                    "--file" => arguments.file = Some(value.text.into()),
                    "--write-seeds" => arguments.write_seeds = Some(value.text.into()),
                    "--target" => {
                        let names = fuzz::ALL.iter().map(|target| target.name);
                        arguments.target = Some(value.one_of("target", names)?);
                    }
                    _ => return Ok(false),
                }
                Ok(true)
            },
        )?;
        if arguments.file.is_some() && arguments.target.is_none() {
            return Err("--file needs a --target".to_owned());
        }
        Ok(arguments)
    }

    /// True if the target of that name is to be run.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.target.as_deref().is_none_or(|target| target == name)
    }
}
