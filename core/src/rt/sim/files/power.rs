//! What a loss of power leaves of files in memory.
//!
//! | change | is durable after | before that, a cut |
//! | --- | --- | --- |
//! | bytes written at the end, a file cut off | [`poll_sync`](crate::io::WriteFile::poll_sync) of the file | keeps a front of the bytes, perhaps with zeros behind it, or what was durable before |
//! | a name made, changed or removed | [`sync_folder`](crate::io::Files::sync_folder) | keeps a front of such changes, in each folder |
//!
//! A process that is killed loses less: what it had not handed over ([`MemoryWrite`](super::MemoryWrite) keeps a buffer).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::{Contents, MemoryFiles};

/// Which names lead to which files on the medium, and what has changed since.
#[derive(Debug, Default)]
pub(super) struct Names {
    durable: BTreeMap<PathBuf, Rc<Contents>>,
    changes: Vec<Change>,
}

/// A change of one folder.
#[derive(Debug)]
enum Change {
    Link(PathBuf, Rc<Contents>),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

impl Change {
    fn folder(&self) -> Option<&Path> {
        match self {
            Self::Link(path, _) | Self::Rename(_, path) | Self::Remove(path) => path.parent(),
        }
    }

    fn apply(&self, names: &mut BTreeMap<PathBuf, Rc<Contents>>) {
        match self {
            Self::Link(path, contents) => drop(names.insert(path.clone(), Rc::clone(contents))),
            Self::Rename(from, to) => {
                if let Some(contents) = names.remove(from) {
                    names.insert(to.clone(), contents);
                }
            }
            Self::Remove(path) => drop(names.remove(path)),
        }
    }
}

impl Names {
    pub(super) fn link(&mut self, path: &Path, contents: &Rc<Contents>) {
        self.changes.push(Change::Link(path.to_owned(), Rc::clone(contents)));
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) {
        self.changes.push(Change::Rename(from.to_owned(), to.to_owned()));
    }

    pub(super) fn remove(&mut self, path: &Path) {
        self.changes.push(Change::Remove(path.to_owned()));
    }

    pub(super) fn sync(&mut self, folder: &Path) {
        let Self { durable, changes } = self;
        changes.retain(|change| {
            let is_here = change.folder() == Some(folder);
            if is_here {
                change.apply(durable);
            }
            !is_here
        });
    }

    /// The names after a cut: `choose(n)` says how many of n changes of a folder are kept.
    fn cut(&self, choose: &mut dyn FnMut(usize) -> usize) -> BTreeMap<PathBuf, Rc<Contents>> {
        let mut names = self.durable.clone();
        let mut folders: Vec<_> = self.changes.iter().map(Change::folder).collect();
        folders.sort_unstable();
        folders.dedup();
        for folder in folders {
            let here: Vec<_> =
                self.changes.iter().filter(|change| change.folder() == folder).collect();
            here[..choose(here.len())].iter().for_each(|change| change.apply(&mut names));
        }
        names
    }
}

impl MemoryFiles {
    /// The files that are there when the power is back: `choose(n)`, a number from 0 to n, decides how much of what was not synced is kept. The old ones
    /// stay as they are, for who still runs.
    ///
    /// # Panics
    ///
    /// If `choose` gives more than it was offered.
    #[must_use]
    pub fn after_power_cut(&self, choose: &mut dyn FnMut(usize) -> usize) -> Self {
        let names = self.names.borrow().cut(choose);
        let left = Self::default();
        for (path, contents) in names {
            left.insert(path, contents.cut(choose));
        }
        left
    }
}

impl Contents {
    fn cut(&self, choose: &mut dyn FnMut(usize) -> usize) -> Vec<u8> {
        let (seen, durable) = (self.bytes.borrow(), self.durable.borrow());
        let Some(unsynced) = seen.strip_prefix(&**durable) else {
            // Cut off since, and perhaps written on.
            return if choose(1) == 0 { durable.clone() } else { seen.clone() };
        };
        let grown = choose(unsynced.len());
        let written = if choose(3) == 0 { choose(grown) } else { grown };
        let mut bytes = durable.clone();
        bytes.extend_from_slice(&unsynced[..written]);
        // The length was on the medium before the bytes were.
        bytes.resize(durable.len() + grown, 0);
        bytes
    }
}
