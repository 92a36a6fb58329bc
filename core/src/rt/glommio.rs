//! The glommio driver: an executor for each core, and in it one long-lived task that turns the core's workers.
//!
//! Records never touch a waker or a task: glommio gives the pinned thread and the executor, whose reactor has a turn now and then. A core that
//! has nothing to do blocks its executor, which has nothing else to do either: sources and sinks use the system's files, not yet glommio's.
//!
//! # Not here
//!
//! None of glommio's channels (a record takes 7 us and more through them) and none of its timers, but for one that keeps it awake.

use std::io;
use std::sync::mpsc;
use std::thread::ThreadId;
use std::time::Duration;

use glommio::{ExecutorJoinHandle, Latency, LocalExecutorBuilder, Placement, Shares};

use super::core_loop::{CoreLoop, Round};

/// Registered I/O memory of an executor: three rings of it fit the usual limit of 8 MiB of locked memory, for two workers.
const IO_MEMORY_BYTES: usize = 1 << 20;
const RING_DEPTH: usize = 64;
/// Rounds between two looks of the executor at its own queues.
const ROUNDS_BETWEEN_YIELDS: u32 = 256;

/// How long the workers may run before the reactor is due.
const PREEMPT: Duration = Duration::from_millis(1);
/// glommio 0.9 takes "preempted before any task ran" for "no task can run", and then sleeps for as long as no I/O ends (`run_task_queues` in its
/// executor). A thread that the system puts off for the length of the preempt timer at that point meets it, about once in 10,000 yields on a
/// busy machine. A timer that always runs bounds that sleep; until it does, at the start, the preempt timer is too long to be met.
const HEARTBEAT: Duration = Duration::from_millis(2);
const PREEMPT_AT_START: Duration = Duration::from_secs(10);

/// An executor's thread.
pub(crate) struct Thread {
    handle: ExecutorJoinHandle<()>,
}

impl Thread {
    pub(crate) fn id(&self) -> ThreadId {
        self.handle.thread().id()
    }

    pub(crate) fn join(self) {
        drop(self.handle.join());
    }
}

/// Whether this system permits io_uring to this process; containers often do not.
pub(crate) fn is_available() -> io::Result<()> {
    io_uring::IoUring::new(2).map(drop)
}

/// Starts the executor of a core, pinned to `pin` if there is one; `make` is called on it.
pub(crate) fn start(
    worker: usize,
    pin: Option<usize>,
    make: impl FnOnce() -> CoreLoop + Send + 'static,
) -> io::Result<Thread> {
    let placement = pin.map_or(Placement::Unbound, Placement::Fixed);
    let (tx, started) = mpsc::channel();
    let handle = LocalExecutorBuilder::new(placement)
        .name(&format!("thalweg-{worker}"))
        .io_memory(IO_MEMORY_BYTES)
        .ring_depth(RING_DEPTH)
        .preempt_timer(PREEMPT_AT_START)
        .spawn(move || async move {
            tx.send(()).expect("invariant: the starter waits for this");
            glommio::spawn_local(beat()).detach();
            turn_in_own_queue(make()).await;
        })
        .map_err(|error| io::Error::other(error.to_string()))?;
    // An executor that cannot be made, for want of locked memory for example, ends its thread before it says anything.
    match started.recv() {
        Ok(()) => Ok(Thread { handle }),
        Err(_) => match handle.join() {
            Err(error) => Err(io::Error::other(error.to_string())),
            Ok(()) => Err(io::Error::other("the executor ended at once")),
        },
    }
}

async fn beat() {
    loop {
        glommio::timer::sleep(HEARTBEAT).await;
    }
}

/// Turns the core's workers in a queue that is preempted after [`PREEMPT`].
async fn turn_in_own_queue(core: CoreLoop) {
    let latency = Latency::Matters(PREEMPT);
    let queue = glommio::executor().create_task_queue(Shares::default(), latency, "workers");
    glommio::spawn_local_into(turn_until_quit(core), queue)
        .expect("invariant: the queue was made above")
        .await;
}

async fn turn_until_quit(mut core: CoreLoop) {
    let mut rounds = 0;
    loop {
        match core.round() {
            Round::Busy => {}
            Round::Dry => core.rest(None),
            Round::Quit => return,
        }
        rounds += 1;
        if rounds == ROUNDS_BETWEEN_YIELDS {
            rounds = 0;
            glommio::yield_if_needed().await;
        }
    }
}
