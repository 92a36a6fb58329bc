//! The jobs of an engine that run, by name.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::life::Life;
use crate::error::{BuildError, JobError, Result};

/// Names in use, each with its job once that is made.
#[derive(Default)]
pub(crate) struct Registry {
    jobs: Mutex<BTreeMap<String, Option<Arc<Life>>>>,
}

/// A name in use, until this is dropped.
pub(crate) struct Claim {
    name: String,
    registry: Arc<Registry>,
}

impl Registry {
    /// Takes a name.
    pub(crate) fn claim(self: &Arc<Self>, name: &str) -> Result<Arc<Claim>> {
        if name.is_empty() {
            return Err(BuildError::EmptyName { kind: "job" }.into());
        }
        let mut jobs = self.lock();
        if jobs.contains_key(name) {
            return Err(JobError::NameInUse { name: name.to_owned() });
        }
        jobs.insert(name.to_owned(), None);
        Ok(Arc::new(Claim { name: name.to_owned(), registry: Arc::clone(self) }))
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    /// Stops all jobs.
    pub(crate) fn cancel_all(&self) {
        // Not under the lock: a job that ends takes it.
        let jobs: Vec<Arc<Life>> = self.lock().values().flatten().cloned().collect();
        jobs.iter().for_each(|job| job.cancel());
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Option<Arc<Life>>>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Claim {
    /// Says which job has the name.
    pub(crate) fn register(&self, job: &Arc<Life>) {
        if let Some(place) = self.registry.lock().get_mut(&self.name) {
            *place = Some(Arc::clone(job));
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let job = self.registry.lock().remove(&self.name);
        // After the lock: the last clone of a job drops what its function owns, which may be a handle to this engine.
        drop(job);
    }
}
