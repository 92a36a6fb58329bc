//! How a job comes onto an engine: planned, restored, supervised if need be, and seated.

use std::any::Any;
use std::sync::{Arc, mpsc};

use thalweg_storage::io::StateLock;
use thalweg_storage::segment::Suspects;

use super::EngineBuilder;
use super::life::Life;
use super::registry::Registry;
use super::starter::{Started, Starter};
use super::supervisor::{Seating, Supervisor};
use crate::error::{JobError, Result};
use crate::metrics::CheckpointCell;
use crate::raw::doorbell::Ringer;
use crate::rt::driver::{Seat, SharedJob};
use crate::rt::reports::Reports;
use crate::rt::threads;

/// Makes all that a job is, and seats its workers.
///
/// # Errors
///
/// As of [`Engine::deploy`](super::Engine::deploy).
pub(super) fn deploy(
    name: &str,
    job: SharedJob,
    settings: &EngineBuilder,
    jobs: &Arc<Registry>,
    (ringers, seating): (Arc<[Ringer]>, impl Fn(Vec<Seat>) + Send + 'static),
) -> Result<Arc<Life>> {
    settings.check()?;
    let claim = jobs.claim(name)?;
    let directory = settings.checkpoints.as_ref().map(|checkpoints| checkpoints.of_job(name));
    let lock = directory.map(|directory| StateLock::acquire(&directory)).transpose();
    let lock = lock.map_err(JobError::Lock)?;
    let is_supervised = lock.is_some() || settings.restart.may_restart();
    let (sender, reports) = mpsc::channel();
    let said = if is_supervised { Reports::to(sender) } else { Reports::default() };
    let mut config = settings.config.clone();
    config.checkpoints = lock.is_some();
    let starter = Starter {
        name: name.to_owned(),
        job,
        config,
        record: settings.record,
        ringers,
        claim: Arc::clone(&claim) as Arc<dyn Any + Send + Sync>,
        checkpoints: settings.checkpoints.clone(),
        restore_from: settings.restore_from.clone(),
        retired: settings.retired.clone(),
        reports: said.clone(),
        cell: CheckpointCell::default(),
        suspects: Suspects::default(),
    };
    let Started { shared, seats, ports, coordination } = starter.start()?;
    let life = Life::new(shared, ports, said, !is_supervised);
    claim.register(&life);
    drop(claim);
    if is_supervised {
        let (restart, seating): (_, Seating) = (settings.restart, Box::new(seating));
        // Before the thread is there, so that a failure of the thread leaves nobody behind who waits.
        let supervisor =
            Supervisor { starter, life: Arc::clone(&life), restart, reports, seating, lock };
        let begin = move || supervisor.begin(seats, coordination);
        let thread = threads::start(format!("thalweg-job-{name}"), begin);
        let thread = thread.map_err(|source| JobError::Worker { worker: 0, source })?;
        life.supervise(thread);
    } else {
        seating(seats);
    }
    Ok(life)
}
