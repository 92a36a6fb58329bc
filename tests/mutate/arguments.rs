//! The command line.

use std::path::PathBuf;

use thalweg_tests::fuzz;

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
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut arguments = Self::default();
        while let Some(word) = words.next() {
            let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
            let number =
                || value.parse::<u64>().map_err(|error| format!("{word} {value}: {error}"));
            match word.as_str() {
                "--inputs" => arguments.inputs = number()?,
                "--from" => arguments.from = number()?,
                "--file" => arguments.file = Some(value.into()),
                "--write-seeds" => arguments.write_seeds = Some(value.into()),
                "--target" if fuzz::ALL.iter().any(|target| target.name == value) => {
                    arguments.target = Some(value);
                }
                "--target" => return Err(format!("there is no target {value:?}")),
                _ => {
                    return Err(format!(
                        "{word} is not an argument: --inputs, --from, --target, --file, --write-seeds"
                    ));
                }
            }
        }
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
