//! An engine without threads: the host's own loop turns it.
//!
//! # Not here
//!
//! No second worker: what runs on one thread has one.

use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::EngineBuilder;
use super::deploy::deploy;
use super::job::JobHandle;
use super::registry::Registry;
use crate::api::Topology;
use crate::error::{BuildError, Result};
use crate::metrics::JobReport;
use crate::raw::doorbell::Doorbell;
use crate::raw::doorbell::Ringer;
use crate::rt::ThreadMark;
use crate::rt::core_loop::{CoreLoop, Round};
use crate::rt::driver::{Seat, SharedJob};
use crate::rt::mailbox::Mailbox;
use crate::rt::parker::CondvarPark;

/// Runs jobs on the thread that calls it; made by [`EngineBuilder::build_inline`].
///
/// Nothing happens between two calls. When it is dropped its jobs are cancelled.
///
/// ```
/// use thalweg::prelude::*;
///
/// let mut engine = Engine::builder().build_inline()?;
/// let job = engine.deploy("dropped", |t| {
///     t.source("numbers", Items::of(vec![1u64, 2, 3]))
///         .without_event_time()
///         .sink("nowhere", Blackhole);
///     Ok(())
/// })?;
/// while !job.is_ended() {
///     engine.turn(); // And whatever else the loop of this program does.
/// }
/// assert_eq!(job.join()?.operator("nowhere").unwrap().totals.records_in, 3);
/// # Ok::<(), JobError>(())
/// ```
pub struct InlineEngine {
    core: CoreLoop,
    mailbox: Arc<Mailbox>,
    ringers: Arc<[Ringer]>,
    settings: EngineBuilder,
    jobs: Arc<Registry>,
    /// Workers own things that stay on their thread.
    here: PhantomData<Rc<()>>,
}

impl std::fmt::Debug for InlineEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InlineEngine").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl InlineEngine {
    pub(super) fn new(settings: EngineBuilder) -> Result<Self> {
        if settings.config.workers != 1 {
            let message = "an engine that the host turns has one worker".into();
            return Err(BuildError::Setting { name: "workers".into(), message }.into());
        }
        let doorbell = match settings.idle.spin_only {
            true => Doorbell::spinning(),
            false => Doorbell::new(CondvarPark::default()),
        };
        let ringer = doorbell.ringer();
        let mailbox = Arc::new(Mailbox::new(ringer.clone()));
        let core = CoreLoop::new(Arc::clone(&mailbox), doorbell, settings.idle);
        let ringers = Arc::from([ringer]);
        Ok(Self { core, mailbox, ringers, settings, jobs: Arc::default(), here: PhantomData })
    }

    /// Starts a job beside those that run; its first records move with the next turn.
    ///
    /// # Errors
    ///
    /// As of [`Engine::deploy`](super::Engine::deploy).
    pub fn deploy(
        &mut self,
        name: &str,
        job: impl Fn(&mut Topology) -> Result<()> + Send + Sync + 'static,
    ) -> Result<JobHandle> {
        let job: SharedJob = Arc::new(job);
        let mailbox = Arc::clone(&self.mailbox);
        let seating = move |seats: Vec<Seat>| seats.into_iter().for_each(|seat| mailbox.seat(seat));
        let to = (Arc::clone(&self.ringers), seating);
        let life = deploy(name, job, &self.settings, &self.jobs, to)?;
        let turned_by = Some(ThreadMark::here());
        Ok(JobHandle { turned_by, ..JobHandle::new(name, life, "inline") })
    }

    /// One turn for each job: some pages of each of its tasks, a poll or a slice. False if there was nothing to do.
    ///
    /// Never blocks. The job's own code runs in it, also what panics or fails: that ends the job, and not the caller.
    pub fn turn(&mut self) -> bool {
        self.core.round_of_host() == Round::Busy
    }

    /// After a turn in vain: spins for the first microseconds, later sleeps until something comes for a job, or for `at_most`.
    pub fn rest(&mut self, at_most: Duration) {
        self.core.rest(Some(at_most));
    }

    /// Turns, and rests in between, until `is_done`; that is asked after each turn.
    pub fn run_until(&mut self, mut is_done: impl FnMut() -> bool) {
        while !is_done() {
            if !self.turn() && !is_done() {
                self.rest(LONGEST_REST);
            }
        }
    }

    /// Turns until a job has ended, and says how.
    ///
    /// # Errors
    ///
    /// As of [`JobHandle::join`].
    pub fn join(&mut self, job: JobHandle) -> Result<JobReport> {
        self.run_until(|| job.is_ended());
        job.join()
    }

    /// Runs a job to its end.
    ///
    /// # Errors
    ///
    /// As of [`Self::deploy`] and [`JobHandle::join`].
    pub fn run(
        &mut self,
        name: &str,
        job: impl Fn(&mut Topology) -> Result<()> + Send + Sync + 'static,
    ) -> Result<JobReport> {
        let job = self.deploy(name, job)?;
        self.join(job)
    }
}

/// What a caller waits for may be no job's business, so nobody rings for it.
const LONGEST_REST: Duration = Duration::from_millis(1);

impl Drop for InlineEngine {
    fn drop(&mut self) {
        self.jobs.cancel_all();
        // Also jobs that were deployed and never turned.
        drop(self.mailbox.take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::Engine;
    use crate::error::JobError;
    use crate::sink::Blackhole;
    use crate::source::Items;

    fn endless(t: &mut Topology) -> Result<()> {
        t.source("numbers", Items::per_split(1, |_| 0u64..))
            .without_event_time()
            .sink("nowhere", Blackhole);
        Ok(())
    }

    #[test]
    fn more_than_one_worker_is_refused() {
        let error = Engine::builder().workers(2).build_inline().unwrap_err();
        let expected = "the job cannot be built\n  setting of \"workers\": an engine that the host turns has one worker";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    #[should_panic(expected = "job \"endless\" has not ended, and this thread turns it")]
    fn who_turns_a_job_cannot_wait_for_it() {
        let mut engine = Engine::builder().build_inline().unwrap();
        let job = engine.deploy("endless", endless).unwrap();
        drop(job.join());
    }

    #[test]
    fn jobs_of_a_dropped_engine_are_cancelled_also_those_that_were_never_turned() {
        let mut engine = Engine::builder().build_inline().unwrap();
        let turned = engine.deploy("turned", endless).unwrap();
        assert!(engine.turn());
        let waiting = engine.deploy("waiting", endless).unwrap();
        drop(engine);
        for job in [turned, waiting] {
            assert!(matches!(job.join(), Err(JobError::Cancelled)));
        }
    }
}
