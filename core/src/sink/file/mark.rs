//! By what a checkpoint knows a file again: how long it was, and what it ended with.
//!
//! Whoever starts a job again may have moved its output, restored it from a backup, or put another file in its place. The length alone would not tell, and the
//! file's number on its device would tell too much: a copy is as good.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::io::{Files, ReadPoll};

/// What a file was when it was durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::sink) struct Mark {
    /// Its length.
    pub(in crate::sink) bytes: u64,
    /// The XXH3 of its last [`TAIL_BYTES`], or of all if there are fewer.
    end: u64,
}

/// As many bytes as a line of CSV has, about.
const TAIL_BYTES: usize = 64;

/// The end of a file that grows.
#[derive(Debug, Default)]
pub(super) struct Tail {
    bytes: u64,
    last: Vec<u8>,
}

/// Why a job cannot go on with a file: the outside is not what the checkpoint says.
#[derive(Debug, thiserror::Error)]
#[error(
    "file {path:?} is not the one that the checkpoint knows: {reason}; put that back, or start from a checkpoint that fits"
)]
pub struct FileRecoveryError {
    /// The file.
    pub path: PathBuf,
    /// How it differs.
    pub reason: String,
}

impl Tail {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        let Self { last, .. } = self;
        last.extend_from_slice(&bytes[bytes.len().saturating_sub(TAIL_BYTES)..]);
        last.drain(..last.len().saturating_sub(TAIL_BYTES));
    }

    pub(super) fn mark(&self) -> Mark {
        Mark { bytes: self.bytes, end: xxhash_rust::xxh3::xxh3_64(&self.last) }
    }

    /// Of a file as it is.
    pub(super) fn of(path: &Path, files: &dyn Files) -> io::Result<Self> {
        Self::within(path, files.len(path)?, files)
    }

    /// Of the first `bytes` bytes of a file.
    fn within(path: &Path, bytes: u64, files: &dyn Files) -> io::Result<Self> {
        let start = bytes.saturating_sub(TAIL_BYTES as u64);
        let wanted = usize::try_from(bytes - start).expect("invariant: at most a tail");
        let (mut file, mut last) = (files.open(path, start)?, Vec::new());
        while last.len() < wanted {
            let more = wanted - last.len();
            if file.poll_read(&mut last, more)? == ReadPoll::End {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(Self { bytes, last })
    }
}

impl Mark {
    /// Cuts the file off where it was marked.
    ///
    /// # Errors
    ///
    /// If it is not there, is shorter, or had something else there.
    pub(super) fn restore(
        self,
        path: &Path,
        files: &dyn Files,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let Self { bytes, .. } = self;
        let other = |reason| FileRecoveryError { path: path.to_owned(), reason };
        let found = match files.len(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(other("it is not there".into()).into());
            }
            found => found.map_err(|source| super::lines::failed("look at", path, source))?,
        };
        if found < bytes {
            return Err(other(format!("it has {found} bytes, and had {bytes}")).into());
        }
        let tail = Tail::within(path, bytes, files);
        let tail = tail.map_err(|source| super::lines::failed("read", path, source))?;
        if tail.mark() != self {
            return Err(other(format!("its first {bytes} bytes end with other ones")).into());
        }
        if found > bytes && !crate::canary::sings("torn-tail") {
            let cut = files.truncate(path, bytes);
            cut.map_err(|source| super::lines::failed("cut off", path, source))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rt::MemoryFiles;

    #[test]
    fn a_mark_depends_on_length_and_end_alone_and_is_found_again() {
        let text: Vec<u8> = (0..=255).collect();
        for cut in [0, 1, 63, 64, 65, 200, 256] {
            let files = MemoryFiles::default().with("a", text.clone());
            let mut tail = Tail::default();
            text[..cut].chunks(7).for_each(|chunk| tail.push(chunk));
            let path = Path::new("a");
            tail.mark().restore(path, &files).unwrap();
            assert_eq!(files.read("a").unwrap(), text[..cut]);
            assert_eq!(Tail::of(path, &files).unwrap().mark(), tail.mark());
        }
    }

    #[test]
    fn another_file_is_refused() {
        let mut tail = Tail::default();
        tail.push(b"one\ntwo\n");
        let refusal = |files: MemoryFiles| {
            tail.mark().restore(Path::new("a"), &files).unwrap_err().to_string()
        };
        let about = |reason: &str| {
            format!(
                "file \"a\" is not the one that the checkpoint knows: {reason}; put that back, or start from a checkpoint that fits"
            )
        };
        assert_eq!(refusal(MemoryFiles::default()), about("it is not there"));
        let short = MemoryFiles::default().with("a", "one\n");
        assert_eq!(refusal(short), about("it has 4 bytes, and had 8"));
        let other = MemoryFiles::default().with("a", "one\nsix\nten\n");
        assert_eq!(refusal(other), about("its first 8 bytes end with other ones"));
    }
}
