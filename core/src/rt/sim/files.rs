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
