//! The plain driver: a thread for each worker, and system calls.

use std::io;
use std::thread::{self, JoinHandle};

use super::driver::{Loop, Next, Seat, Shared, system_files};
use crate::error::{JobError, Result};
use crate::runtime::worker::WorkerEnd;

/// A worker's thread; it ends with the worker's totals, or nothing if the worker failed.
pub(crate) type WorkerThread = JoinHandle<Option<WorkerEnd>>;

/// Starts a thread for each seat, pinned to `cores` if there are any.
pub(crate) fn start(shared: &Shared, seats: Vec<Seat>, cores: &[usize]) -> Result<Vec<WorkerThread>> {
    let mut threads = Vec::with_capacity(seats.len());
    for seat in seats {
        let worker = seat.worker;
        let core = cores.get(worker).copied();
        let shared_here = shared.clone();
        let spawned = thread::Builder::new()
            .name(format!("thalweg-{worker}"))
            .spawn(move || run_seat(seat, &shared_here, core));
        match spawned {
            Ok(thread) => threads.push(thread),
            Err(source) => {
                shared.fail(JobError::Worker { worker, source });
                break;
            }
        }
    }
    Ok(threads)
}

fn run_seat(seat: Seat, shared: &Shared, core: Option<usize>) -> Option<WorkerEnd> {
    let worker = seat.worker;
    if let Some(core) = core {
        if let Err(source) = pin(core) {
            shared.fail(JobError::Worker { worker, source });
            return None;
        }
    }
    match turn_until_end(seat, shared) {
        Ok(end) => Some(end),
        Err(error) => {
            shared.fail(error);
            None
        }
    }
}

fn turn_until_end(seat: Seat, shared: &Shared) -> Result<WorkerEnd> {
    let mut turning = Loop::new(seat, shared.clone(), system_files())?;
    while turning.turn(true)? == Next::Again {}
    Ok(turning.end())
}

fn pin(core: usize) -> io::Result<()> {
    crate::raw::os::pin_to(core)
}
