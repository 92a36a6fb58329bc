//! The plain driver: a thread for each worker, and system calls.

use std::io;
use std::thread::{self, JoinHandle};

use super::driver::{Loop, Next, Seat, Shared, guarded, system_files};
use crate::error::{JobError, Result};
use crate::runtime::worker::WorkerEnd;

/// Starts the thread of one seat, pinned to `core` if there is one.
pub(crate) fn start(
    shared: &Shared,
    seat: Seat,
    core: Option<usize>,
) -> io::Result<JoinHandle<Option<WorkerEnd>>> {
    let shared = shared.clone();
    thread::Builder::new()
        .name(format!("thalweg-{}", seat.worker))
        .spawn(move || run(seat, &shared, core))
}

fn run(seat: Seat, shared: &Shared, core: Option<usize>) -> Option<WorkerEnd> {
    let worker = seat.worker;
    if let Some(Err(source)) = core.map(crate::raw::os::pin_to) {
        shared.fail(JobError::Worker { worker, source });
        return None;
    }
    guarded(worker, || turn_until_end(seat, shared)).map_err(|error| shared.fail(error)).ok()
}

fn turn_until_end(seat: Seat, shared: &Shared) -> Result<WorkerEnd> {
    let mut turning = Loop::new(seat, shared.clone(), system_files())?;
    while turning.turn(true)? == Next::Again {}
    Ok(turning.end())
}
