//! The command line, of the program and of its children.

use std::path::PathBuf;

use thalweg_tests::harness;

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
    pub(crate) fn parse(words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut arguments = Arguments { kills: 200, seed: 0, job: None };
        let (mut child, mut canaries) = (None, false);
        let (mut workers, mut interval_ms) = (1, 20);
        harness::arguments(words, "--kills, --seed, --job", |word, value| {
            match word {
                "--kills" => arguments.kills = value.number()?,
                "--seed" => arguments.seed = value.number()?,
                "--canaries" => canaries = true,
                "--job" => {
                    let names = crate::jobs::ALL.iter().map(|job| job.name);
                    arguments.job = Some(value.one_of("job", names)?);
                }
                "--child" => child = Some(PathBuf::from(value.text)),
                "--workers" => workers = usize::try_from(value.number()?).expect("few"),
                "--interval-ms" => interval_ms = value.number()?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        if canaries {
            return Ok(Self::Canaries);
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
