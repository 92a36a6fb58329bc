//! What can go wrong with a job, and what to do about it.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// An error from user code, a source or a sink, before the engine adds where it happened.
pub type OperatorFault = Box<dyn Error + Send + Sync>;

/// `Result` with [`JobError`].
pub type Result<T, E = JobError> = std::result::Result<T, E>;

/// Why a job ended, or did not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum JobError {
    /// The job was refused before it started; mend what the first entry names.
    Build(Vec<BuildError>),
    /// A source, an operator or a sink returned an error.
    Operator {
        /// The operator's name.
        operator: String,
        /// What it said.
        source: OperatorFault,
    },
    /// User code panicked.
    Panic {
        /// The operator's name.
        operator: String,
        /// The panic's message.
        message: String,
    },
    /// A thread could not be started or pinned.
    Worker {
        /// Which worker.
        worker: usize,
        /// What the system said.
        source: io::Error,
    },
    /// The job was cancelled from outside.
    Cancelled,
    /// A replay met something else than what was recorded: other code, other input, or a bug.
    Diverged {
        /// Which worker.
        worker: usize,
        /// The operator's name.
        operator: String,
        /// Expected and found.
        message: String,
    },
    /// A job of that name runs on the engine; names address jobs, so give this one another, or join that one first.
    NameInUse {
        /// The name.
        name: String,
    },
    /// The engine was shut down; build another.
    EngineStopped,
    /// The program's own error, from the job's function.
    Program(OperatorFault),
}

impl fmt::Display for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Build(errors) => {
                f.write_str("the job cannot be built")?;
                errors.iter().try_for_each(|error| write!(f, "\n  {error}"))
            }
            Self::Operator { operator, .. } => write!(f, "operator {operator:?} failed"),
            Self::Panic { operator, message } => {
                write!(f, "operator {operator:?} panicked: {message}")
            }
            Self::Worker { worker, .. } => write!(f, "worker {worker} could not be started"),
            Self::Cancelled => f.write_str("the job was cancelled"),
            Self::Diverged { worker, operator, message } => {
                write!(
                    f,
                    "the replay of worker {worker} diverged at operator {operator:?}: {message}"
                )
            }
            Self::NameInUse { name } => {
                write!(
                    f,
                    "a job named {name:?} runs on this engine; give this one another name, or join that one first"
                )
            }
            Self::EngineStopped => f.write_str("the engine was shut down; build another"),
            Self::Program(_) => f.write_str("the job's function failed"),
        }
    }
}

impl Error for JobError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Operator { source, .. } | Self::Program(source) => Some(&**source),
            Self::Worker { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// Why a job was refused at `build()`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// Two operators have one name; state is addressed by name, so give one another name.
    DuplicateName {
        /// The name.
        name: String,
    },
    /// An operator's name is empty.
    EmptyName {
        /// What kind of operator it is.
        kind: &'static str,
    },
    /// Nobody reads this stream; send it to a sink, or drop it explicitly.
    Unused {
        /// The operator whose output it is.
        operator: String,
        /// Which of its outputs.
        output: &'static str,
    },
    /// The job has no source.
    NoSource,
    /// The source could not list its splits.
    Source {
        /// The source's name.
        operator: String,
        /// Why.
        message: String,
    },
    /// A setting is out of its bounds.
    Setting {
        /// The operator or the setting.
        name: String,
        /// What is allowed.
        message: String,
    },
    /// Streams of different jobs were combined.
    ForeignStream {
        /// The operator.
        operator: String,
    },
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DuplicateName { name } => {
                write!(
                    f,
                    "two operators are named {name:?}; names address state, so each must differ"
                )
            }
            Self::EmptyName { kind } => write!(f, "a {kind} has an empty name; give it one"),
            Self::Unused { operator, output } => write!(
                f,
                "output `{output}` of operator {operator:?} is not used; send it to a sink or call drop_counted()"
            ),
            Self::NoSource => f.write_str("the job has no source; call Topology::source"),
            Self::Source { operator, message } => {
                write!(f, "source {operator:?} cannot list its splits: {message}")
            }
            Self::Setting { name, message } => write!(f, "setting of {name:?}: {message}"),
            Self::ForeignStream { operator } => {
                write!(f, "operator {operator:?} combines streams of different topologies")
            }
        }
    }
}

impl Error for BuildError {}

impl From<BuildError> for JobError {
    fn from(error: BuildError) -> Self {
        Self::Build(vec![error])
    }
}

/// Why a file could not be read or written.
#[derive(Debug)]
pub struct FileError {
    /// What was attempted, as in "open" or "write".
    pub action: &'static str,
    /// The file.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} file {:?}", self.action, self.path)
    }
}

impl Error for FileError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}
