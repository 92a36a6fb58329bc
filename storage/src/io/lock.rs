//! The lock of a state directory: one process at a time.
//!
//! It is an advisory lock (`flock`) on the file `LOCK` in it, which the kernel frees when its owner ends, however it ends; so there is no stale lock, only a stale
//! text. The text says who the owner is, for the one who is refused. The file is never removed: two processes could then hold locks on two files of one name.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;

use super::{DiskError, Verb, blocking};

/// Name of the file.
const NAME: &str = "LOCK";

/// The right to use a state directory, until it is dropped or the process ends.
#[derive(Debug)]
pub struct StateLock {
    _file: File,
    directory: PathBuf,
}

/// Who holds a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Number of the process.
    pub process: u32,
    /// When it started, seconds since the Unix epoch; 0 where the system does not say.
    pub started_s: u64,
    /// The machine it runs on.
    pub host: String,
}

/// Why a state directory cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Another process uses it. End that one, or give this one a directory of its own.
    #[error(
        "state directory \"{}\" is in use by {}; end it, or give this process a directory of its own",
        directory.display(),
        Known(owner.as_ref())
    )]
    Held {
        /// The directory.
        directory: PathBuf,
        /// Who it is, unless it was just about to say so.
        owner: Option<Owner>,
    },
    /// The directory cannot be made, written or locked.
    #[error("state directory \"{}\" cannot be locked", directory.display())]
    Refused {
        /// The directory.
        directory: PathBuf,
        /// Why.
        source: DiskError,
    },
}

struct Known<'a>(Option<&'a Owner>);

impl fmt::Display for Known<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(owner) => owner.fmt(f),
            None => f.write_str("another process"),
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { process, started_s, host } = self;
        write!(f, "process {process} on host \"{host}\"")?;
        if *started_s > 0 {
            write!(f, ", started {started_s} s after the Unix epoch")?;
        }
        Ok(())
    }
}

impl StateLock {
    /// Locks `directory`, which is made if it is not there. Waits for nobody.
    ///
    /// # Errors
    ///
    /// [`LockError::Held`] if somebody has it, this process included.
    pub fn acquire(directory: &Path) -> Result<Self, LockError> {
        let path = directory.join(NAME);
        let refused = |source: io::Error| LockError::Refused {
            directory: directory.to_path_buf(),
            source: DiskError::new(Verb::Lock, path.clone(), None, source),
        };
        make(directory).map_err(refused)?;
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(refused)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let owner = Owner::read(&mut file);
                return Err(LockError::Held { directory: directory.to_path_buf(), owner });
            }
            Err(error) => return Err(refused(error.into())),
        }
        Owner::here().write(&mut file).map_err(refused)?;
        Ok(Self { _file: file, directory: directory.to_path_buf() })
    }

    /// What is locked.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

/// Makes the directory and those above it, and their names durable.
pub(crate) fn make(directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    let parent = super::directory_of(directory);
    make(&parent)?;
    match std::fs::create_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        other => other?,
    }
    blocking::open_directory(&parent)?.sync_all()
}

impl Owner {
    /// This process.
    #[must_use]
    pub fn here() -> Self {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        Self { process: std::process::id(), started_s: started_s().unwrap_or(0), host }
    }

    fn write(&self, file: &mut File) -> io::Result<()> {
        file.set_len(0)?;
        file.rewind()?;
        let Self { process, started_s, host } = self;
        write!(file, "process {process}\nstarted {started_s}\nhost {host}\n")?;
        file.sync_all()
    }

    fn read(file: &mut File) -> Option<Self> {
        let mut text = String::new();
        file.take(4096).read_to_string(&mut text).ok()?;
        let line = |name| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let process = line("process")?.parse().ok()?;
        let started_s = line("started")?.parse().ok()?;
        Some(Self { process, started_s, host: line("host")?.to_owned() })
    }
}

/// When this process started, by what Linux tells of it: ticks since the machine did, and when that was.
fn started_s() -> Option<u64> {
    let of_process = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name, in parentheses, may hold anything; what follows it is numbers. The start is the 22nd field, the 20th behind the name.
    let ticks: u64 = of_process.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()?;
    let of_machine = std::fs::read_to_string("/proc/stat").ok()?;
    let boot: u64 =
        of_machine.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    Some(boot + ticks / rustix::param::clock_ticks_per_second())
}

#[cfg(all(test, not(miri)))]
mod tests {
    use super::*;

    #[test]
    fn a_second_owner_is_refused_and_told_who_the_first_one_is() {
        let place = tempfile::tempdir().unwrap();
        let directory = place.path().join("a/b");
        let first = StateLock::acquire(&directory).unwrap();
        assert_eq!(first.directory(), directory);
        let error = StateLock::acquire(&directory).unwrap_err();
        let LockError::Held { owner: Some(owner), .. } = &error else { panic!("{error}") };
        assert_eq!(*owner, Owner::here());
        assert_eq!(
            error.to_string(),
            format!(
                "state directory \"{}\" is in use by process {} on host \"{}\", started {} s after the Unix epoch; \
                 end it, or give this process a directory of its own",
                directory.display(),
                owner.process,
                owner.host,
                owner.started_s
            )
        );
    }

    #[test]
    fn a_lock_is_free_when_its_owner_is_gone_whatever_the_text_says() {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join(NAME), "process 1\nstarted 5\nhost elsewhere\n").unwrap();
        drop(StateLock::acquire(place.path()).unwrap());
        StateLock::acquire(place.path()).unwrap();
        let text = std::fs::read_to_string(place.path().join(NAME)).unwrap();
        assert!(text.starts_with(&format!("process {}\n", std::process::id())), "{text}");
    }

    #[test]
    fn a_directory_that_is_a_file_is_refused_by_name() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("file");
        std::fs::write(&path, "").unwrap();
        let error = StateLock::acquire(&path.join("below")).unwrap_err();
        assert!(matches!(error, LockError::Refused { .. }), "{error}");
        assert!(error.to_string().contains("file/below"), "{error}");
    }

    #[test]
    fn this_process_started_in_the_past() {
        let now = std::fs::metadata("/proc/self").unwrap().modified().unwrap();
        let now = now.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let started = started_s().unwrap();
        assert!(started > 1_600_000_000 && started <= now + 2, "{started} {now}");
    }
}
