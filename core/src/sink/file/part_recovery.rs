//! What becomes of a folder of parts when a job is started: it holds what the checkpoint says, and nothing else of ours.
//!
//! | a part | is |
//! |---|---|
//! | that the checkpoint knows, in progress | cut off at its length then, and committed |
//! | that the checkpoint knows, committed since | cut off, if it was written on before: then this is an older checkpoint than the newest |
//! | that the checkpoint knows and nobody finds | committed and taken away by a reader: its name was durable when the checkpoint was |
//! | in progress that it does not know | removed, whatever worker has written it |
//! | committed that was begun behind the checkpoint | removed: an older checkpoint than the newest is gone back to |
//! | committed before the checkpoint | left alone |

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::lines::failed;
use super::mark::Mark;
use super::part_name::{Family, PartId};
use super::parts::PreparedParts;
use crate::error::{FileError, OperatorFault};
use crate::io::Files;
use crate::sink::Prepared;
use crate::source::OpenContext;

/// A job that starts afresh would write between the parts of another one.
#[derive(Debug, thiserror::Error)]
#[error(
    "folder {folder:?} holds parts of another run, such as {name:?}; empty it, choose another, or give the parts another name (`named`)"
)]
pub struct PartsExistError {
    /// The folder.
    pub folder: PathBuf,
    /// One of them.
    pub name: String,
}

/// The epoch of a checkpoint; 0 at a fresh start.
pub(super) fn epoch_of(prepared: &[Prepared]) -> Result<u64, OperatorFault> {
    let mut greatest = 0;
    for prepared in prepared {
        greatest = greatest.max(prepared.read::<PreparedParts>()?.epoch);
    }
    Ok(greatest)
}

/// Makes the folder what the checkpoint says.
pub(super) fn recover(
    family: &Family,
    prepared: &[Prepared],
    files: &dyn Files,
) -> Result<(), OperatorFault> {
    let mut known = BTreeMap::new();
    for prepared in prepared {
        let PreparedParts { parts, .. } = prepared.read()?;
        known.extend(parts.into_iter().map(|part| (part.name, part.mark)));
    }
    for (name, mark) in &known {
        restore(family, name, *mark, files)?;
    }
    let (is_fresh, epoch) = (prepared.is_empty(), epoch_of(prepared)?);
    for (name, id, is_committed) in parts_in(family, files)? {
        if is_committed && is_fresh {
            return Err(PartsExistError { folder: family.folder.clone(), name }.into());
        }
        let is_known = is_committed && known.contains_key(&name);
        let is_orphan = !is_known && (!is_committed || id.behind >= epoch);
        if is_orphan && !crate::canary::sings("orphans-left") {
            remove(&family.path(&name), files)?;
        }
    }
    let folder = family.folder();
    match files.sync_folder(folder).and_then(|mut syncing| syncing.wait()) {
        // Nothing was written yet.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        synced => Ok(synced.map_err(|source| failed("sync", folder, source))?),
    }
}

fn restore(
    family: &Family,
    name: &str,
    mark: Mark,
    files: &dyn Files,
) -> Result<(), OperatorFault> {
    let (from, to) = (family.in_progress(name), family.path(name));
    if exists(&from, files)? {
        mark.restore(&from, files)?;
        files.rename(&from, &to).map_err(|source| failed("rename", &from, source))?;
    } else if exists(&to, files)? {
        mark.restore(&to, files)?;
    } else {
        tracing::warn!(path = %to.display(), "a part of the checkpoint is gone: it was committed, and taken away since");
    }
    Ok(())
}

/// Without checkpoints: what an earlier run has left of this worker's is in the way, or goes. Other workers may be at theirs already.
pub(super) fn clear(family: &Family, context: &OpenContext) -> Result<(), OperatorFault> {
    let OpenContext { worker, workers, .. } = *context;
    for (name, id, is_committed) in parts_in(family, &*context.files)? {
        let is_own = id.worker == worker || (worker == 0 && id.worker >= workers);
        match is_committed {
            _ if !is_own => {}
            true => return Err(PartsExistError { folder: family.folder.clone(), name }.into()),
            false => remove(&family.path(&name), &*context.files)?,
        }
    }
    Ok(())
}

fn parts_in(family: &Family, files: &dyn Files) -> Result<Vec<(String, PartId, bool)>, FileError> {
    let folder = family.folder();
    let names = files.names(folder).map_err(|source| failed("look into", folder, source))?;
    let parts = names.into_iter().filter_map(|name| {
        let (id, is_committed) = family.parse(&name)?;
        Some((name, id, is_committed))
    });
    Ok(parts.collect())
}

fn exists(path: &Path, files: &dyn Files) -> Result<bool, FileError> {
    match files.len(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        found => found.map(|_| true).map_err(|source| failed("look at", path, source)),
    }
}

fn remove(path: &Path, files: &dyn Files) -> Result<(), FileError> {
    files.remove(path).map_err(|source| failed("remove", path, source))
}
