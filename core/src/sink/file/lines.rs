//! Lines on their way into a file, compressed if it is to be.
//!
//! # Invariants
//!
//! 1. What is durable is whole: a sync ends the compressed member that is open, so that a file that is cut off there, and written on, is well formed.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use flate2::Compression as Level;
use flate2::write::GzEncoder;

use super::mark::{Mark, Tail};
use crate::error::FileError;
use crate::format::gzip::Compression;
use crate::io::{Files, WriteFile};

/// Lines on their way into a file.
pub(in crate::sink) struct LineFile {
    path: PathBuf,
    file: Box<dyn WriteFile>,
    gzip: Option<Gzip>,
    /// Encoded and not yet handed to the file; empty between runs.
    text: Vec<u8>,
    /// How long the file is with all that it was handed, and what it ends with.
    tail: Tail,
    is_syncing: bool,
    is_closing: bool,
}

/// A compressor, and whether there is anything in the member that it writes.
struct Gzip {
    encoder: GzEncoder<Vec<u8>>,
    is_open: bool,
}

impl Gzip {
    fn new() -> Self {
        Self { encoder: GzEncoder::new(Vec::new(), Level::default()), is_open: false }
    }
}

impl LineFile {
    /// A new file; compressed, if its name says so.
    pub(in crate::sink) fn create(path: &Path, files: &dyn Files) -> Result<Self, FileError> {
        let file = files.create(path).map_err(|source| failed("create", path, source))?;
        Ok(Self::over(path, file, Tail::default(), is_compressed(path)))
    }

    /// A new file, compressed or not whatever its name says.
    pub(super) fn create_as(
        path: &Path,
        compressed: bool,
        files: &dyn Files,
    ) -> Result<Self, FileError> {
        let file = files.create(path).map_err(|source| failed("create", path, source))?;
        Ok(Self::over(path, file, Tail::default(), compressed))
    }

    /// A file that was cut off where it is durable.
    pub(in crate::sink) fn append(path: &Path, files: &dyn Files) -> Result<Self, FileError> {
        let opened = || Ok((Tail::of(path, files)?, files.append(path)?));
        let (tail, file) = opened().map_err(|source| failed("append to", path, source))?;
        Ok(Self::over(path, file, tail, is_compressed(path)))
    }

    fn over(path: &Path, file: Box<dyn WriteFile>, tail: Tail, compressed: bool) -> Self {
        Self {
            path: path.to_owned(),
            file,
            gzip: compressed.then(Gzip::new),
            text: Vec::new(),
            tail,
            is_syncing: false,
            is_closing: false,
        }
    }

    pub(in crate::sink) fn path(&self) -> &Path {
        &self.path
    }

    /// What the file is, with all that it was handed.
    pub(in crate::sink) fn mark(&self) -> Mark {
        self.tail.mark()
    }

    /// Where lines are appended; then call [`Self::put`].
    pub(in crate::sink) fn text(&mut self) -> &mut Vec<u8> {
        &mut self.text
    }

    /// Hands the text to the file.
    pub(in crate::sink) fn put(&mut self) -> Result<(), FileError> {
        self.hand_over(|_| Ok(()))
    }

    /// Hands the text to the file; `more` asks the compressor for what it still holds.
    fn hand_over(
        &mut self,
        more: impl FnOnce(&mut GzEncoder<Vec<u8>>) -> io::Result<()>,
    ) -> Result<(), FileError> {
        let Self { file, gzip, text, tail, .. } = self;
        let mut write = |bytes: &[u8]| {
            tail.push(bytes);
            file.write(bytes)
        };
        let written = match gzip {
            None => write(text),
            Some(Gzip { encoder, is_open }) => {
                *is_open |= !text.is_empty();
                encoder.write_all(text).and_then(|()| more(encoder)).and_then(|()| {
                    let written = write(encoder.get_ref());
                    encoder.get_mut().clear();
                    written
                })
            }
        };
        self.text.clear();
        written.map_err(|source| failed("write", &self.path, source))
    }

    pub(in crate::sink) fn poll_flush(&mut self) -> Result<bool, FileError> {
        match self.gzip.as_ref().is_some_and(|gzip| gzip.is_open) {
            true => self.hand_over(|gzip| gzip.flush())?,
            false => self.put()?,
        }
        self.file.poll_flush().map_err(|source| failed("write", &self.path, source))
    }

    /// Hands over everything, so that the file could end here, and [`Self::mark`] tells of all.
    pub(super) fn seal(&mut self) -> Result<(), FileError> {
        self.put()?;
        self.end_member(false)
    }

    /// Makes everything durable; true when it is.
    pub(super) fn poll_sync(&mut self) -> Result<bool, FileError> {
        if !self.is_syncing {
            self.is_syncing = true;
            self.seal()?;
        }
        let synced = match crate::canary::sings("unsynced-file") {
            true => self.file.poll_flush(),
            false => self.file.poll_sync(),
        };
        self.is_syncing = !synced.map_err(|source| failed("sync", &self.path, source))?;
        Ok(!self.is_syncing)
    }

    pub(in crate::sink) fn poll_close(&mut self) -> Result<bool, FileError> {
        if !self.is_closing {
            self.is_closing = true;
            // The header of a file to which no record came is still here.
            self.put()?;
            // A compressed file without a member is none.
            self.end_member(self.tail.mark().bytes == 0)?;
        }
        self.file.poll_close().map_err(|source| failed("write", &self.path, source))
    }

    fn end_member(&mut self, even_if_empty: bool) -> Result<(), FileError> {
        if self.gzip.as_ref().is_some_and(|gzip| gzip.is_open || even_if_empty) {
            self.hand_over(GzEncoder::try_finish)?;
            self.gzip = Some(Gzip::new());
        }
        Ok(())
    }
}

pub(super) fn failed(action: &'static str, path: &Path, source: io::Error) -> FileError {
    FileError { action, path: path.to_owned(), source }
}

fn is_compressed(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| Compression::of_name(&name.to_string_lossy()) == Compression::Gzip)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::error_chain;
    use crate::rt::MemoryFiles;

    #[test]
    fn a_file_that_is_gone_is_named_with_what_was_to_be_done() {
        let files = MemoryFiles::default();
        let error = LineFile::append(Path::new("out/a.csv"), &files).map(drop).unwrap_err();
        assert_eq!(error_chain(&error), "cannot append to file \"out/a.csv\": entity not found");
    }
}
