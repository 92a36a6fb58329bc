//! Files in memory, for simulated runs.
//!
//! They can change by themselves: a list of events, one of which happens whenever readers have found nothing new a number of times. So a file
//! grows, or is rotated, while it is read, and a replay finds the same.
//!
//! They also know what of them would survive a loss of power ([`MemoryFiles::after_power_cut`]).

mod power;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use power::Names;

use crate::io::{FileStatus, Files, Pending, ReadFile, ReadPoll, WriteFile};

/// A file, whatever its name.
#[derive(Debug, Default)]
struct Contents {
    number: u64,
    bytes: RefCell<Vec<u8>>,
    /// What of it is on the medium.
    durable: RefCell<Vec<u8>>,
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
    names: Rc<RefCell<Names>>,
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

    /// A file that others have made: it is durable.
    fn insert(&self, path: PathBuf, bytes: Vec<u8>) {
        let contents = self.make(&path);
        *contents.durable.borrow_mut() = bytes.clone();
        *contents.bytes.borrow_mut() = bytes;
        self.names.borrow_mut().sync(path.parent().unwrap_or(Path::new("")));
    }

    fn make(&self, path: &Path) -> Rc<Contents> {
        let number = self.events.made.get();
        self.events.made.set(number + 1);
        let contents = Rc::new(Contents { number, ..Contents::default() });
        self.files.borrow_mut().insert(path.to_owned(), Rc::clone(&contents));
        self.names.borrow_mut().link(path, &contents);
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
                Err(_) => self.insert(path, bytes),
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
        Ok(Box::new(MemoryWrite::new(self.make(path))))
    }

    fn append(&self, path: &Path) -> io::Result<Box<dyn WriteFile>> {
        Ok(Box::new(MemoryWrite::new(self.find(path)?)))
    }

    fn truncate(&self, path: &Path, bytes: u64) -> io::Result<()> {
        let bytes = usize::try_from(bytes).map_err(io::Error::other)?;
        let contents = self.find(path)?;
        contents.bytes.borrow_mut().resize(bytes, 0);
        contents.durable.borrow_mut().clone_from(&contents.bytes.borrow());
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let contents = self.find(from)?;
        let mut files = self.files.borrow_mut();
        files.remove(from);
        files.insert(to.to_owned(), contents);
        self.names.borrow_mut().rename(from, to);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.find(path)?;
        self.files.borrow_mut().remove(path);
        self.names.borrow_mut().remove(path);
        Ok(())
    }

    fn names(&self, folder: &Path) -> io::Result<Vec<String>> {
        let files = self.files.borrow();
        let here = files.keys().filter(|path| path.parent() == Some(folder));
        Ok(here.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect())
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<Box<dyn Pending>> {
        Ok(Box::new(FolderSync { files: self.clone(), folder: folder.to_owned(), asked: false }))
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

/// A write call takes at least this much, unless it is the last: little, so that a writer that is dropped loses some.
const WRITE_BYTES: usize = 100;

struct MemoryWrite {
    contents: Rc<Contents>,
    buffer: Vec<u8>,
    /// A sync was asked for, of so many bytes.
    syncing: Option<usize>,
}

impl MemoryWrite {
    fn new(contents: Rc<Contents>) -> Self {
        Self { contents, buffer: Vec::new(), syncing: None }
    }

    fn write_out(&mut self) {
        self.contents.bytes.borrow_mut().append(&mut self.buffer);
    }
}

impl WriteFile for MemoryWrite {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= WRITE_BYTES {
            self.write_out();
        }
        Ok(())
    }

    fn poll_close(&mut self) -> io::Result<bool> {
        self.poll_flush()
    }

    fn poll_flush(&mut self) -> io::Result<bool> {
        self.write_out();
        Ok(true)
    }

    /// Done when it is asked again, as by a device that takes its time.
    fn poll_sync(&mut self) -> io::Result<bool> {
        let Some(bytes) = self.syncing.take() else {
            self.write_out();
            self.syncing = Some(self.contents.bytes.borrow().len());
            return Ok(false);
        };
        let seen = self.contents.bytes.borrow();
        *self.contents.durable.borrow_mut() = seen[..bytes.min(seen.len())].to_vec();
        Ok(true)
    }
}

/// A folder that is synced when it is asked again.
struct FolderSync {
    files: MemoryFiles,
    folder: PathBuf,
    asked: bool,
}

impl Pending for FolderSync {
    fn poll(&mut self) -> io::Result<bool> {
        if !std::mem::replace(&mut self.asked, true) {
            return Ok(false);
        }
        self.files.names.borrow_mut().sync(&self.folder);
        Ok(true)
    }

    fn wait(&mut self) -> io::Result<()> {
        while !self.poll()? {}
        Ok(())
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
    fn a_writer_that_is_dropped_loses_what_it_had_not_handed_over() {
        let files = MemoryFiles::default();
        let mut file = files.create(Path::new("a")).unwrap();
        file.write(&[b'x'; 150]).unwrap();
        file.write(b"lost").unwrap();
        drop(file);
        assert_eq!(files.read("a").unwrap(), [b'x'; 150]);
    }

    #[test]
    fn a_power_cut_keeps_what_was_synced_and_some_of_the_rest() {
        let files = MemoryFiles::default().with("out/old", "old");
        let mut file = files.create(Path::new("out/new.tmp")).unwrap();
        file.write(b"durable").unwrap();
        while !file.poll_sync().unwrap() {}
        files.sync_folder(Path::new("out")).unwrap().wait().unwrap();
        file.write(b" or not").unwrap();
        assert!(file.poll_flush().unwrap());
        files.rename(Path::new("out/new.tmp"), Path::new("out/new")).unwrap();
        files.remove(Path::new("out/old")).unwrap();

        let nothing = files.after_power_cut(&mut |_| 0);
        assert_eq!(nothing.read("out/new.tmp").unwrap(), b"durable");
        assert_eq!(nothing.read("out/old").unwrap(), b"old");
        let all = files.after_power_cut(&mut |most| most);
        assert_eq!(all.read("out/new").unwrap(), b"durable or not");
        assert_eq!(all.names(Path::new("out")).unwrap(), ["new"]);
        // One of two names, three of seven bytes, two of which were written.
        let mut choices = [1, 3, 0, 2].into_iter();
        let torn = files.after_power_cut(&mut |most| choices.next().unwrap_or(most));
        assert_eq!(torn.read("out/new").unwrap(), b"durable o\0");
        assert_eq!(torn.read("out/old").unwrap(), b"old");
        assert_eq!(files.read("out/new").unwrap(), b"durable or not");
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
