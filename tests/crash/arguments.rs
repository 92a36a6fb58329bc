//! The command line, of the program and of its children.

use std::path::PathBuf;

/// What the program is to do.
#[derive(Debug)]
pub(crate) enum Command {
    Crash(Arguments),
    /// Find what is wrong on purpose.
    Canaries,
    Child(Child),
}

/// What to kill, and how often.
#[derive(Debug)]
pub(crate) struct Arguments {
    /// So many processes are killed; 0 runs each job once, unharmed.
    pub(crate) kills: u64,
    /// From which instants and sizes are drawn.
    pub(crate) seed: u64,
    /// The only job, if one is named.
    pub(crate) job: Option<String>,
}

/// One attempt at a job.
#[derive(Debug)]
pub(crate) struct Child {
    pub(crate) job: String,
    /// Where its state and its output are.
    pub(crate) folder: PathBuf,
    pub(crate) workers: usize,
    /// Milliseconds between two checkpoints.
    pub(crate) interval_ms: u64,
    /// Tells jobs of one seed apart.
    pub(crate) seed: u64,
}

impl Command {
    /// Reads the arguments that follow the program's name.
    ///
    /// # Errors
    ///
    /// What was not understood, as a sentence.
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut arguments = Arguments { kills: 200, seed: 0, job: None };
        let mut child = None;
        let (mut workers, mut interval_ms) = (1, 20);
        while let Some(word) = words.next() {
            let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
            let number =
                || value.parse::<u64>().map_err(|error| format!("{word} {value}: {error}"));
            match word.as_str() {
                "--kills" => arguments.kills = number()?,
                "--seed" => arguments.seed = number()?,
                "--canaries" => return Ok(Self::Canaries),
                "--job" if crate::jobs::ALL.iter().any(|job| job.name == value) => {
                    arguments.job = Some(value);
                }
                "--job" => return Err(format!("there is no job {value:?}")),
                "--child" => child = Some(PathBuf::from(value)),
                "--workers" => workers = usize::try_from(number()?).expect("few"),
                "--interval-ms" => interval_ms = number()?,
                _ => return Err(format!("{word} is not an argument: --kills, --seed, --job")),
            }
        }
        let Some(folder) = child else { return Ok(Self::Crash(arguments)) };
        let job = arguments.job.ok_or("a child needs a --job")?;
        Ok(Self::Child(Child { job, folder, workers, interval_ms, seed: arguments.seed }))
    }
}

impl Child {
    /// The words that [`Command::parse`] reads.
    pub(crate) fn words(&self) -> Vec<String> {
        let Self { job, folder, workers, interval_ms, seed } = self;
        let folder = folder.to_string_lossy();
        format!(
            "--child {folder} --job {job} --workers {workers} --interval-ms {interval_ms} --seed {seed}"
        )
        .split(' ')
        .map(str::to_owned)
        .collect()
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.folder.join("state")
    }

    pub(crate) fn output(&self) -> PathBuf {
        self.folder.join("output")
    }
}
