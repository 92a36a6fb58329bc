//! Files in memory, for simulated runs.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::io::{Files, ReadFile, ReadPoll, WriteFile};

type Contents = Rc<RefCell<Vec<u8>>>;

/// Files that exist while the simulation does; clones share them.
#[derive(Debug, Clone, Default)]
pub struct MemoryFiles {
    files: Rc<RefCell<BTreeMap<PathBuf, Contents>>>,
}

impl MemoryFiles {
    /// Adds a file.
    pub fn with(self, path: impl Into<PathBuf>, contents: impl Into<Vec<u8>>) -> Self {
        self.files.borrow_mut().insert(path.into(), Rc::new(RefCell::new(contents.into())));
        self
    }

    /// What a file holds now.
    pub fn read(&self, path: impl AsRef<Path>) -> Option<Vec<u8>> {
        Some(self.files.borrow().get(path.as_ref())?.borrow().clone())
    }

    fn find(&self, path: &Path) -> io::Result<Contents> {
        let files = self.files.borrow();
        files.get(path).cloned().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }
}

impl Files for MemoryFiles {
    fn list(&self, pattern: &str) -> io::Result<Vec<PathBuf>> {
        let files = self.files.borrow();
        if files.contains_key(Path::new(pattern)) {
            return Ok(vec![PathBuf::from(pattern)]);
        }
        let pattern = glob::Pattern::new(pattern)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        Ok(files.keys().filter(|path| pattern.matches_path(path)).cloned().collect())
    }

    fn len(&self, path: &Path) -> io::Result<u64> {
        Ok(self.find(path)?.borrow().len() as u64)
    }

    fn open(&self, path: &Path, offset: u64) -> io::Result<Box<dyn ReadFile>> {
        let position = usize::try_from(offset).map_err(io::Error::other)?;
        Ok(Box::new(MemoryRead { contents: self.find(path)?, position, turn: 0 }))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn WriteFile>> {
        let contents = Contents::default();
        self.files.borrow_mut().insert(path.to_owned(), Rc::clone(&contents));
        Ok(Box::new(MemoryWrite { contents }))
    }
}

struct MemoryRead {
    contents: Contents,
    position: usize,
    turn: u32,
}

impl ReadFile for MemoryRead {
    /// Every third call has nothing yet, and every other one gives less than was asked for, as disks do.
    fn poll_read(&mut self, buffer: &mut Vec<u8>, max: usize) -> io::Result<ReadPoll> {
        self.turn += 1;
        if self.turn.is_multiple_of(3) {
            return Ok(ReadPoll::Pending);
        }
        let contents = self.contents.borrow();
        let rest = &contents[self.position.min(contents.len())..];
        let count = if self.turn.is_multiple_of(2) { max.min(1000) } else { max };
        let count = count.min(rest.len());
        buffer.extend_from_slice(&rest[..count]);
        self.position += count;
        Ok(if count == 0 { ReadPoll::End } else { ReadPoll::Data(count) })
    }
}

struct MemoryWrite {
    contents: Contents,
}

impl WriteFile for MemoryWrite {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.contents.borrow_mut().extend_from_slice(bytes);
        Ok(())
    }

    fn poll_close(&mut self) -> io::Result<bool> {
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(files: &MemoryFiles, path: &str, offset: u64, max: usize) -> Vec<u8> {
        let mut file = files.open(Path::new(path), offset).unwrap();
        let mut bytes = Vec::new();
        loop {
            let before = bytes.len();
            match file.poll_read(&mut bytes, max).unwrap() {
                ReadPoll::Data(count) => assert_eq!(bytes.len() - before, count),
                ReadPoll::Pending => assert_eq!(bytes.len(), before),
                ReadPoll::End => return bytes,
            }
        }
    }

    #[test]
    fn a_file_is_read_whole_whatever_its_reads_give() {
        let contents: Vec<u8> = (0..=255).cycle().take(10_000).collect();
        let files = MemoryFiles::default().with("a/b", contents.clone());
        for (offset, max) in [(0, 1), (7, 4096), (9_999, 10), (10_000, 10), (20_000, 10)] {
            let expected = contents.get(usize::try_from(offset).unwrap()..).unwrap_or_default();
            assert_eq!(read(&files, "a/b", offset, max), expected);
        }
    }

    #[test]
    fn clones_share_what_is_written_and_patterns_find_it() {
        let files = MemoryFiles::default().with("in/2.csv", "x").with("in/1.csv", "y");
        let mut file = files.clone().create(Path::new("out/1.csv")).unwrap();
        file.write(b"one ").unwrap();
        file.write(b"two").unwrap();
        assert!(file.poll_close().unwrap());
        assert_eq!(files.read("out/1.csv").unwrap(), b"one two");
        assert_eq!(files.len(Path::new("out/1.csv")).unwrap(), 7);
        let found = files.list("in/*.csv").unwrap();
        assert_eq!(found, [PathBuf::from("in/1.csv"), PathBuf::from("in/2.csv")]);
        assert!(files.open(Path::new("nowhere"), 0).is_err());
    }
}
