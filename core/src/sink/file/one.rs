//! One file that grows, exactly once: a checkpoint knows how long it was, and a restart cuts it off there.
//!
//! Readers see what is not committed, too; whoever reads when the job has ended, or up to the length in a checkpoint, sees each record once.
//!
//! # Invariants
//!
//! 1. What a checkpoint knows of a file is durable: its bytes and its name.
//! 2. A file that a checkpoint knows is known by all later ones: files of workers that are no more are said by the first worker. So a file that the newest
//!    checkpoint does not know holds nothing of it.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::lines::{LineFile, failed};
use super::mark::Mark;
use crate::error::{FileError, OperatorFault};
use crate::io::{Files, Pending};
use crate::sink::Prepared;
use crate::source::OpenContext;

/// What a writer has prepared: its file, and those that nobody writes any more, by name.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Known {
    files: BTreeMap<String, Mark>,
}

impl Known {
    fn of(prepared: &[Prepared]) -> Result<BTreeMap<String, Mark>, OperatorFault> {
        let mut all = BTreeMap::new();
        for prepared in prepared {
            all.extend(prepared.read::<Self>()?.files);
        }
        Ok(all)
    }
}

/// A file that takes part in checkpoints.
pub(in crate::sink) struct OneFile {
    pub(in crate::sink) lines: LineFile,
    name: String,
    /// Files that nobody writes any more.
    left: BTreeMap<String, Mark>,
    /// What is durable of it.
    durable: Option<Mark>,
    state: State,
}

/// How far it is prepared.
enum State {
    Not,
    Syncing,
    /// The file is durable, and its name is on its way.
    Naming(Box<dyn Pending>),
}

impl OneFile {
    /// Opens the file: where the checkpoint has left it, or a new one. `is_own` says which names are those of some worker now.
    pub(in crate::sink) fn open(
        path: &Path,
        is_own: impl Fn(&str) -> bool,
        context: &OpenContext,
    ) -> Result<Self, OperatorFault> {
        let name = name_of(path);
        let mut left = Known::of(&context.restored)?;
        let lines = match left.remove(&name) {
            None => LineFile::create(path, &*context.files)?,
            Some(_) => LineFile::append(path, &*context.files)?,
        };
        left.retain(|name, _| context.worker == 0 && !is_own(name));
        let durable = (lines.mark().bytes > 0).then(|| lines.mark());
        Ok(Self { lines, name, left, durable, state: State::Not })
    }

    /// True for a file that has nothing in it yet.
    pub(in crate::sink) fn is_empty(&self) -> bool {
        self.lines.mark().bytes == 0
    }

    pub(in crate::sink) fn poll_prepare(
        &mut self,
        files: &dyn Files,
    ) -> Result<Option<Prepared>, FileError> {
        loop {
            match &mut self.state {
                State::Not => {
                    self.lines.seal()?;
                    if self.durable == Some(self.lines.mark()) {
                        return Ok(Some(self.known()));
                    }
                    self.state = State::Syncing;
                }
                State::Syncing => {
                    if !self.lines.poll_sync()? {
                        return Ok(None);
                    }
                    if self.durable.is_some() {
                        return Ok(Some(self.prepared()));
                    }
                    let folder = folder_of(self.lines.path());
                    let naming = files.sync_folder(folder);
                    self.state =
                        State::Naming(naming.map_err(|source| failed("sync", folder, source))?);
                }
                State::Naming(naming) => {
                    let folder = folder_of(self.lines.path());
                    if !naming.poll().map_err(|source| failed("sync", folder, source))? {
                        return Ok(None);
                    }
                    return Ok(Some(self.prepared()));
                }
            }
        }
    }

    fn prepared(&mut self) -> Prepared {
        self.durable = Some(self.lines.mark());
        self.state = State::Not;
        self.known()
    }

    fn known(&self) -> Prepared {
        let mut files = self.left.clone();
        // An empty one is none: if its worker is no more, nobody closes it, and a compressed file of no bytes is not well formed.
        if self.lines.mark().bytes > 0 {
            files.insert(self.name.clone(), self.lines.mark());
        }
        Prepared::of(&Known { files })
    }
}

/// Cuts off the files that the checkpoint knows, and removes others whose name `is_ours`; `path` is one of them.
pub(in crate::sink) fn recover(
    path: &Path,
    is_ours: impl Fn(&str) -> bool,
    prepared: &[Prepared],
    files: &dyn Files,
) -> Result<(), OperatorFault> {
    let known = Known::of(prepared)?;
    for (name, mark) in &known {
        mark.restore(&path.with_file_name(name), files)?;
    }
    let folder = folder_of(path);
    let names = files.names(folder).map_err(|source| failed("look into", folder, source))?;
    for name in names.iter().filter(|name| is_ours(name) && !known.contains_key(*name)) {
        let path = path.with_file_name(name);
        files.remove(&path).map_err(|source| failed("remove", &path, source))?;
    }
    Ok(())
}

/// A path's name, as it is kept in checkpoints.
pub(in crate::sink) fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}
