//! The orderly end of a job that is not at the end of its input.
//!
//! | | sources | windows, timers | sinks | [`JobHandle::join`] |
//! |---|---|---|---|---|
//! | [`JobHandle::drain`] | stop between two records | all fire, as at the end of the input | write everything and close | `Ok`, [`Ending::Drained`] |
//! | [`JobHandle::stop`] | stop between two records | stay as they are: what is not due yet does not fire | write what they were given and close | `Ok`, [`Ending::Stopped`] |
//! | [`JobHandle::cancel`] | stop | stay | are dropped | `Err`, [`JobError::Cancelled`](crate::error::JobError::Cancelled) |
//!
//! Each returns at once; `join` waits. Asking twice does no harm: the first of `drain` and `stop` holds, and `cancel` ends either of them. A job that has come to
//! the end of its input by itself is [`Ending::Finished`], whatever was asked.

use super::JobHandle;
use crate::metrics::Ending;

impl JobHandle {
    /// Ends the job as if its input had ended here: every record that was read is processed, event time goes to its end, so that every
    /// window and timer fires, and the sinks are closed.
    ///
    /// Results of windows that were open are those of a part of their records: to go on later from where the job was, use [`Self::stop`]. A job with checkpoints that
    /// was drained has nothing left to do when it is started again.
    pub fn drain(&self) {
        self.life.ask_to_end(Ending::Drained);
    }

    /// Ends the job where it is: every record that was read is processed and its results are written, but event time stays where it is, so
    /// windows that are open do not fire, nor do timers that are not due.
    ///
    /// A job with checkpoints takes its last one then, and goes on from there when it is started again; without, the state is lost.
    pub fn stop(&self) {
        self.life.ask_to_end(Ending::Stopped);
    }
}
