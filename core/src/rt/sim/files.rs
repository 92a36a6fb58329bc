//! Files in memory, for simulated runs.
//!
//! They can change by themselves: a list of events, one of which happens whenever readers have found nothing new a number of times. So a file
//! grows, or is rotated, while it is read, and a replay finds the same.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::io::{FileStatus, Files, ReadFile, ReadPoll, WriteFile};

/// A file, whatever its name.
#[derive(Debug, Default)]
struct Contents {
    number: u64,
    bytes: RefCell<Vec<u8>>,
}

/// What happens to a file while it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileEvent {
    /// Somebody writes to its end; it is created if it is not there.
    Append(PathBuf, Vec<u8>),
    /// It gets another name; a file that had it is gone.
    Rename(PathBuf, PathBuf),
    /// It becomes empty.
    Truncate(PathBuf),
}

/// Files that exist while the simulation does; clones share them.
#[derive(Debug, Clone, Default)]
pub struct MemoryFiles {
    files: Rc<RefCell<BTreeMap<PathBuf, Rc<Contents>>>>,
    events: Rc<Events>,
}

/// What is still to happen.
#[derive(Debug, Default)]
struct Events {
    left: RefCell<VecDeque<FileEvent>>,
    /// Looks without anything new between two events.
    patience: Cell<u32>,
    looks: Cell<u32>,
    /// Files made so far, for their numbers.
    made: Cell<u64>,
}

impl MemoryFiles {
    /// Adds a file.
    pub fn with(self, path: impl Into<PathBuf>, contents: impl Into<Vec<u8>>) -> Self {
        self.insert(path.into(), contents.into());
        self
    }

    /// Lets these events happen, each after `patience` more reads at the end of a file, or listings.
    pub fn with_events(self, patience: u32, events: impl IntoIterator<Item = FileEvent>) -> Self {
        self.events.patience.set(patience);
        self.events.left.borrow_mut().extend(events);
        self
    }

    /// What a file holds now.
    pub fn read(&self, path: impl AsRef<Path>) -> Option<Vec<u8>> {
        Some(self.files.borrow().get(path.as_ref())?.bytes.borrow().clone())
    }

    fn insert(&self, path: PathBuf, bytes: Vec<u8>) -> Rc<Contents> {
        let number = self.events.made.get();
        self.events.made.set(number + 1);
        let contents = Rc::new(Contents { number, bytes: RefCell::new(bytes) });
        self.files.borrow_mut().insert(path, Rc::clone(&contents));
        contents
    }

    fn find(&self, path: &Path) -> io::Result<Rc<Contents>> {
        let files = self.files.borrow();
        files.get(path).cloned().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    /// Somebody has looked and found nothing new.
    fn on_look(&self) {
        let looks = self.events.looks.get() + 1;
        self.events.looks.set(looks);
        if looks < self.events.patience.get() {
            return;
        }
        self.events.looks.set(0);
        let event = self.events.left.borrow_mut().pop_front();
        match event {
            None => {}
            Some(FileEvent::Append(path, bytes)) => match self.find(&path) {
                Ok(contents) => contents.bytes.borrow_mut().extend_from_slice(&bytes),
                Err(_) => drop(self.insert(path, bytes)),
            },
            Some(FileEvent::Rename(from, to)) => {
                let mut files = self.files.borrow_mut();
                if let Some(contents) = files.remove(&from) {
                    files.insert(to, contents);
                }
            }
            Some(FileEvent::Truncate(path)) => {
                if let Ok(contents) = self.find(&path) {
                    contents.bytes.borrow_mut().clear();
                }
            }
        }
    }
}

impl Files for MemoryFiles {
    fn list(&self, pattern: &str) -> io::Result<Vec<PathBuf>> {
        self.on_look();
        let files = self.files.borrow();
        if files.contains_key(Path::new(pattern)) {
            return Ok(vec![PathBuf::from(pattern)]);
        }
        let pattern = glob::Pattern::new(pattern)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        Ok(files.keys().filter(|path| pattern.matches_path(path)).cloned().collect())
    }

    fn len(&self, path: &Path) -> io::Result<u64> {
        Ok(self.find(path)?.bytes.borrow().len() as u64)
    }

    fn status(&self, path: &Path) -> io::Result<FileStatus> {
        let found = self.find(path);
        if found.is_err() {
            // Whoever waits for it has looked and found nothing.
            self.on_look();
        }
        found.map(|contents| contents.status())
    }

    fn open(&self, path: &Path, offset: u64) -> io::Result<Box<dyn ReadFile>> {
        let position = usize::try_from(offset).map_err(io::Error::other)?;
        let contents = self.find(path)?;
        Ok(Box::new(MemoryRead { files: self.clone(), contents, position, turn: 0 }))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn WriteFile>> {
        Ok(Box::new(MemoryWrite { contents: self.insert(path.to_owned(), Vec::new()) }))
    }

    fn is_recorded(&self) -> bool {
        true
    }
}

impl Contents {
    fn status(&self) -> FileStatus {
        FileStatus { identity: (0, self.number), bytes: self.bytes.borrow().len() as u64 }
    }
}

struct MemoryRead {
    files: MemoryFiles,
    contents: Rc<Contents>,
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
        let count = {
            let contents = self.contents.bytes.borrow();
            let rest = &contents[self.position.min(contents.len())..];
            let count = if self.turn.is_multiple_of(2) { max.min(1000) } else { max };
            let count = count.min(rest.len());
            buffer.extend_from_slice(&rest[..count]);
            count
        };
        self.position += count;
        if count > 0 {
            return Ok(ReadPoll::Data(count));
        }
        self.files.on_look();
        Ok(ReadPoll::End)
    }

    fn status(&self) -> io::Result<FileStatus> {
        Ok(self.contents.status())
    }
}

struct MemoryWrite {
    contents: Rc<Contents>,
}

impl WriteFile for MemoryWrite {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.contents.bytes.borrow_mut().extend_from_slice(bytes);
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
    fn events_happen_while_readers_find_nothing_new() {
        let rename = FileEvent::Rename("a".into(), "a.1".into());
        let append = |text: &str| FileEvent::Append("a".into(), text.into());
        let files = MemoryFiles::default().with_events(2, [append("one"), rename, append("two")]);
        for _ in 0..2 {
            assert!(files.list("*").unwrap().is_empty() || files.read("a").is_some());
        }
        let mut file = files.open(Path::new("a"), 0).unwrap();
        let first = files.status(Path::new("a")).unwrap();
        assert_eq!((first.bytes, file.status().unwrap()), (3, first));
        let mut bytes = Vec::new();
        while files.read("a.1").is_none() || files.read("a").is_none() {
            file.poll_read(&mut bytes, 10).unwrap();
        }
        assert_eq!(bytes, b"one");
        assert_eq!(files.status(Path::new("a.1")).unwrap(), first);
        assert_ne!(files.status(Path::new("a")).unwrap().identity, first.identity);
        assert_eq!(files.read("a").unwrap(), b"two");
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
