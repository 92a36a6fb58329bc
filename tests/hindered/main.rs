//! Checkpoints that are complete though something is in their way: standard output that nobody reads, a million timers that are due at once; and one that cannot be, since its
//! directory is gone.

mod disk;
mod standard;
mod timers;

use std::time::{Duration, Instant};

use thalweg::control::JobHandle;

/// Waits until two more checkpoints are complete: the second was begun when whatever is in the way was there.
#[expect(clippy::disallowed_methods, reason = "a checkpoint takes real time")]
fn two_more(job: &JobHandle) {
    let completed = || job.snapshot().checkpoints.completed;
    let (before, began) = (completed(), Instant::now());
    while completed() < before + 2 {
        assert!(began.elapsed() < Duration::from_secs(60), "no checkpoint is complete");
        std::thread::sleep(Duration::from_millis(1));
    }
}
