//! A core's mailbox: how a job's seats reach the thread that turns them.
//!
//! Its lock is taken when a job is deployed and when the engine stops. In between the core reads one flag a round.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use super::driver::Seat;
use crate::error::JobError;
use crate::raw::doorbell::Ringer;

/// What is on its way to a core.
pub(crate) struct Mailbox {
    has_mail: AtomicBool,
    mail: Mutex<Mail>,
    /// Wakes the core.
    ringer: Ringer,
}

/// What a core finds in its mailbox.
#[derive(Default)]
pub(crate) struct Mail {
    /// Workers that take a seat here.
    pub(crate) seats: Vec<Seat>,
    /// The core's loop is to end.
    pub(crate) quit: bool,
}

impl Mailbox {
    pub(crate) fn new(ringer: Ringer) -> Self {
        Self { has_mail: AtomicBool::new(false), mail: Mutex::default(), ringer }
    }

    /// Sends a seat to the core. One whose loop was asked to end takes none any more: then the job is cancelled, and the seat dropped, which says that its worker
    /// has ended.
    pub(crate) fn seat(&self, seat: Seat) {
        let mut seat = Some(seat);
        self.post(|mail| mail.seats.extend(seat.take_if(|_| !mail.quit)));
        if let Some(seat) = seat {
            seat.shared.fail(JobError::Cancelled);
        }
    }

    /// Asks the core's loop to end.
    pub(crate) fn quit(&self) {
        self.post(|mail| mail.quit = true);
    }

    /// Wakes the core.
    pub(crate) fn ringer(&self) -> &Ringer {
        &self.ringer
    }

    /// Whether there is something to take; also after [`crate::raw::doorbell::Doorbell::prepare_sleep`].
    #[inline]
    pub(crate) fn has_mail(&self) -> bool {
        self.has_mail.load(Ordering::Relaxed)
    }

    /// Takes all there is.
    pub(crate) fn take(&self) -> Mail {
        let mut mail = self.mail.lock().unwrap_or_else(PoisonError::into_inner);
        self.has_mail.store(false, Ordering::Relaxed);
        Mail { seats: std::mem::take(&mut mail.seats), quit: mail.quit }
    }

    fn post(&self, write: impl FnOnce(&mut Mail)) {
        {
            let mut mail = self.mail.lock().unwrap_or_else(PoisonError::into_inner);
            write(&mut mail);
            self.has_mail.store(true, Ordering::Relaxed);
        }
        self.ringer.ring();
    }
}
