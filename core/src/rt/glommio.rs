//! The glommio driver: an executor for each worker, and in it one long-lived task that turns the worker.
//!
//! Records never touch a waker or a task: glommio gives the pinned thread and the executor, whose reactor has a turn now and then. A worker that
//! has nothing to do blocks its executor, which has nothing else to do either: sources and sinks use the system's files, not yet glommio's.
//!
//! # Not here
//!
//! None of glommio's channels (a record takes 7 us and more through them) and none of its timers, but for one that keeps it awake.

use std::io;
use std::time::Duration;

use glommio::{ExecutorJoinHandle, Latency, LocalExecutorBuilder, Placement, Shares};

use super::driver::{Loop, Next, Seat, Shared, guarded, system_files};
use crate::error::{JobError, Result};
use crate::runtime::worker::WorkerEnd;

/// Registered I/O memory of an executor: three rings of it fit the usual limit of 8 MiB of locked memory, for two workers.
const IO_MEMORY_BYTES: usize = 1 << 20;
const RING_DEPTH: usize = 64;
/// Turns between two looks of the executor at its own queues.
const TURNS_BETWEEN_YIELDS: u32 = 256;

/// How long the worker may run before the reactor is due.
const PREEMPT: Duration = Duration::from_millis(1);
/// glommio 0.9 takes "preempted before any task ran" for "no task can run", and then sleeps for as long as no I/O ends (`run_task_queues` in its
/// executor). A thread that the system puts off for the length of the preempt timer at that point meets it, about once in 10,000 yields on a
/// busy machine. A timer that always runs bounds that sleep; until it does, at the start, the preempt timer is too long to be met.
const HEARTBEAT: Duration = Duration::from_millis(2);
const PREEMPT_AT_START: Duration = Duration::from_secs(10);

/// An executor's thread.
pub(crate) struct Thread {
    handle: ExecutorJoinHandle<Option<WorkerEnd>>,
    ended: std::sync::Arc<std::sync::atomic::AtomicBool>,
}

impl Thread {
    pub(crate) fn is_finished(&self) -> bool {
        self.ended.load(std::sync::atomic::Ordering::Acquire)
    }

    pub(crate) fn join(self) -> Option<WorkerEnd> {
        self.handle.join().ok().flatten()
    }
}

/// Whether this system permits io_uring to this process; containers often do not.
pub(crate) fn is_available() -> io::Result<()> {
    io_uring::IoUring::new(2).map(drop)
}

/// Starts the executor of one seat, pinned to `core` if there is one.
pub(crate) fn start(shared: &Shared, seat: Seat, core: Option<usize>) -> io::Result<Thread> {
    let placement = core.map_or(Placement::Unbound, Placement::Fixed);
    let shared = shared.clone();
    let ended = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let flag = std::sync::Arc::clone(&ended);
    let handle = LocalExecutorBuilder::new(placement)
        .name(&format!("thalweg-{}", seat.worker))
        .io_memory(IO_MEMORY_BYTES)
        .ring_depth(RING_DEPTH)
        .preempt_timer(PREEMPT_AT_START)
        .spawn(move || async move {
            glommio::spawn_local(beat()).detach();
            let end = turn_in_own_queue(seat, shared.clone()).await;
            flag.store(true, std::sync::atomic::Ordering::Release);
            end.map_err(|error: JobError| shared.fail(error)).ok()
        })
        .map_err(|error| io::Error::other(error.to_string()))?;
    Ok(Thread { handle, ended })
}

async fn beat() {
    loop {
        glommio::timer::sleep(HEARTBEAT).await;
    }
}

/// Turns the worker in a queue that is preempted after [`PREEMPT`].
async fn turn_in_own_queue(seat: Seat, shared: Shared) -> Result<WorkerEnd> {
    let latency = Latency::Matters(PREEMPT);
    let queue = glommio::executor().create_task_queue(Shares::default(), latency, "worker");
    glommio::spawn_local_into(turn_until_end(seat, shared), queue)
        .expect("invariant: the queue was made above")
        .await
}

async fn turn_until_end(seat: Seat, shared: Shared) -> Result<WorkerEnd> {
    let worker = seat.worker;
    let mut turning = guarded(worker, || Loop::new(seat, shared, system_files()))?;
    let mut turns = 0;
    while guarded(worker, || turning.turn(true))? == Next::Again {
        turns += 1;
        if turns == TURNS_BETWEEN_YIELDS {
            turns = 0;
            glommio::yield_if_needed().await;
        }
    }
    Ok(turning.end())
}
