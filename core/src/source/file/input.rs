//! The bytes of a file, inflated if need be, a bounded piece at a time.

use std::io;
use std::path::Path;

use super::error::FileSourceError;
use crate::error::FileError;
use crate::format::gzip::{Compression, Inflate};
use crate::io::{Files, ReadFile, ReadPoll};

/// Read at once: enough that a system call costs nothing, little enough to stay in the L2.
const READ_BYTES: usize = 256 << 10;
/// Inflated at once: some 200 us of work, so that other tasks of the worker need not wait for long.
const INFLATE_BYTES: usize = 64 << 10;

/// A file that is read from front to back.
pub(super) struct Input {
    file: Box<dyn ReadFile>,
    gzip: Option<Gzip>,
    /// Inflated bytes that are still to be dropped, because they were read before.
    skip: u64,
    /// Where in the file reading has come to.
    read_to: u64,
    /// Bytes read, compressed ones of a compressed file.
    bytes: u64,
}

/// What is read but not inflated.
struct Gzip {
    inflate: Inflate,
    compressed: Vec<u8>,
    at: usize,
    /// More may come without more input.
    is_full: bool,
    ended: bool,
}

impl Input {
    /// Opens `path` at `offset`. A compressed file is inflated from its start, and what lies before is dropped.
    pub(super) fn open(
        files: &dyn Files,
        path: &Path,
        compression: Compression,
        offset: u64,
    ) -> Result<Self, FileSourceError> {
        let is_gzip = compression == Compression::Gzip;
        let (offset, skip) = if is_gzip { (0, offset) } else { (offset, 0) };
        let file = files.open(path, offset).map_err(|error| failed("open", path, error))?;
        let gzip = is_gzip.then(|| Gzip {
            inflate: Inflate::new(),
            compressed: Vec::new(),
            at: 0,
            is_full: false,
            ended: false,
        });
        Ok(Self { file, gzip, skip, read_to: offset, bytes: 0 })
    }

    /// Bytes that come from elsewhere, as they are.
    pub(super) fn over(file: Box<dyn ReadFile>) -> Self {
        Self { file, gzip: None, skip: 0, read_to: 0, bytes: 0 }
    }

    /// Where in a plain file reading has come to.
    pub(super) fn read_to(&self) -> u64 {
        self.read_to
    }

    /// Bytes read so far, as they came.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What is read.
    pub(super) fn file(&self) -> &dyn ReadFile {
        &*self.file
    }

    /// Appends the next piece to `text`.
    pub(super) fn poll(
        &mut self,
        path: &Path,
        text: &mut Vec<u8>,
    ) -> Result<ReadPoll, FileSourceError> {
        let Self { file, gzip, skip, read_to, bytes } = self;
        let Some(gzip) = gzip else {
            let read = file.poll_read(text, READ_BYTES);
            let read = read.map_err(|error| failed("read", path, error))?;
            if let ReadPoll::Data(count) = read {
                *read_to += count as u64;
                *bytes += count as u64;
            }
            return Ok(read);
        };
        let damaged = |source| FileSourceError::Gzip { path: path.to_owned(), source };
        loop {
            if gzip.is_full || gzip.at < gzip.compressed.len() {
                let rest = &gzip.compressed[gzip.at..];
                let inflated = gzip.inflate.push(rest, text, INFLATE_BYTES).map_err(damaged)?;
                gzip.at += inflated.consumed;
                gzip.is_full = inflated.full;
                let dropped = usize::try_from(*skip).unwrap_or(usize::MAX).min(inflated.produced);
                let start = text.len() - inflated.produced;
                text.drain(start..start + dropped);
                *skip -= dropped as u64;
                if inflated.produced > dropped {
                    return Ok(ReadPoll::Data(inflated.produced - dropped));
                }
                if dropped > 0 {
                    return Ok(ReadPoll::Pending);
                }
                continue;
            }
            if gzip.ended {
                gzip.inflate.finish().map_err(damaged)?;
                return Ok(ReadPoll::End);
            }
            gzip.compressed.clear();
            gzip.at = 0;
            let read = file.poll_read(&mut gzip.compressed, READ_BYTES);
            match read.map_err(|error| failed("read", path, error))? {
                ReadPoll::Data(count) => *bytes += count as u64,
                ReadPoll::Pending => return Ok(ReadPoll::Pending),
                ReadPoll::End => gzip.ended = true,
            }
        }
    }

    /// As [`Self::poll`], but waits; for the time before the job.
    pub(super) fn read(
        &mut self,
        path: &Path,
        text: &mut Vec<u8>,
    ) -> Result<ReadPoll, FileSourceError> {
        loop {
            match self.poll(path, text)? {
                ReadPoll::Pending => std::hint::spin_loop(),
                other => return Ok(other),
            }
        }
    }
}

pub(super) fn failed(action: &'static str, path: &Path, source: io::Error) -> FileSourceError {
    FileSourceError::File(FileError { action, path: path.to_owned(), source })
}
