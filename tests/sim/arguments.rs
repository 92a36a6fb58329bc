//! The command line.

/// What to run.
#[derive(Debug, Clone)]
pub(crate) struct Arguments {
    /// How many seeds.
    pub(crate) seeds: u64,
    /// The first.
    pub(crate) from: u64,
    /// The only job, if one is named.
    pub(crate) job: Option<String>,
    /// Every so many seeds one is run twice and replayed.
    pub(crate) twice: u64,
}

impl Default for Arguments {
    fn default() -> Self {
        Self { seeds: 100, from: 0, job: None, twice: 10 }
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
                "--seeds" => arguments.seeds = number()?,
                "--from" => arguments.from = number()?,
                "--twice" => arguments.twice = number()?.max(1),
                "--job" if crate::jobs::ALL.iter().any(|job| job.name == value) => {
                    arguments.job = Some(value);
                }
                "--job" => return Err(format!("there is no job {value:?}")),
                _ => {
                    return Err(format!(
                        "{word} is not an argument: --seeds, --from, --job, --twice"
                    ));
                }
            }
        }
        Ok(arguments)
    }

    /// True if the job of that name is to be run.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.job.as_deref().is_none_or(|job| job == name)
    }
}
