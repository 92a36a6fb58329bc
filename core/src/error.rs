//! What can go wrong with a job, and what to do about it.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

use thalweg_storage::io::LockError;

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
    /// A handle could not be had.
    Handle(HandleError),
    /// The state directory is in use, or cannot be used.
    Lock(LockError),
    /// The job cannot go on from its checkpoints.
    Restore(Box<dyn Error + Send + Sync>),
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
            Self::Handle(error) => error.fmt(f),
            Self::Lock(error) => error.fmt(f),
            Self::Restore(error) => error.fmt(f),
            Self::Program(_) => f.write_str("the job's function failed"),
        }
    }
}

impl Error for JobError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Operator { source, .. } | Self::Program(source) => Some(&**source),
            Self::Worker { source, .. } => Some(source),
            Self::Lock(error) => error.source(),
            Self::Restore(error) => error.source(),
            _ => None,
        }
    }
}

/// Why a job gives no handle of that name.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum HandleError {
    /// The job has none of that name.
    Unknown {
        /// "input" or "output".
        direction: &'static str,
        /// The name that was asked for.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// It carries other records.
    WrongType {
        /// "input" or "output".
        direction: &'static str,
        /// The name.
        name: String,
        /// The type in the job's function.
        declared: &'static str,
        /// The type that was asked for.
        asked: &'static str,
    },
    /// All handles of that name were taken; declare more, or hand the one there is around.
    Taken {
        /// "input" or "output".
        direction: &'static str,
        /// The name.
        name: String,
        /// How many were declared.
        handles: usize,
    },
}

impl fmt::Display for HandleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { direction, name, known } => {
                write!(f, "no {direction} is named {name:?}; ")?;
                match known.is_empty() {
                    true => write!(f, "the job has no {direction}"),
                    false => {
                        let known: Vec<_> = known.iter().map(|name| format!("{name:?}")).collect();
                        write!(f, "the job has {}", known.join(", "))
                    }
                }
            }
            Self::WrongType { direction, name, declared, asked } => {
                write!(
                    f,
                    "{direction} {name:?} carries records of type `{declared}`, not `{asked}`"
                )
            }
            Self::Taken { direction, name, handles: 1 } => {
                write!(f, "the handle of {direction} {name:?} was taken already")
            }
            Self::Taken { direction, name, handles } => {
                write!(f, "all {handles} handles of {direction} {name:?} were taken already")
            }
        }
    }
}

impl JobError {
    /// True for what may go well the next time: a failure of user code or of the world, not one of the job as it is written, and not the wish of somebody.
    pub(crate) fn is_worth_a_restart(&self) -> bool {
        matches!(self, Self::Operator { .. } | Self::Panic { .. } | Self::Restore(_))
    }

    /// The error of a step of the task `task`, unless the error itself knows better where it happened.
    pub(crate) fn of_task(task: String, fault: OperatorFault) -> Self {
        match fault.downcast::<NamedFault>() {
            Ok(named) => Self::Operator { operator: named.operator, source: named.source },
            Err(source) => Self::Operator { operator: task, source },
        }
    }
}

/// An error of an operator that runs in a task of another name.
#[derive(Debug)]
pub(crate) struct NamedFault {
    pub(crate) operator: String,
    pub(crate) source: OperatorFault,
}

impl fmt::Display for NamedFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "operator {:?} failed", self.operator)
    }
}

impl Error for NamedFault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}

impl Error for HandleError {}

impl From<HandleError> for JobError {
    fn from(error: HandleError) -> Self {
        Self::Handle(error)
    }
}

/// Why an input took nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// The job is behind, and its ring is full; only from calls that do not wait. Try again.
    Full,
    /// The job has ended.
    Ended,
    /// The job failed or was cancelled.
    Failed {
        /// How, in one line; [`JobHandle::join`](crate::control::JobHandle::join) has the error itself.
        message: String,
    },
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => {
                f.write_str("the job is behind: its input is full; try again, or send() and wait")
            }
            Self::Ended => f.write_str("the job has ended"),
            Self::Failed { message } => f.write_str(message),
        }
    }
}

impl Error for SendError {}

/// Why an output gives nothing any more.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecvError {
    /// Everything has been received: the job, or this output of it, has ended.
    Ended,
    /// The job failed or was cancelled; what it had sent before was received.
    Failed {
        /// How, in one line; [`JobHandle::join`](crate::control::JobHandle::join) has the error itself.
        message: String,
    },
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended => f.write_str("the output has ended"),
            Self::Failed { message } => f.write_str(message),
        }
    }
}

impl Error for RecvError {}

/// An error and its causes in one line.
pub(crate) fn error_chain(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| (**error).source());
    let mut line = String::new();
    for cause in causes {
        let text = cause.to_string();
        // sonic-rs paints a picture of the place below its sentence.
        let sentence = text.split("\n\n\t").next().unwrap_or_default();
        line = if line.is_empty() { sentence.to_owned() } else { line + ": " + sentence };
    }
    line
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
    /// A replay would not find the source's records again: what a socket or a growing file gave is gone. Give the replay the recorded
    /// bytes, as memory files and streams.
    NotReplayable {
        /// The source's name.
        operator: String,
    },
    /// A replay begins with nothing, and the run that was recorded with the state of a checkpoint. Record one that begins anew.
    NotFromBeginning {
        /// The checkpoint.
        epoch: u64,
    },
    /// The checkpoint has state that nothing in the job asks for. Going on would lose it: say that it is to go, with `EngineBuilder::retire`, or give the operator its
    /// old name.
    Unclaimed {
        /// The operator that had it.
        operator: String,
        /// What it was called.
        state: String,
    },
    /// Keys or values of this state are of other types than those in the checkpoint, and cannot be made those ([`Upgrade`](crate::record::Upgrade) says which changes old values
    /// survive). Give the state or its operator another name and retire the old one, or go back to the types.
    StateChanged {
        /// The operator.
        operator: String,
        /// The state.
        state: String,
        /// What has changed.
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
            Self::NotReplayable { operator } => write!(
                f,
                "source {operator:?} cannot be replayed: what it read is gone; replay it with the recorded bytes (MemoryFiles, MemoryStreams)"
            ),
            Self::NotFromBeginning { epoch } => write!(
                f,
                "what was recorded cannot be replayed: it went on from checkpoint {epoch}, whose state is not recorded; record a run that begins anew"
            ),
            Self::Unclaimed { operator, state } => write!(
                f,
                "the checkpoint has state {state:?} of operator {operator:?}, which the job does not ask for; give the operator its name back, or retire({operator:?}, {state:?})"
            ),
            Self::StateChanged { operator, state, message } => write!(
                f,
                "state {state:?} of operator {operator:?} cannot be read from the checkpoint: {message}; go back to what it was, say how it is upgraded, or use another name and retire({operator:?}, {state:?})"
            ),
            Self::ForeignStream { operator } => {
                write!(
                    f,
                    "operator {operator:?} combines streams of different topologies; combine those of the one that the job's function is given"
                )
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_a_job_is_said_with_its_place_and_all_its_causes_in_one_line() {
        let refused = || io::Error::other("Resource temporarily unavailable");
        let worker = JobError::Worker { worker: 3, source: refused() };
        assert_eq!(
            error_chain(&worker),
            "worker 3 could not be started: Resource temporarily unavailable"
        );
        let named = NamedFault { operator: "parse".into(), source: "no number".into() };
        assert_eq!(error_chain(&named), "operator \"parse\" failed: no number");
        let error = JobError::of_task("numbers".into(), Box::new(named));
        assert_eq!(error_chain(&error), "operator \"parse\" failed: no number");
        let file = FileError { action: "create", path: "out/a.csv".into(), source: refused() };
        assert_eq!(
            error_chain(&JobError::of_task("out".into(), Box::new(file))),
            "operator \"out\" failed: cannot create file \"out/a.csv\": Resource temporarily unavailable"
        );
    }

    #[test]
    fn the_picture_that_a_parser_paints_is_left_out_of_the_line() {
        let error = sonic_rs::from_str::<u64>("\"x\"").unwrap_err();
        assert!(error.to_string().contains('\n'), "{error}");
        assert_eq!(
            error_chain(&error),
            "invalid type: string \"x\", expected u64 at line 1 column 3"
        );
    }

    #[test]
    fn a_host_is_told_why_an_end_gives_or_takes_nothing() {
        assert_eq!(
            SendError::Full.to_string(),
            "the job is behind: its input is full; try again, or send() and wait"
        );
        assert_eq!(SendError::Ended.to_string(), "the job has ended");
        assert_eq!(RecvError::Ended.to_string(), "the output has ended");
        let message = || "operator \"a\" panicked: b".to_owned();
        assert_eq!(SendError::Failed { message: message() }.to_string(), message());
        assert_eq!(RecvError::Failed { message: message() }.to_string(), message());
    }
}
