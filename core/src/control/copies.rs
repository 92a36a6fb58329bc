//! Savepoints of one run on their way: which checkpoint each is made of, and the threads that copy them.
//!
//! # Invariants
//!
//! 1. What is copied is held by the [`Keeper`](crate::checkpoint::Keeper) until the copy is done.
//! 2. No copy outlives its run: the next one clears up the directory.

use std::path::Path;

use thalweg_storage::checkpoint::Manifest;
use thalweg_storage::{io, savepoint};

use crate::checkpoint::{Request, Savepoint, SavepointError};
use crate::rt::reports::{Report, Reports};
use crate::rt::threads::{self, Running};

/// See the module. Dropped, it waits for those that are under way.
#[derive(Default)]
pub(super) struct Copies(Vec<Running>);

impl Copies {
    /// Makes savepoints of the checkpoint `manifest` in `directory`, one after the other, and says when they are done.
    pub(super) fn begin(
        &mut self,
        job: &str,
        (directory, manifest): (&Path, Manifest),
        requests: Vec<Request>,
        reports: Reports,
    ) {
        let directory = directory.to_owned();
        let epoch = manifest.epoch;
        let folders: Vec<_> = requests
            .iter()
            .map(|request| (request.folder.clone(), request.answer.clone()))
            .collect();
        let copy = move || {
            let mut disk = io::open();
            for request in requests {
                let copied = savepoint::write(&mut *disk, &directory, &manifest, &request.folder);
                let folder = request.folder.clone();
                let saved = copied.map(|bytes| Savepoint { folder, epoch, bytes });
                request.answer(saved.map_err(SavepointError::Storage));
            }
            reports.say(Report::Copied { epoch });
        };
        match threads::start(format!("thalweg-savepoint-{job}"), copy) {
            Ok(running) => self.0.push(running),
            Err(error) => {
                for (folder, answer) in folders {
                    let source = std::io::Error::new(error.kind(), error.to_string());
                    drop(answer.send(Err(SavepointError::Thread { folder, source })));
                }
            }
        }
    }
}

impl Drop for Copies {
    fn drop(&mut self) {
        self.0.drain(..).for_each(|running| drop(running.join()));
    }
}
