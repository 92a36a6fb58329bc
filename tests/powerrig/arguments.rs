//! The command line, of the program and of its children.

use std::path::PathBuf;

use thalweg_tests::harness;

/// Says that the program has its own mounts already.
pub(crate) const INSIDE: &str = "--inside";

/// What the program is to do.
#[derive(Debug)]
pub(crate) enum Command {
    Rig(Arguments),
    Child(Child),
}

/// How often the power goes.
#[derive(Debug)]
pub(crate) struct Arguments {
    pub(crate) cycles: u64,
    /// From which cuts and sizes are drawn.
    pub(crate) seed: u64,
    /// Find what is wrong on purpose.
    pub(crate) canaries: bool,
    pub(crate) is_inside: bool,
}

/// One attempt at the job.
#[derive(Debug, Clone)]
pub(crate) struct Child {
    /// Where its state and its output are.
    pub(crate) folder: PathBuf,
    pub(crate) workers: usize,
    /// Milliseconds between two checkpoints.
    pub(crate) interval_ms: u64,
    /// Tells jobs apart.
    pub(crate) seed: u64,
}

impl Command {
    /// Reads the arguments that follow the program's name.
    ///
    /// # Errors
    ///
    /// What was not understood, as a sentence.
    pub(crate) fn parse(words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut arguments = Arguments { cycles: 200, seed: 0, canaries: false, is_inside: false };
        let (mut child, mut workers, mut interval_ms) = (None, 1, 20);
        harness::arguments(words, "--cycles, --seed", |word, value| {
            match word {
                "--cycles" => arguments.cycles = value.number()?,
                "--seed" => arguments.seed = value.number()?,
                "--canaries" => arguments.canaries = true,
                INSIDE => arguments.is_inside = true,
                "--child" => child = Some(PathBuf::from(value.text)),
                "--workers" => workers = usize::try_from(value.number()?).expect("few"),
                "--interval-ms" => interval_ms = value.number()?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        let seed = arguments.seed;
        Ok(match child {
            None => Self::Rig(arguments),
            Some(folder) => Self::Child(Child { folder, workers, interval_ms, seed }),
        })
    }
}

impl Child {
    /// The words that [`Command::parse`] reads.
    pub(crate) fn words(&self) -> Vec<String> {
        let Self { folder, workers, interval_ms, seed } = self;
        let folder = folder.to_string_lossy().into_owned();
        let numbers = [*workers as u64, *interval_ms, *seed].map(|number| number.to_string());
        let names = ["--workers", "--interval-ms", "--seed"].map(str::to_owned);
        let numbers = names.into_iter().zip(numbers).flat_map(|(name, number)| [name, number]);
        ["--child".to_owned(), folder].into_iter().chain(numbers).collect()
    }
}
