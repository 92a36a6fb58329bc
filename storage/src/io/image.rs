//! A file system in memory that knows what of it would survive a loss of power.
//!
//! Beside what is seen now it keeps what is on the medium, and the changes between the two in order:
//!
//! | change | is durable after | before that, a cut |
//! | --- | --- | --- |
//! | a write | a sync of the file that was submitted when the write had completed | keeps, drops or tears it, sector by sector |
//! | a file's length | the same | keeps or drops it |
//! | a name made, changed or removed | a sync of the directory | keeps a front of such changes, or any of them; each whole |
//!
//! A sync of a file that fails drops the changes it was to make durable, here as on a real system (measured: [`crate::io`], invariant 2): they are still seen, the next
//! sync succeeds, and after a cut they are gone. One of a directory leaves them as they were: names go through a journal, and a file system that cannot write its journal
//! stops rather than forget.
//!
//! This is no kinder than ext4, and in places less kind: there the sync of a new file makes its name durable too, and a journal keeps the order of names.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::dice::Dice;
use super::directory_of;
use super::engine::{Job, Outcome};

/// What a device writes whole or not at all, bytes.
const SECTOR_BYTES: usize = 512;

/// An open file: its inode's number, shared with the image.
pub(super) type Inode = Arc<u64>;

#[derive(Debug, Default)]
pub(super) struct Image {
    files: BTreeMap<u64, File>,
    names: BTreeMap<PathBuf, Inode>,
    durable_names: BTreeMap<PathBuf, Inode>,
    unsynced_names: Vec<(u64, NameChange)>,
    /// Number of the next change, and of the next inode.
    next: u64,
    /// Bytes that all files together may have; `None` is any number.
    pub(super) room: Option<u64>,
}

#[derive(Debug)]
struct File {
    /// Its number; other clones are names and open files.
    inode: Inode,
    seen: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<(u64, Change)>,
}

#[derive(Debug)]
enum Change {
    Length(usize),
    Write { offset: usize, bytes: Vec<u8> },
}

#[derive(Clone, Debug)]
enum NameChange {
    Link { path: PathBuf, inode: Inode },
    Rename { from: PathBuf, to: PathBuf, inode: Inode },
    Unlink { path: PathBuf },
}

impl NameChange {
    fn directory(&self) -> PathBuf {
        match self {
            Self::Link { path, .. } | Self::Unlink { path } => directory_of(path),
            Self::Rename { to, .. } => directory_of(to),
        }
    }

    /// As a directory has it: a name and an inode's number. So a rename leads to the file that was renamed even where it is all that is left of several changes.
    fn apply(&self, names: &mut BTreeMap<PathBuf, Inode>) {
        match self {
            Self::Link { path, inode } => {
                names.insert(path.clone(), Arc::clone(inode));
            }
            Self::Rename { from, to, inode } => {
                names.remove(from);
                names.insert(to.clone(), Arc::clone(inode));
            }
            Self::Unlink { path } => {
                names.remove(path);
            }
        }
    }
}

impl Change {
    /// On a file that is shorter than the change expects, only what lies in it is changed.
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Length(length) => bytes.resize(*length, 0),
            Self::Write { offset, bytes: written } => put(bytes, *offset, written),
        }
    }

    /// As power goes: whole, not at all, or some sectors of it.
    fn apply_some(&self, bytes: &mut Vec<u8>, dice: &mut Dice) {
        match (self, dice.below(3)) {
            (_, 0) => {}
            (Self::Write { offset, bytes: written }, 1) => {
                for (number, sector) in written.chunks(SECTOR_BYTES).enumerate() {
                    if dice.chance(500) {
                        put(bytes, offset + number * SECTOR_BYTES, sector);
                    }
                }
            }
            _ => self.apply(bytes),
        }
    }
}

fn put(bytes: &mut [u8], offset: usize, written: &[u8]) {
    let start = offset.min(bytes.len());
    let end = (offset + written.len()).min(bytes.len());
    bytes[start..end].copy_from_slice(&written[..end - start]);
}

fn index(offset: u64) -> usize {
    usize::try_from(offset).expect("invariant: what is kept in memory has a length that fits")
}

impl Image {
    /// Carries out one job, with a sync covering changes before number `covers`.
    pub(super) fn perform(&mut self, job: Job<Inode>, covers: u64) -> io::Result<Outcome<Inode>> {
        match job {
            Job::Create { path, bytes } => self.create(&path, bytes),
            Job::Open { path, access: _ } => {
                let inode = self.inode(&path)?;
                let length = self.file(&inode).seen.len() as u64;
                Ok(Outcome::Opened { file: inode, length, direct: true })
            }
            Job::Write { file, offset, bytes } => {
                self.write(&file, index(offset), bytes.to_vec());
                Ok(Outcome::Written { bytes })
            }
            Job::Read { file, offset, mut buffer, bytes } => {
                let seen = &self.file(&file).seen;
                let start = index(offset).min(seen.len());
                let bytes = bytes.min(seen.len() - start);
                buffer[..bytes].copy_from_slice(&seen[start..start + bytes]);
                Ok(Outcome::Read { buffer, bytes })
            }
            Job::Sync { file, scope: _ } => {
                let file = self.file_mut(&file);
                for (_, change) in file.unsynced.extract_if(.., |(at, _)| *at < covers) {
                    change.apply(&mut file.durable);
                }
                Ok(Outcome::Done)
            }
            Job::Close { file: _ } => Ok(Outcome::Done),
            Job::SyncDirectory { path } => {
                let names = &mut self.durable_names;
                let ours = |(at, change): &mut (u64, NameChange)| {
                    *at < covers && change.directory() == path
                };
                for (_, change) in self.unsynced_names.extract_if(.., ours) {
                    change.apply(names);
                }
                self.drop_the_nameless();
                Ok(Outcome::Done)
            }
            Job::Rename { from, to } => {
                let inode = self.inode(&from)?;
                self.rename(NameChange::Rename { from, to, inode });
                Ok(Outcome::Done)
            }
            Job::Remove { path } => {
                self.inode(&path)?;
                self.rename(NameChange::Unlink { path });
                Ok(Outcome::Done)
            }
            Job::List { path } => Ok(Outcome::Names(self.list(&path))),
            Job::Length { path } => {
                let inode = self.inode(&path)?;
                Ok(Outcome::Length(self.file(&inode).seen.len() as u64))
            }
        }
    }

    /// Number of the next change: a sync submitted now covers those before.
    pub(super) fn now(&self) -> u64 {
        self.next
    }

    /// A sync of a file that fails; what it was to make durable is lost, in part or whole.
    pub(super) fn fail_sync(&mut self, file: &Inode, covers: u64, dice: &mut Dice) {
        let file = self.file_mut(file);
        for (_, change) in file.unsynced.extract_if(.., |(at, _)| *at < covers) {
            change.apply_some(&mut file.durable, dice);
        }
    }

    /// A write that fails; some of its sectors may be there.
    pub(super) fn fail_write(&mut self, file: &Inode, offset: u64, bytes: &[u8], dice: &mut Dice) {
        for (number, sector) in bytes.chunks(SECTOR_BYTES).enumerate() {
            if dice.chance(500) {
                self.write(file, index(offset) + number * SECTOR_BYTES, sector.to_vec());
            }
        }
    }

    /// Loses power: what is on the medium, and of the rest what the dice let through, is all there is from now on.
    pub(super) fn cut(&mut self, dice: &mut Dice) {
        let mut names = std::mem::take(&mut self.durable_names);
        let changes = std::mem::take(&mut self.unsynced_names);
        // A journal loses a tail of them. Without one, any may be lost.
        let in_order = dice.chance(500);
        let front = dice.index(changes.len() + 1);
        for (number, (_, change)) in changes.iter().enumerate() {
            if if in_order { number < front } else { dice.chance(500) } {
                change.apply(&mut names);
            }
        }
        self.files.retain(|number, _| names.values().any(|inode| **inode == *number));
        for file in self.files.values_mut() {
            for (_, change) in std::mem::take(&mut file.unsynced) {
                change.apply_some(&mut file.durable, dice);
            }
            file.seen.clone_from(&file.durable);
        }
        self.durable_names = names.clone();
        self.names = names;
    }

    /// What a file holds.
    pub(super) fn seen(&self, path: &Path) -> io::Result<&[u8]> {
        Ok(&self.file(&self.inode(path)?).seen)
    }

    /// Puts a durable file there, in place of what had its name.
    pub(super) fn plant(&mut self, path: &Path, bytes: Vec<u8>) {
        let inode = Arc::new(self.number());
        self.names.insert(path.to_path_buf(), Arc::clone(&inode));
        self.durable_names.insert(path.to_path_buf(), Arc::clone(&inode));
        let file = File {
            inode: Arc::clone(&inode),
            seen: bytes.clone(),
            durable: bytes,
            unsynced: Vec::new(),
        };
        self.files.insert(*inode, file);
    }

    /// Turns a bit over, on the medium and as seen.
    pub(super) fn flip(&mut self, path: &Path, byte: usize, bit: u32) {
        if let Ok(inode) = self.inode(path) {
            self.flip_in(&inode, byte, bit);
        }
    }

    pub(super) fn flip_in(&mut self, inode: &Inode, byte: usize, bit: u32) {
        let file = self.file_mut(inode);
        for bytes in [&mut file.seen, &mut file.durable] {
            if let Some(byte) = bytes.get_mut(byte) {
                *byte ^= 1 << (bit % 8);
            }
        }
    }

    pub(super) fn paths(&self) -> Vec<PathBuf> {
        self.names.keys().cloned().collect()
    }

    fn create(&mut self, path: &Path, bytes: u64) -> io::Result<Outcome<Inode>> {
        if self.names.contains_key(path) {
            return Err(io::Error::from_raw_os_error(libc::EEXIST));
        }
        let used: u64 = self.names.values().map(|inode| self.file(inode).seen.len() as u64).sum();
        if self.room.is_some_and(|room| used + bytes > room) {
            return Err(io::Error::from_raw_os_error(libc::ENOSPC));
        }
        let inode = Arc::new(self.number());
        let at = self.number();
        let length = index(bytes);
        let file = File {
            inode: Arc::clone(&inode),
            seen: vec![0; length],
            durable: Vec::new(),
            unsynced: vec![(at, Change::Length(length))],
        };
        self.files.insert(*inode, file);
        self.rename(NameChange::Link { path: path.to_path_buf(), inode: Arc::clone(&inode) });
        Ok(Outcome::Opened { file: inode, length: bytes, direct: true })
    }

    fn write(&mut self, inode: &Inode, offset: usize, bytes: Vec<u8>) {
        let at = self.number();
        let file = self.file_mut(inode);
        let end = offset + bytes.len();
        if end > file.seen.len() {
            let length = Change::Length(end);
            length.apply(&mut file.seen);
            file.unsynced.push((at, length));
        }
        let change = Change::Write { offset, bytes };
        change.apply(&mut file.seen);
        file.unsynced.push((at, change));
    }

    fn rename(&mut self, change: NameChange) {
        let at = self.number();
        change.apply(&mut self.names);
        self.unsynced_names.push((at, change));
    }

    fn list(&self, directory: &Path) -> Vec<String> {
        let here = self.names.keys().filter(|path| directory_of(path) == directory);
        let names = here.filter_map(|path| path.file_name()?.to_str());
        names.map(str::to_owned).collect()
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }

    fn inode(&self, path: &Path) -> io::Result<Inode> {
        let inode = self.names.get(path).map(Arc::clone);
        inode.ok_or_else(|| io::Error::from_raw_os_error(libc::ENOENT))
    }

    fn file(&self, inode: &Inode) -> &File {
        self.files.get(inode.as_ref()).expect("invariant: a file lives while it is named or open")
    }

    fn file_mut(&mut self, inode: &Inode) -> &mut File {
        self.files
            .get_mut(inode.as_ref())
            .expect("invariant: a file lives while it is named or open")
    }

    /// Drops what no name, durable or not, leads to and nobody has open.
    fn drop_the_nameless(&mut self) {
        let mut named: Vec<u64> =
            self.names.values().chain(self.durable_names.values()).map(|inode| **inode).collect();
        for (_, change) in &self.unsynced_names {
            if let NameChange::Link { inode, .. } | NameChange::Rename { inode, .. } = change {
                named.push(**inode);
            }
        }
        named.sort_unstable();
        self.files.retain(|number, file| {
            named.binary_search(number).is_ok() || Arc::strong_count(&file.inode) > 1
        });
    }
}
