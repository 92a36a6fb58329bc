//! The settings of checkpoints.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::checkpoint::Pace;
use crate::error::BuildError;

/// Where and how often the jobs of an engine take checkpoints.
///
/// ```
/// use thalweg::prelude::*;
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let state = folder.path();
/// let counts = |found: &Collected<(u64, u64)>| {
///     let found = found.clone();
///     move |t: &mut Topology| {
///         t.source("numbers", Generator::of(0..1_000, |i| i))
///             .without_event_time()
///             .key_by_value(|n| n.to_native() % 3)
///             .filter_map_with_state("counts", |count: &mut u64, n| {
///                 *count += 1;
///                 (n.to_native() >= 997).then_some((n.to_native() % 3, *count))
///             })
///             .sink("found", found.sink());
///         Ok(())
///     }
/// };
/// let found = Collected::new();
/// let checkpoints = Checkpoints::in_directory(state).every(10.millis());
/// let engine = Engine::builder().checkpoints(checkpoints).build();
/// engine.run("counts", counts(&found))?;
/// let mut counted = found.take();
/// counted.sort();
/// assert_eq!(counted, [(0, 334), (1, 333), (2, 333)]);
/// // A job that has come to its end has nothing left to do when it is started again.
/// engine.run("counts", counts(&found))?;
/// assert!(found.take().is_empty());
/// # Ok::<(), JobError>(())
/// ```
///
/// Each job has a folder of its own in the directory, by its name, which one process at a time may use. A job that is started goes on from the newest checkpoint
/// there: state, timers, and how far its sources had read; on as many workers as there are now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoints {
    directory: PathBuf,
    every: Duration,
    timeout: Duration,
    retain: usize,
}

impl Checkpoints {
    /// Into this directory, which is made if it is not there; ten seconds apart, unless it is said otherwise.
    pub fn in_directory(directory: impl Into<PathBuf>) -> Self {
        let (every, timeout) = (Duration::from_secs(10), Duration::from_secs(600));
        Self { directory: directory.into(), every, timeout, retain: 1 }
    }

    /// From the beginning of one to that of the next, 10 ms or more; one that takes longer is not disturbed by the next. Default 10 s.
    #[must_use]
    pub fn every(mut self, interval: Duration) -> Self {
        self.every = interval;
        self
    }

    /// None by themselves: only those that are asked for, with [`JobHandle::checkpoint`](super::JobHandle::checkpoint) or [`JobHandle::savepoint`](super::JobHandle::savepoint), and the
    /// last one of a job. Sinks that deliver exactly once show what they have written at those only.
    #[must_use]
    pub fn on_demand(self) -> Self {
        self.every(Duration::MAX)
    }

    /// How many complete ones are kept, 1 or more; older ones serve when the newest is damaged. Default 1.
    #[must_use]
    pub fn retain(mut self, checkpoints: usize) -> Self {
        self.retain = checkpoints;
        self
    }

    /// One that takes longer than this is given up. Default 10 min.
    ///
    /// A barrier waits for a firing that is under way, and for the records before it. For a sink or a host that takes nothing it does not wait: what is on its way to it is in the
    /// checkpoint; until that is 64 MiB, then it waits as well. Nothing is lost when one is given up; the next one has all that it would have had.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    pub(super) fn check(&self) -> Result<(), BuildError> {
        let refuse = |message: &str| {
            Err(BuildError::Setting { name: "checkpoints".into(), message: message.into() })
        };
        if self.every < Duration::from_millis(10) {
            return refuse("the interval is at least 10 ms");
        }
        if self.retain == 0 {
            return refuse("at least one checkpoint is kept");
        }
        if self.timeout.is_zero() {
            return refuse("a checkpoint needs time");
        }
        Ok(())
    }

    pub(super) fn pace(&self) -> Pace {
        let nanos = |span: Duration| u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        let (interval_ns, timeout_ns) = (nanos(self.every), nanos(self.timeout));
        Pace { interval_ns, timeout_ns, retain: self.retain }
    }

    pub(super) fn retained(&self) -> usize {
        self.retain
    }

    /// The folder of a job.
    pub(super) fn of_job(&self, job: &str) -> PathBuf {
        folder_of(&self.directory, job)
    }
}

/// A folder whose name is the job's, with what a file name cannot have written as `%` and its number.
fn folder_of(directory: &Path, job: &str) -> PathBuf {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_ ".contains(&byte);
    let mut name = String::new();
    for (index, byte) in job.bytes().enumerate() {
        match byte {
            byte if is_plain(byte) || byte == b'.' && index > 0 => name.push(char::from(byte)),
            byte => name.push_str(&format!("%{byte:02x}")),
        }
    }
    directory.join(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_job_has_a_folder_of_its_own_whatever_its_name() {
        let folder = |job| folder_of(Path::new("state"), job);
        assert_eq!(folder("orders v1.2"), Path::new("state/orders v1.2"));
        assert_eq!(folder("../x"), Path::new("state/%2e.%2fx"));
        assert_ne!(folder("a/b"), folder("a%2fb"));
    }

    #[test]
    fn settings_out_of_bounds_are_refused() {
        let error = |checkpoints: Checkpoints| checkpoints.check().unwrap_err().to_string();
        let checkpoints = || Checkpoints::in_directory("state");
        assert!(checkpoints().check().is_ok());
        let message = "setting of \"checkpoints\": the interval is at least 10 ms";
        assert_eq!(error(checkpoints().every(Duration::from_millis(9))), message);
        let message = "setting of \"checkpoints\": at least one checkpoint is kept";
        assert_eq!(error(checkpoints().retain(0)), message);
        let message = "setting of \"checkpoints\": a checkpoint needs time";
        assert_eq!(error(checkpoints().timeout(Duration::ZERO)), message);
    }
}
