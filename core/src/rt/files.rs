//! Files through the standard library: calls that block, on data that the page cache usually has.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::io::{FileStatus, Files, ReadFile, ReadPoll, WriteFile};

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
            fs::create_dir_all(folder)?;
        }
        let file = File::create(path)?;
        Ok(Box::new(SystemWrite { file, buffer: Vec::with_capacity(WRITE_BYTES) }))
    }
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
}

impl SystemWrite {
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
    fn no_match_is_no_error_but_no_file_is() {
        let folder = tempfile::tempdir().unwrap();
        let pattern = folder.path().join("*.csv");
        assert!(SystemFiles.list(pattern.to_str().unwrap()).unwrap().is_empty());
        assert!(SystemFiles.len(&folder.path().join("a")).is_err());
        assert!(SystemFiles.open(&folder.path().join("a"), 0).is_err());
    }
}
