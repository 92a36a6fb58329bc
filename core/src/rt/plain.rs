//! The plain driver: a thread for each core, and system calls.

use std::io;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use super::core_loop::{CoreLoop, Round};

/// Starts the thread of a core, pinned to `pin` if there is one; `make` is called on it.
pub(crate) fn start(
    worker: usize,
    pin: Option<usize>,
    make: impl FnOnce() -> CoreLoop + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let (tx, started) = mpsc::channel();
    let run = move || {
        let pinned = pin.map_or(Ok(()), crate::raw::os::pin_to);
        let is_pinned = pinned.is_ok();
        drop(tx.send(pinned));
        if is_pinned {
            turn_until_quit(make());
        }
    };
    let thread = thread::Builder::new().name(format!("thalweg-{worker}")).spawn(run)?;
    match started.recv() {
        Ok(Ok(())) => Ok(thread),
        Ok(Err(error)) => {
            drop(thread.join());
            Err(error)
        }
        Err(_) => unreachable!("invariant: a thread says whether it is pinned"),
    }
}

fn turn_until_quit(mut core: CoreLoop) {
    loop {
        match core.round() {
            Round::Busy => {}
            Round::Dry => core.rest(None),
            Round::Quit => return,
        }
    }
}
