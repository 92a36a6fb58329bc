//! The cores of an engine: their threads, and the way to them.
//!
//! # Invariants
//!
//! 1. Every thread that is started here is joined: [`Cores::stop`], or the drop.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle, ThreadId};

use super::core_loop::CoreLoop;
use super::driver::{IdlePolicy, Seat};
use super::mailbox::Mailbox;
use super::parker::CondvarPark;
use super::{Driver, glommio, plain};
use crate::error::{JobError, Result};
use crate::raw::doorbell::{Doorbell, Ringer};

/// The thread of one core.
pub(crate) enum CoreThread {
    Plain(JoinHandle<()>),
    Glommio(glommio::Thread),
}

impl CoreThread {
    fn id(&self) -> ThreadId {
        match self {
            Self::Plain(thread) => thread.thread().id(),
            Self::Glommio(thread) => thread.id(),
        }
    }

    fn join(self) {
        // The jobs' own work is under `catch_unwind`; what is left to panic has been said by the panic's message.
        match self {
            Self::Plain(thread) => drop(thread.join()),
            Self::Glommio(thread) => thread.join(),
        }
    }
}

/// How the cores of an engine are made.
#[derive(Debug, Clone)]
pub(crate) struct CoreSettings {
    pub(crate) driver: Driver,
    /// How many.
    pub(crate) workers: usize,
    /// Core `n` is pinned to the n-th of these; unpinned if there is none.
    pub(crate) pins: Vec<usize>,
    pub(crate) idle: IdlePolicy,
}

/// The cores of an engine, each with a thread.
pub(crate) struct Cores {
    mailboxes: Vec<Arc<Mailbox>>,
    threads: Vec<CoreThread>,
    ringers: Arc<[Ringer]>,
    driver: &'static str,
}

impl Cores {
    /// Starts the threads.
    ///
    /// # Errors
    ///
    /// [`JobError::Worker`] if one cannot be started or pinned; then none is left.
    pub(crate) fn start(settings: &CoreSettings) -> Result<Self> {
        crate::raw::os::register_membarrier();
        let driver = chosen(settings.driver);
        let name = if driver == Driver::Glommio { "glommio" } else { "plain" };
        let mut cores = Self {
            mailboxes: Vec::new(),
            threads: Vec::new(),
            ringers: Arc::default(),
            driver: name,
        };
        for worker in 0..settings.workers {
            let doorbell = match settings.idle.spin_only {
                true => Doorbell::spinning(),
                false => Doorbell::new(CondvarPark::default()),
            };
            let mailbox = Arc::new(Mailbox::new(doorbell.ringer()));
            cores.mailboxes.push(Arc::clone(&mailbox));
            let (idle, pin) = (settings.idle, settings.pins.get(worker).copied());
            let make = move || CoreLoop::new(mailbox, doorbell, idle);
            let started: io::Result<CoreThread> = match driver {
                Driver::Glommio => glommio::start(worker, pin, make).map(CoreThread::Glommio),
                Driver::Plain | Driver::Auto => {
                    plain::start(worker, pin, make).map(CoreThread::Plain)
                }
            };
            let thread = started.map_err(|source| JobError::Worker { worker, source })?;
            cores.threads.push(thread);
        }
        cores.ringers = cores.mailboxes.iter().map(|mailbox| mailbox.ringer().clone()).collect();
        Ok(cores)
    }

    /// What turns the workers.
    pub(crate) fn driver(&self) -> &'static str {
        self.driver
    }

    /// Who wakes the cores, one for each.
    pub(crate) fn ringers(&self) -> &Arc<[Ringer]> {
        &self.ringers
    }

    /// Sends seats to these cores, from anywhere; to nobody when they have stopped.
    pub(crate) fn seating(&self) -> impl Fn(Vec<Seat>) + Send + use<> {
        let mailboxes = self.mailboxes.clone();
        move |seats| seats.into_iter().for_each(|seat| mailboxes[seat.worker].seat(seat))
    }

    /// Ends the loops, and waits for their threads.
    pub(crate) fn stop(&mut self) {
        self.mailboxes.iter().for_each(|mailbox| mailbox.quit());
        for thread in self.threads.drain(..) {
            // A job's function may own the engine; a thread that drops it cannot wait for itself, and ends when it is back.
            if thread.id() != thread::current().id() {
                thread.join();
            }
        }
    }
}

impl Drop for Cores {
    fn drop(&mut self) {
        self.stop();
    }
}

fn chosen(driver: Driver) -> Driver {
    if driver != Driver::Auto {
        return driver;
    }
    match glommio::is_available() {
        Ok(()) => Driver::Glommio,
        Err(reason) => {
            tracing::warn!(%reason, "io_uring is not available; the plain driver is used");
            Driver::Plain
        }
    }
}
