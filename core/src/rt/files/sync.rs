//! Threads on which files are synced: a sync waits for the device, for milliseconds at times, and a worker must not.
//!
//! They are shared by all jobs of the process and start with the first sync. Each file waits for its own sync only.
//!
//! # Not here
//!
//! No queue without a bound: who asks waits for the answer before it asks again, so there are never more requests than open files.

use std::fs::File;
use std::io;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;

use crate::io::Pending;

/// How many syncs the device is asked for at a time: enough to share one flush of its cache between the sinks of a job.
const THREADS: usize = 4;

struct Request {
    file: File,
    scope: Scope,
    answer: Sender<io::Result<()>>,
}

/// What is to be durable.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scope {
    /// A file's bytes, and as much of what is known of it as is needed to read them.
    Data,
    /// Everything: for folders.
    All,
}

/// A sync that was asked for.
pub(super) struct Syncing(Receiver<io::Result<()>>);

/// Asks for a sync of a file.
pub(super) fn sync(file: File, scope: Scope) -> io::Result<Syncing> {
    static REQUESTS: OnceLock<Result<Sender<Request>, io::ErrorKind>> = OnceLock::new();
    let requests = REQUESTS.get_or_init(|| start().map_err(|error| error.kind()));
    let requests = requests.as_ref().map_err(|kind| io::Error::from(*kind))?;
    let (answer, syncing) = channel();
    let sent = requests.send(Request { file, scope, answer });
    sent.map_err(|_| io::Error::other("the threads that sync files have ended"))?;
    Ok(Syncing(syncing))
}

fn start() -> io::Result<Sender<Request>> {
    let (requests, inbox) = channel::<Request>();
    let inbox = Arc::new(Mutex::new(inbox));
    for _ in 0..THREADS {
        let inbox = Arc::clone(&inbox);
        thread::Builder::new().name("thalweg-sync".to_owned()).spawn(move || {
            unpin();
            // The lock is held while waiting: the others wait for the lock instead.
            while let Ok(request) = next(&inbox) {
                let Request { file, scope, answer } = request;
                let synced = match scope {
                    Scope::Data => file.sync_data(),
                    Scope::All => file.sync_all(),
                };
                // Who asked may be gone.
                drop(answer.send(synced));
            }
        })?;
    }
    Ok(requests)
}

fn next(inbox: &Mutex<Receiver<Request>>) -> Result<Request, std::sync::mpsc::RecvError> {
    inbox.lock().unwrap_or_else(PoisonError::into_inner).recv()
}

/// A thread inherits the cores of who has started it, here that of one worker; this one is to run anywhere else.
fn unpin() {
    if let Err(error) = crate::raw::os::unpin() {
        tracing::warn!(%error, "the threads that sync files share a worker's core");
    }
}

impl Pending for Syncing {
    fn poll(&mut self) -> io::Result<bool> {
        match self.0.try_recv() {
            Ok(synced) => synced.map(|()| true),
            Err(TryRecvError::Empty) => Ok(false),
            Err(TryRecvError::Disconnected) => Err(gone()),
        }
    }

    fn wait(&mut self) -> io::Result<()> {
        self.0.recv().unwrap_or_else(|_| Err(gone()))
    }
}

fn gone() -> io::Error {
    io::Error::other("the thread that syncs files has ended")
}
