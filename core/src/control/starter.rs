//! What a job is started from, the first time and after each failure.

use std::any::Any;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use thalweg_storage::TableName;
use thalweg_storage::checkpoint::Manifest;
use thalweg_storage::io::{Disk, open};
use thalweg_storage::segment::Suspects;

use super::Checkpoints;
use crate::api::build;
use crate::checkpoint::{
    Coordinator, Keeper, OpenError, Restored, StateShape, find, find_elsewhere, import, open_states,
};
use crate::config::JobConfig;
use crate::error::{JobError, Result};
use crate::exchange::host::HostPorts;
use crate::metrics::CheckpointCell;
use crate::raw::doorbell::Ringer;
use crate::rt::driver::{
    From, JobParts, Seat, Shared, SharedJob, guarded, system_files, system_streams,
};
use crate::rt::now_ns;
use crate::rt::reports::Reports;

/// See the module.
pub(super) struct Starter {
    pub(super) name: String,
    pub(super) job: SharedJob,
    pub(super) config: JobConfig,
    pub(super) record: bool,
    pub(super) ringers: Arc<[Ringer]>,
    /// The job's name in its engine, free when this and all seats are dropped.
    pub(super) claim: Arc<dyn Any + Send + Sync>,
    pub(super) checkpoints: Option<Checkpoints>,
    /// A savepoint, or a checkpoint of another folder, for a job that has none of its own.
    pub(super) restore_from: Option<PathBuf>,
    pub(super) retired: BTreeSet<TableName>,
    pub(super) reports: Reports,
    pub(super) cell: CheckpointCell,
    /// Files of the state that a run has seen to be damaged: the next start reads all of them, and falls back.
    pub(super) suspects: Suspects,
}

/// A run that is about to begin.
pub(super) struct Started {
    pub(super) shared: Shared,
    pub(super) seats: Vec<Seat>,
    pub(super) ports: HostPorts,
    pub(super) coordination: Option<Coordination>,
}

/// What coordinates the checkpoints of one run.
pub(super) struct Coordination {
    pub(super) coordinator: Coordinator,
    pub(super) keeper: Keeper,
}

/// What was found to go on from.
struct Origin {
    disk: Box<dyn Disk + Send>,
    directory: PathBuf,
    next_epoch: u64,
    /// The checkpoint.
    from: Option<Manifest>,
    /// The folder it lies in, if that is another one.
    elsewhere: Option<PathBuf>,
    restored: Arc<Restored>,
}

fn failed(error: OpenError) -> JobError {
    JobError::Restore(Box::new(error))
}

impl Starter {
    /// Makes all that a run needs; it begins when its seats are taken. Waits for the disk.
    ///
    /// # Errors
    ///
    /// The job cannot be built, or not go on from its checkpoint.
    pub(super) fn start(&self) -> Result<Started> {
        self.start_but(None)
    }

    /// `damaged`: the checkpoint that was found before, and could not be opened.
    fn start_but(&self, damaged: Option<u64>) -> Result<Started> {
        let mut origin = self.checkpoints.as_ref().map(|to| self.find(to)).transpose()?;
        let restored = origin.as_ref().filter(|origin| origin.from.is_some());
        let restored = restored.map(|origin| Arc::clone(&origin.restored));
        let (files, streams) = (system_files(), system_streams());
        let mut planned = build::plan(&*self.job, &self.config, files, streams, restored)?;
        let mut from = None;
        if let Some(origin) = &mut origin {
            let epoch = origin.from.as_ref().map(|manifest| manifest.epoch);
            from = match origin.open(self.config.workers, &self.suspects) {
                // Now that it is known, the checkpoint is passed over: each time there is one less. If it is not, its files are whole, and something else is wrong.
                Err(OpenError::State { source, .. }) if source.is_damage() && epoch != damaged => {
                    return self.start_but(epoch);
                }
                opened => opened.map_err(failed)?,
            };
            // Code of sinks; a panic in it is an error of the job.
            let restored = Arc::clone(&origin.restored);
            guarded(0, || planned.recover(&restored))?;
        }
        let plan = planned.plan;
        let (layouts, suspects) = (Arc::clone(&plan.layouts), self.suspects.clone());
        let shape = StateShape { segment_bytes: None, layouts, suspects };
        let parts = JobParts {
            plan,
            config: self.config.clone(),
            job: Arc::clone(&self.job),
            record: self.record,
            from,
            reports: self.reports.clone(),
            checkpoints: self.cell.clone(),
        };
        let coordination = match (origin, &self.checkpoints) {
            (Some(origin), Some(to)) => Some(origin.coordinate(to, self.config.workers, shape)?),
            _ => None,
        };
        let (shared, seats, ports) = Shared::new(parts, Arc::clone(&self.ringers), &self.claim);
        Ok(Started { shared, seats, ports, coordination })
    }

    /// Writes down what was seen to be damaged, so that a later process knows it too. Waits for the disk.
    pub(super) fn write_suspects_down(&self) {
        if self.checkpoints.is_none() || self.suspects.is_empty() {
            return;
        }
        if let Err(error) = self.suspects.write_down(&mut *open()) {
            tracing::warn!(job = self.name, %error, "it is not written down which files are damaged");
        }
    }

    fn find(&self, checkpoints: &Checkpoints) -> Result<Origin> {
        let directory = checkpoints.of_job(&self.name);
        let mut disk = open();
        let found = find(&mut *disk, &directory, &self.suspects).map_err(failed)?;
        for passed in &found.passed {
            let (job, epoch) = (&self.name, passed.epoch);
            tracing::error!(job, epoch, reason = %passed.reason, "a damaged checkpoint is passed over");
        }
        let mut from = found.manifest;
        let elsewhere = self.restore_from.clone().filter(|_| from.is_none());
        if let Some(folder) = &elsewhere {
            from = Some(find_elsewhere(&mut *disk, folder).map_err(failed)?);
        }
        let epoch = from.as_ref().map(|manifest| manifest.epoch);
        self.cell.change(|snapshot| snapshot.restored = epoch);
        if let Some(epoch) = epoch {
            tracing::info!(job = self.name, epoch, "the job goes on from a checkpoint");
        }
        let manifest = from.clone();
        let restored = manifest.map(|manifest| Restored::new(manifest, self.retired.clone()));
        Ok(Origin {
            disk,
            directory,
            // Above the other's too: a sink knows epochs, and must not meet one again.
            next_epoch: found.next_epoch.max(epoch.map_or(1, |epoch| epoch + 1)),
            from,
            elsewhere,
            restored: Arc::new(restored.unwrap_or_default()),
        })
    }
}

impl Origin {
    /// The state of each worker. What lies elsewhere is copied first: a checkpoint refers to what is in its own directory alone.
    fn open(&mut self, workers: usize, suspects: &Suspects) -> Result<Option<From>, OpenError> {
        let Self { disk, directory, from, elsewhere, .. } = self;
        let Some(manifest) = from else { return Ok(None) };
        if let Some(folder) = elsewhere.take() {
            *manifest = import(&mut **disk, &folder, manifest, directory)?;
        }
        let states = open_states(&mut **disk, directory, manifest, workers, suspects)?;
        Ok(Some(From { restored: Arc::clone(&self.restored), states }))
    }

    fn coordinate(
        self,
        checkpoints: &Checkpoints,
        workers: usize,
        shape: StateShape,
    ) -> Result<Coordination> {
        let Self { disk, directory, next_epoch, from, .. } = self;
        let kept = (from.as_ref(), checkpoints.retained());
        let keeper = Keeper::open(disk, &directory, workers, kept, shape).map_err(failed)?;
        let pace = checkpoints.pace();
        let coordinator = Coordinator::new(pace, workers, keeper.kept(), next_epoch, now_ns());
        Ok(Coordination { coordinator, keeper })
    }
}
