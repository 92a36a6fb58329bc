//! The noise floor: how long a core that only spins is taken away.
//!
//! A loop reads the clock and records every gap between two readings. On an undisturbed core the gap
//! is the cost of a reading; anything beyond a microsecond is the kernel, the hypervisor or another
//! program. No latency tail below this floor can be attributed to the engine, so a latency result is
//! read beside the floor of the same minutes: [`NoiseWatch`] records it on a spare core during a run.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::affinity;
use super::clock::Clock;
use super::histogram::{LatencyHistogram, readable_ns};

/// A gap from here on is an interruption. A clock reading with its recording costs 25 to 50 ns, so
/// twenty times that is certainly not our own work.
pub const INTERRUPTION_NS: u64 = 1_000;

/// What a spinning loop saw of a core.
#[derive(Debug, Clone)]
pub struct NoiseFloor {
    /// All gaps between two clock readings.
    pub gaps: LatencyHistogram,
    /// Only the gaps of at least [`INTERRUPTION_NS`].
    pub interruptions: LatencyHistogram,
    /// Sum of the interruptions: time in which the core was not ours.
    pub lost: Duration,
    /// How long the loop ran.
    pub watched: Duration,
}

impl NoiseFloor {
    /// The share of the time in which the core was not ours, 0 to 1.
    #[must_use]
    pub fn lost_share(&self) -> f64 {
        self.lost.as_secs_f64() / self.watched.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    /// Interruptions per second.
    #[must_use]
    pub fn interruptions_per_s(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a rate for people to read")]
        let count = self.interruptions.len() as f64;
        count / self.watched.as_secs_f64().max(f64::MIN_POSITIVE)
    }
}

impl fmt::Display for NoiseFloor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "gaps           {}", self.gaps.percentiles())?;
        writeln!(f, "interruptions  {}", self.interruptions.percentiles())?;
        write!(
            f,
            "lost           {:.3} % of {:.1} s, {:.0} interruptions of at least {} a second",
            self.lost_share() * 100.0,
            self.watched.as_secs_f64(),
            self.interruptions_per_s(),
            readable_ns(INTERRUPTION_NS),
        )
    }
}

/// Spins on the current core for `duration` and reports what it lost. Pin the thread first.
#[must_use]
pub fn measure(duration: Duration) -> NoiseFloor {
    let deadline_ns = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    spin_until(|now_ns| now_ns >= deadline_ns)
}

/// A noise floor being recorded on another core while something else runs.
///
/// It occupies that core wholly, so the core must be one that the run does not use; on a machine where
/// the run takes every core, measure before and after instead.
#[derive(Debug)]
pub struct NoiseWatch {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<NoiseFloor, affinity::PinError>>,
}

impl NoiseWatch {
    /// Starts to spin on the `nth` core that the process may use; on any core if `None`.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "the watch is not a worker, it is what disturbs none"
    )]
    pub fn start(nth: Option<usize>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let stop = Arc::clone(&stop);
            move || {
                nth.map_or(Ok(()), affinity::pin_current_thread)?;
                Ok(spin_until(|_| stop.load(Ordering::Relaxed)))
            }
        });
        Self { stop, thread }
    }

    /// Ends the recording.
    ///
    /// # Errors
    ///
    /// The core could not be pinned, so nothing was recorded.
    pub fn stop(self) -> Result<NoiseFloor, affinity::PinError> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("invariant: the spinning loop does not panic")
    }
}

fn spin_until(mut done: impl FnMut(u64) -> bool) -> NoiseFloor {
    let mut gaps = LatencyHistogram::new();
    let mut interruptions = LatencyHistogram::new();
    let mut lost_ns = 0;
    let clock = Clock::start();
    let mut last_ns = clock.now_ns();
    loop {
        let now_ns = clock.now_ns();
        let gap_ns = now_ns - last_ns;
        gaps.record_ns(gap_ns);
        if gap_ns >= INTERRUPTION_NS {
            interruptions.record_ns(gap_ns);
            lost_ns += gap_ns;
        }
        last_ns = now_ns;
        if done(now_ns) {
            break;
        }
    }
    NoiseFloor {
        gaps,
        interruptions,
        lost: Duration::from_nanos(lost_ns),
        watched: Duration::from_nanos(last_ns),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watch_ends_when_it_is_told_and_has_read_the_clock() {
        let floor = NoiseWatch::start(None).stop().unwrap();
        assert!(!floor.gaps.is_empty());
        assert!(floor.lost <= floor.watched);
    }

    #[test]
    fn interruptions_are_a_part_of_the_gaps() {
        let floor = measure(Duration::from_millis(2));
        assert!(floor.interruptions.len() <= floor.gaps.len());
        assert!(floor.lost_share() <= 1.0);
    }
}
