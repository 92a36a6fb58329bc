//! Keeps checkpoints on a disk: writes parts, publishes manifests, removes old ones; and at a start finds the newest that is whole.
//!
//! It waits for the disk, so it does not belong on a worker. Every thread of a job but one leaves the directory alone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thalweg_storage::checkpoint::{
    Manifest, Part, Passed, RestoreError, SchemaRecord, Unreferenced, named, newest_noting, read,
    unreferenced,
};
use thalweg_storage::io::{Answer, Disk, DiskError, Operation, Publish, PublishError, run};
use thalweg_storage::savepoint::{self, SavepointError};
use thalweg_storage::segment::{Suspects, Verification};
use thalweg_storage::{
    Archive, ArchiveConfig, ArchiveError, KeyGroups, PartsError, RestoredParts, TableName,
};

use super::contribution::FrozenPart;
use super::declared::{Declared, schemas_of};
use crate::record::KEY_GROUPS;

/// How many key groups a job has, for the store.
const GROUPS: u32 = KEY_GROUPS as u32;

/// Why a job cannot begin where a checkpoint says.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// No checkpoint is whole, or the directory cannot be read.
    #[error("no checkpoint can be restored from \"{}\"", directory.display())]
    Restore {
        /// The directory.
        directory: PathBuf,
        /// Why.
        source: Box<RestoreError>,
    },
    /// A file of the state cannot be read.
    #[error("the state in \"{}\" cannot be read", directory.display())]
    State {
        /// The directory.
        directory: PathBuf,
        /// Why.
        source: Box<PartsError>,
    },
    /// The job's directory is a savepoint, which no job writes to: give it another one, and start it with `EngineBuilder::restore_from`.
    #[error("directory \"{}\" is a savepoint, which no job writes to; give the job another one, and restore_from() this", directory.display())]
    IsSavepoint {
        /// The directory.
        directory: PathBuf,
    },
    /// A savepoint that cannot be read.
    #[error(transparent)]
    Savepoint(Box<SavepointError>),
    /// The archive of a worker cannot be opened.
    #[error("checkpoints cannot be written to \"{}\"", directory.display())]
    Archive {
        /// The directory.
        directory: PathBuf,
        /// Why.
        source: Box<ArchiveError>,
    },
    /// The directory cannot be read or cleared up.
    #[error("state directory \"{}\" cannot be used", directory.display())]
    Directory {
        /// The directory.
        directory: PathBuf,
        /// Why.
        source: DiskError,
    },
    /// The checkpoint was written with another number of key groups, by another version.
    #[error(
        "checkpoint {epoch} has {found} key groups, this version has {GROUPS}; go on with the version that wrote it"
    )]
    KeyGroups {
        /// The checkpoint.
        epoch: u64,
        /// Its groups.
        found: u32,
    },
}

/// What was found at a start.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The checkpoint to go on from.
    pub(crate) manifest: Option<Manifest>,
    /// Newer ones that are damaged, for the log.
    pub(crate) passed: Vec<Passed>,
    /// Higher than the number of any checkpoint that is there, whole or not.
    pub(crate) next_epoch: u64,
}

/// What a keeper is told besides.
#[derive(Debug, Clone, Default)]
pub(crate) struct StateShape {
    /// Length of a file of state, bytes; `None` = what the store thinks best.
    pub(crate) segment_bytes: Option<u64>,
    /// How keys and values lie in each table.
    pub(crate) layouts: Arc<BTreeMap<TableName, Declared>>,
    /// Where it is noted what is damaged.
    pub(crate) suspects: Suspects,
}

/// The newest checkpoint in `directory`; files that are suspect are read as a whole first. Waits for the disk.
///
/// # Errors
///
/// There are checkpoints, and none of them is whole; or the disk refuses.
pub(crate) fn find(
    disk: &mut dyn Disk,
    directory: &Path,
    suspects: &Suspects,
) -> Result<Found, OpenError> {
    let unusable = |source| OpenError::Directory { directory: directory.to_owned(), source };
    if savepoint::is_there(disk, directory).map_err(unusable)? {
        return Err(OpenError::IsSavepoint { directory: directory.to_owned() });
    }
    let failed =
        |source| OpenError::Restore { directory: directory.to_owned(), source: Box::new(source) };
    let restored =
        newest_noting(disk, directory, Verification::OnTouch, suspects).map_err(failed)?;
    let next_epoch = restored.next_epoch();
    let found = Found { manifest: restored.manifest, passed: restored.passed, next_epoch };
    found.manifest.as_ref().map_or(Ok(()), check_groups)?;
    Ok(found)
}

fn check_groups(manifest: &Manifest) -> Result<(), OpenError> {
    let Manifest { epoch, key_groups: found, .. } = *manifest;
    if found == GROUPS { Ok(()) } else { Err(OpenError::KeyGroups { epoch, found }) }
}

/// What is in a folder that is not the job's own: a savepoint, or the checkpoints of another job. Waits for the disk.
///
/// # Errors
///
/// There is neither, or it is not whole.
pub(crate) fn find_elsewhere(disk: &mut dyn Disk, folder: &Path) -> Result<Manifest, OpenError> {
    match savepoint::read(disk, folder) {
        Ok(manifest) => check_groups(&manifest).map(|()| manifest),
        // Checkpoints of a job have segments too, and no such file.
        Err(error @ (SavepointError::Torn { .. } | SavepointError::Nothing { .. })) => {
            let found = match find(disk, folder, &Suspects::default()) {
                Err(OpenError::Restore { source, .. })
                    if matches!(*source, RestoreError::Directory { .. }) =>
                {
                    None
                }
                found => found?.manifest,
            };
            found.ok_or(OpenError::Savepoint(Box::new(error)))
        }
        Err(error) => Err(OpenError::Savepoint(Box::new(error))),
    }
}

/// Copies the checkpoint in `folder` to the job's directory, which has none; gives it as it is there. Waits for the disk.
///
/// # Errors
///
/// [`OpenError::Savepoint`].
pub(crate) fn import(
    disk: &mut dyn Disk,
    folder: &Path,
    manifest: &Manifest,
    directory: &Path,
) -> Result<Manifest, OpenError> {
    let failed = |error| OpenError::Savepoint(Box::new(error));
    savepoint::import(disk, folder, manifest, directory).map_err(failed)
}

/// The key groups of a worker.
fn groups_of(worker: usize, workers: usize) -> KeyGroups {
    let number = |of: usize| u32::try_from(of).expect("invariant: few workers");
    KeyGroups::of_worker(GROUPS, number(worker), number(workers))
}

/// The state of each of `workers` workers in a checkpoint. Waits for the disk.
///
/// # Errors
///
/// [`OpenError::State`].
pub(crate) fn open_states(
    disk: &mut dyn Disk,
    directory: &Path,
    manifest: &Manifest,
    workers: usize,
    suspects: &Suspects,
) -> Result<Vec<RestoredParts>, OpenError> {
    let open = |worker| {
        let groups = groups_of(worker, workers);
        let opened = RestoredParts::open_noting(disk, directory, manifest, groups, suspects);
        opened.map_err(|source| OpenError::State {
            directory: directory.to_owned(),
            source: Box::new(source),
        })
    };
    (0..workers).map(open).collect()
}

/// Complete checkpoints in `directory` up to `newest`, the latest `retain` of them, older first; those that cannot be read are not counted. Waits for the disk.
fn retained(
    disk: &mut dyn Disk,
    directory: &Path,
    newest: &Manifest,
    retain: usize,
) -> Result<Vec<Manifest>, DiskError> {
    let names = names_in(disk, directory)?;
    let mut epochs: Vec<u64> =
        names.iter().filter_map(|name| Manifest::of_file_name(name)).collect();
    epochs.retain(|epoch| *epoch < newest.epoch);
    epochs.sort_unstable();
    let older = epochs.into_iter().rev().filter_map(|epoch| read(disk, directory, epoch).ok());
    let mut kept: Vec<Manifest> = older.take(retain.saturating_sub(1)).collect();
    kept.reverse();
    kept.push(newest.clone());
    Ok(kept)
}

fn names_in(disk: &mut dyn Disk, directory: &Path) -> Result<Vec<String>, DiskError> {
    match run(disk, Operation::List { path: directory.to_owned() })? {
        Answer::Names(names) => Ok(names),
        other => unreachable!("invariant: a listing is answered by names, not by {other:?}"),
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Keeper {
    directory: PathBuf,
    archives: Vec<Archive>,
    shape: StateShape,
    /// Of what types the states are, as manifests have it.
    schemas: Vec<SchemaRecord>,
    /// Complete checkpoints that are kept, older first.
    retained: Vec<Manifest>,
    /// Of those that are copied, what is not to be recycled yet.
    held: Vec<Manifest>,
    /// What was written of the epoch that is under way.
    epoch: u64,
    parts: Vec<Option<Part>>,
    disk: Box<dyn Disk + Send>,
}

impl Keeper {
    /// Opens the archives of `workers` workers. Of the complete checkpoints up to `newest` the latest `retain` are kept; what none of them names is removed. Waits for
    /// the disk.
    ///
    /// # Errors
    ///
    /// [`OpenError::Archive`], [`OpenError::Directory`].
    pub(crate) fn open(
        mut disk: Box<dyn Disk + Send>,
        directory: &Path,
        workers: usize,
        (newest, retain): (Option<&Manifest>, usize),
        shape: StateShape,
    ) -> Result<Self, OpenError> {
        let unusable = |source| OpenError::Directory { directory: directory.to_owned(), source };
        let failed = |source| OpenError::Archive {
            directory: directory.to_owned(),
            source: Box::new(source),
        };
        let retained = newest.map(|newest| retained(&mut *disk, directory, newest, retain));
        let retained = retained.transpose().map_err(unusable)?.unwrap_or_default();
        remove_leftovers(&mut *disk, directory, &retained, &shape.suspects).map_err(unusable)?;
        let mut archives = Vec::new();
        for worker in 0..workers {
            let narrow = |number| u32::try_from(number).expect("invariant: few workers");
            let mut config =
                ArchiveConfig::new(groups_of(worker, workers)).workers(narrow(workers));
            if let Some(bytes) = shape.segment_bytes {
                config = config.segment_bytes(bytes);
            }
            let number = narrow(worker);
            let archive = Archive::open(&mut *disk, directory, number, config, &retained);
            archives.push(archive.map_err(failed)?.noting(&shape.suspects));
        }
        let directory = directory.to_owned();
        let parts = (0..workers).map(|_| None).collect();
        let (held, schemas) = (Vec::new(), schemas_of(&shape.layouts));
        Ok(Self { directory, archives, shape, schemas, retained, held, epoch: 0, parts, disk })
    }

    /// The numbers of the checkpoints that are kept.
    pub(crate) fn kept(&self) -> impl Iterator<Item = u64> {
        self.retained.iter().map(|manifest| manifest.epoch)
    }

    /// Begins an epoch: parts of earlier ones are not for it.
    pub(crate) fn begin(&mut self, epoch: u64) {
        self.epoch = epoch;
        self.parts.iter_mut().for_each(|part| *part = None);
    }

    /// Writes a worker's part, and returns when it is durable: how many bytes were written. What belongs to an epoch that was given up is kept for the next one.
    ///
    /// # Errors
    ///
    /// As of [`Archive::write`].
    pub(crate) fn write(
        &mut self,
        worker: usize,
        frozen: FrozenPart,
    ) -> Result<Option<u64>, ArchiveError> {
        let FrozenPart { epoch, frozen, blobs, positions, .. } = frozen;
        let archive = &mut self.archives[worker];
        if epoch != self.epoch {
            archive.absorb(frozen);
            return Ok(None);
        }
        let bytes = frozen.bytes();
        let mut part = archive.write(&mut *self.disk, frozen)?;
        for table in &mut part.tables {
            let name = TableName::new(&table.operator, &table.state);
            table.layout = self.shape.layouts.get(&name).map_or(0, |declared| declared.layout);
        }
        (part.blobs, part.positions) = (blobs, positions);
        self.parts[worker] = Some(part);
        Ok(Some(bytes))
    }

    /// Publishes the manifest of the epoch that is under way, of which all parts were written.
    ///
    /// # Errors
    ///
    /// As of [`Publish::now`].
    pub(crate) fn publish(&mut self, time_ns: i64) -> Result<(), PublishError> {
        let parts = self.parts.iter_mut().map(Option::take);
        let parts = parts.collect::<Option<_>>().expect("invariant: all parts were written");
        let parent = self.retained.last().map(|manifest| manifest.epoch);
        let schemas = self.schemas.clone();
        let manifest =
            Manifest { epoch: self.epoch, parent, time_ns, key_groups: GROUPS, schemas, parts };
        let path = self.directory.join(Manifest::file_name(self.epoch));
        Publish::now(&mut *self.disk, path, manifest.encode())?;
        self.retained.push(manifest);
        Ok(())
    }

    /// Removes the manifests of these epochs, and lets go of the files that only they name.
    ///
    /// # Errors
    ///
    /// The disk refuses; what is left is removed the next time, or at the next start.
    pub(crate) fn retire(&mut self, epochs: &[u64]) -> Result<(), RetireError> {
        self.retained.retain(|manifest| !epochs.contains(&manifest.epoch));
        for epoch in epochs {
            let path = self.directory.join(Manifest::file_name(*epoch));
            run(&mut *self.disk, Operation::Remove { path })?;
        }
        run(&mut *self.disk, Operation::SyncDirectory { path: self.directory.clone() })?;
        let needed: Vec<Manifest> = self.retained.iter().chain(&self.held).cloned().collect();
        for archive in &mut self.archives {
            archive.retire(&mut *self.disk, &needed)?;
        }
        Ok(())
    }

    /// Where checkpoints are.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The newest complete checkpoint, of which nothing is recycled until it is [let go](Self::let_go).
    pub(crate) fn hold_newest(&mut self) -> Option<Manifest> {
        let newest = self.retained.last()?.clone();
        self.held.push(newest.clone());
        Some(newest)
    }

    /// A copy of the checkpoint is done; what of it is not needed any more goes with the next one that is retired.
    pub(crate) fn let_go(&mut self, epoch: u64) {
        let place = self.held.iter().position(|manifest| manifest.epoch == epoch);
        place.map(|place| self.held.swap_remove(place));
    }
}

/// Why old checkpoints are still there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RetireError {
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error(transparent)]
    Archive(#[from] ArchiveError),
}

/// Removes manifests that are not kept, damaged ones among them, files that were not published, and notes of files that are whole or not needed.
fn remove_leftovers(
    disk: &mut dyn Disk,
    directory: &Path,
    kept: &[Manifest],
    suspects: &Suspects,
) -> Result<(), DiskError> {
    let names = names_in(disk, directory)?;
    let Unreferenced { manifests, temporary, .. } = unreferenced(&names, kept, &BTreeSet::new());
    let needed = named(kept);
    let settled = suspects.settle(directory, &names, |id| needed.contains(&id));
    let manifests = manifests.into_iter().map(Manifest::file_name);
    let leftovers: Vec<String> = manifests.chain(temporary).chain(settled).collect();
    for name in &leftovers {
        run(disk, Operation::Remove { path: directory.join(name) })?;
    }
    if !leftovers.is_empty() {
        run(disk, Operation::SyncDirectory { path: directory.to_owned() })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use thalweg_storage::io::{Fault, Faulty, Memory, What};

    use super::*;
    use crate::error::error_chain;

    fn state() -> &'static Path {
        Path::new("state")
    }

    #[test]
    fn a_checkpoint_of_a_version_with_other_key_groups_is_refused() {
        let mut disk = Memory::new();
        let manifest = Manifest { epoch: 7, key_groups: 7, ..Manifest::default() };
        let path = state().join(Manifest::file_name(7));
        Publish::now(&mut disk, path, manifest.encode()).unwrap();
        assert_eq!(
            find(&mut disk, state(), &Suspects::default()).unwrap_err().to_string(),
            format!(
                "checkpoint 7 has 7 key groups, this version has {GROUPS}; go on with the version that wrote it"
            )
        );
    }

    #[test]
    fn where_no_checkpoint_is_whole_it_is_said_what_is_wrong_with_the_newest() {
        let mut disk = Memory::new();
        let path = state().join(Manifest::file_name(7));
        disk.plant(&path, vec![b'x'; 8_192]);
        assert_eq!(
            error_chain(&find(&mut disk, state(), &Suspects::default()).unwrap_err()),
            "no checkpoint can be restored from \"state\": none of the 1 checkpoints in \"state\" can be restored; \
             put their files back from a copy, or give the job an empty directory; the newest: \
             manifest \"state/manifest-0000000000000007\" cannot be used: it is another kind of file"
        );
    }

    #[test]
    fn a_disk_that_refuses_is_told_with_the_directory_and_what_it_was_wanted_for() {
        // One refusal at each of the calls that a start makes.
        let start = |at: u64| {
            let mut disk = Faulty::new(1);
            let manifest = Manifest { epoch: 7, key_groups: GROUPS, ..Manifest::default() };
            let path = state().join(Manifest::file_name(7));
            Publish::now(&mut disk, path, manifest.encode()).unwrap();
            let at = disk.operations() + at;
            disk.plan(Fault { at, lasting: false, what: What::Error(5) });
            let is_over = disk.beside();
            let found = find(&mut disk, state(), &Suspects::default());
            let opened = found.and_then(|found| {
                let kept = (found.manifest.as_ref(), 1);
                Keeper::open(Box::new(disk), state(), 1, kept, StateShape::default())
            });
            (opened.map(drop), is_over.operations() > at)
        };
        let mut said = BTreeSet::new();
        for at in 0.. {
            let (opened, has_failed) = start(at);
            match opened {
                Err(error) => drop(said.insert(error.to_string())),
                Ok(()) if !has_failed => break,
                Ok(()) => {}
            }
        }
        let expected = [
            "checkpoints cannot be written to \"state\"",
            "no checkpoint can be restored from \"state\"",
            "state directory \"state\" cannot be used",
        ];
        assert_eq!(said.iter().collect::<Vec<_>>(), expected);
    }
}
