//! Files through the standard library: calls that block, on data that the page cache usually has. What waits for the device is left to
//! [helper threads](sync).

mod sync;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use sync::{Scope, Syncing};

use crate::io::{FileStatus, Files, Pending, ReadFile, ReadPoll, WriteFile};

/// The file system of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemFiles;

/// A write call takes at least this much, unless it is the last.
const WRITE_BYTES: usize = 256 << 10;

impl Files for SystemFiles {
    fn list(&self, pattern: &str) -> io::Result<Vec<PathBuf>> {
        // A name with brackets in it is a file first, and a pattern only if there is no such file.
        if Path::new(pattern).exists() {
            return Ok(vec![PathBuf::from(pattern)]);
        }
        let paths = glob::glob(pattern)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let mut paths = paths.collect::<Result<Vec<_>, _>>().map_err(io::Error::from)?;
        paths.retain(|path| path.is_file());
        paths.sort();
        Ok(paths)
    }

    fn len(&self, path: &Path) -> io::Result<u64> {
        Ok(fs::metadata(path)?.len())
    }

    fn status(&self, path: &Path) -> io::Result<FileStatus> {
        fs::metadata(path).map(|found| status_of(&found))
    }

    #[expect(clippy::disallowed_methods, reason = "this is what others go through")]
    fn open(&self, path: &Path, offset: u64) -> io::Result<Box<dyn ReadFile>> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(offset))?;
        Ok(Box::new(SystemRead { file }))
    }

    #[expect(clippy::disallowed_methods, reason = "this is what others go through")]
    fn create(&self, path: &Path) -> io::Result<Box<dyn WriteFile>> {
        if let Some(folder) = path.parent() {
            let made = fs::create_dir_all(folder);
            // Else it would be said of the file that it exists, where it is a file that has the folder's name.
            made.map_err(|error| {
                io::Error::new(error.kind(), format!("its folder cannot be made: {error}"))
            })?;
        }
        Ok(Box::new(SystemWrite::new(File::create(path)?)))
    }

    fn append(&self, path: &Path) -> io::Result<Box<dyn WriteFile>> {
        Ok(Box::new(SystemWrite::new(OpenOptions::new().append(true).open(path)?)))
    }

    fn truncate(&self, path: &Path, bytes: u64) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(path)?;
        file.set_len(bytes)?;
        file.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn names(&self, folder: &Path) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(folder_of(folder)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                names.extend(entry.file_name().into_string());
            }
        }
        names.sort();
        Ok(names)
    }

    #[expect(clippy::disallowed_methods, reason = "this is what others go through")]
    fn sync_folder(&self, folder: &Path) -> io::Result<Box<dyn Pending>> {
        Ok(Box::new(sync::sync(File::open(folder_of(folder))?, Scope::All)?))
    }
}

/// The folder that an empty path, the parent of a bare name, means.
fn folder_of(path: &Path) -> &Path {
    if path.as_os_str().is_empty() { Path::new(".") } else { path }
}

fn status_of(found: &fs::Metadata) -> FileStatus {
    FileStatus { identity: (found.dev(), found.ino()), bytes: found.len() }
}

struct SystemRead {
    file: File,
}

impl ReadFile for SystemRead {
    fn poll_read(&mut self, buffer: &mut Vec<u8>, max: usize) -> io::Result<ReadPoll> {
        let start = buffer.len();
        buffer.resize(start + max, 0);
        let count = loop {
            match self.file.read(&mut buffer[start..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        buffer.truncate(start + *count.as_ref().unwrap_or(&0));
        Ok(match count? {
            0 => ReadPoll::End,
            count => ReadPoll::Data(count),
        })
    }

    fn status(&self) -> io::Result<FileStatus> {
        self.file.metadata().map(|found| status_of(&found))
    }
}

struct SystemWrite {
    file: File,
    buffer: Vec<u8>,
    /// What was asked for and is not known to be done.
    syncing: Option<Syncing>,
}

impl SystemWrite {
    fn new(file: File) -> Self {
        Self { file, buffer: Vec::with_capacity(WRITE_BYTES), syncing: None }
    }

    fn write_out(&mut self) -> io::Result<()> {
        let result = self.file.write_all(&self.buffer);
        self.buffer.clear();
        result
    }
}

impl WriteFile for SystemWrite {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= WRITE_BYTES {
            self.write_out()?;
        }
        Ok(())
    }

    fn poll_close(&mut self) -> io::Result<bool> {
        self.poll_flush()
    }

    fn poll_flush(&mut self) -> io::Result<bool> {
        self.write_out()?;
        Ok(true)
    }

    fn poll_sync(&mut self) -> io::Result<bool> {
        if self.syncing.is_none() {
            self.write_out()?;
            self.syncing = Some(sync::sync(self.file.try_clone()?, Scope::Data)?);
        }
        let done = self.syncing.as_mut().expect("invariant: asked for above").poll()?;
        if done {
            self.syncing = None;
        }
        Ok(done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_found_and_read_back_from_any_offset() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/folder [1].csv");
        let mut file = SystemFiles.create(&path).unwrap();
        let contents: Vec<u8> = (0..=255).cycle().take(600_000).collect();
        contents.chunks(70_001).for_each(|chunk| file.write(chunk).unwrap());
        assert!(file.poll_close().unwrap());
        assert_eq!(SystemFiles.len(&path).unwrap(), 600_000);
        // The brackets are the file's own.
        assert_eq!(SystemFiles.list(path.to_str().unwrap()).unwrap(), std::slice::from_ref(&path));
        let pattern = folder.path().join("*/*.csv");
        assert_eq!(
            SystemFiles.list(pattern.to_str().unwrap()).unwrap(),
            std::slice::from_ref(&path)
        );
        for offset in [0, 599_999, 600_000] {
            let mut file = SystemFiles.open(&path, offset as u64).unwrap();
            let mut bytes = b"before".to_vec();
            while file.poll_read(&mut bytes, 65_536).unwrap() != ReadPoll::End {}
            assert_eq!(bytes[6..], contents[offset..]);
        }
    }

    #[test]
    fn a_file_is_cut_written_on_synced_and_renamed() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("b.tmp"), folder.path().join("a"));
        let mut file = SystemFiles.create(&from).unwrap();
        file.write(b"one two").unwrap();
        while !file.poll_sync().unwrap() {}
        assert_eq!(SystemFiles.len(&from).unwrap(), 7);
        drop(file);
        SystemFiles.truncate(&from, 4).unwrap();
        let mut file = SystemFiles.append(&from).unwrap();
        file.write(b"three").unwrap();
        SystemFiles.rename(&from, &to).unwrap();
        SystemFiles.sync_folder(folder.path()).unwrap().wait().unwrap();
        assert!(file.poll_close().unwrap());
        assert_eq!(fs::read(&to).unwrap(), b"one three");
        assert_eq!(SystemFiles.names(folder.path()).unwrap(), ["a"]);
        SystemFiles.remove(&to).unwrap();
        assert!(SystemFiles.names(folder.path()).unwrap().is_empty());
        assert!(SystemFiles.names(&folder.path().join("none")).unwrap().is_empty());
        assert!(SystemFiles.append(&to).is_err());
    }

    #[test]
    fn no_match_is_no_error_but_no_file_is() {
        let folder = tempfile::tempdir().unwrap();
        let pattern = folder.path().join("*.csv");
        assert!(SystemFiles.list(pattern.to_str().unwrap()).unwrap().is_empty());
        assert!(SystemFiles.len(&folder.path().join("a")).is_err());
        assert!(SystemFiles.open(&folder.path().join("a"), 0).is_err());
    }
}
