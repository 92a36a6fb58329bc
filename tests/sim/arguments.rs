//! The command line.

use thalweg_tests::harness;

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
    pub(crate) fn parse(words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut arguments = Self::default();
        harness::arguments(words, "--seeds, --from, --job, --twice", |word, value| {
            match word {
                "--seeds" => arguments.seeds = value.number()?,
                "--from" => arguments.from = value.number()?,
                "--twice" => arguments.twice = value.number()?.max(1),
                "--job" => {
                    let names = crate::jobs::ALL.iter().map(|job| job.name);
                    arguments.job = Some(value.one_of("job", names)?);
                }
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(arguments)
    }

    /// True if the job of that name is to be run.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.job.as_deref().is_none_or(|job| job == name)
    }
}
