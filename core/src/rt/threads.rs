//! Threads that are no workers: what sees to a job runs on one.

use std::io;
use std::thread;

/// What waits for such a thread.
pub(crate) type Running = thread::JoinHandle<()>;

/// Starts a thread called `name`.
///
/// # Errors
///
/// The system gives no thread.
pub(crate) fn start(name: String, run: impl FnOnce() + Send + 'static) -> io::Result<Running> {
    thread::Builder::new().name(name).spawn(run)
}
