//! The time that a run did not have: what the hypervisor, and other threads, took from its own.
//!
//! Two counters of the kernel say it without a thread that watches, so they can be read beside a run that has every core. They are of
//! the same seconds as the run, where the gaps of a spinning core ([`super::noise`]) are of the seconds before.

use std::fs;
use std::path::Path;
use std::time::Duration;

/// Ticks of a second in which the kernel counts time for programs: fixed on Linux.
const TICKS_PER_S: u64 = 100;

/// What was taken between two looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Taken {
    /// By the hypervisor, over all cores of the machine; to 10 ms a core.
    pub stolen: Duration,
    /// Time in which the watched threads could have run, and another thread had their core.
    pub waited: Duration,
}

/// The counters at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Counters {
    stolen: Duration,
    waited: Duration,
}

impl Counters {
    /// Reads those of the machine, and of this process's threads whose name begins with `threads`. What cannot be read counts as zero.
    #[must_use]
    pub fn read(threads: &str) -> Self {
        let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
        let waited = waited_by(Path::new("/proc/self/task"), threads);
        Self { stolen: stolen_in(&stat), waited }
    }

    /// What was taken since; a thread that has ended meanwhile is not counted any more.
    #[must_use]
    pub fn until(self, later: Self) -> Taken {
        let stolen = later.stolen.saturating_sub(self.stolen);
        Taken { stolen, waited: later.waited.saturating_sub(self.waited) }
    }
}

/// The eighth figure of the first line, which is of all cores.
fn stolen_in(stat: &str) -> Duration {
    let figure = stat.lines().next().and_then(|line| line.split_whitespace().nth(8));
    let ticks: u64 = figure.and_then(|figure| figure.parse().ok()).unwrap_or(0);
    Duration::from_millis(ticks * (1_000 / TICKS_PER_S))
}

fn waited_by(tasks: &Path, threads: &str) -> Duration {
    let folders = fs::read_dir(tasks).into_iter().flatten().flatten().map(|entry| entry.path());
    let watched = folders.filter(|folder| {
        let name = fs::read_to_string(folder.join("comm")).unwrap_or_default();
        name.starts_with(threads)
    });
    // On the core, in the queue, how often: nanoseconds, nanoseconds, a count.
    let waited_ns = watched.filter_map(|folder| {
        let figures = fs::read_to_string(folder.join("schedstat")).ok()?;
        figures.split_whitespace().nth(1)?.parse::<u64>().ok()
    });
    Duration::from_nanos(waited_ns.sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stolen_time_is_the_eighth_figure_of_all_cores() {
        let stat = "cpu  45684 0 5988 23448 419 0 62 32 0 0\ncpu0 1 2 3 4 5 6 7 8 9 10\n";
        assert_eq!(stolen_in(stat), Duration::from_millis(320));
        assert_eq!(stolen_in("cpu 1 2 3"), Duration::ZERO);
    }

    #[test]
    fn only_threads_of_that_name_are_counted() {
        let tasks = tempfile::tempdir().unwrap();
        let threads = [("1", "thalweg-0\n", "9 40 3\n"), ("2", "thalweg-1\n", "9 2 1\n")];
        for (id, name, figures) in threads.into_iter().chain([("3", "writer\n", "9 700 1\n")]) {
            let folder = tasks.path().join(id);
            fs::create_dir(&folder).unwrap();
            fs::write(folder.join("comm"), name).unwrap();
            fs::write(folder.join("schedstat"), figures).unwrap();
        }
        assert_eq!(waited_by(tasks.path(), "thalweg-"), Duration::from_nanos(42));
        assert_eq!(waited_by(&tasks.path().join("none"), ""), Duration::ZERO);
    }

    #[test]
    fn what_was_taken_is_the_difference() {
        let at = |millis| {
            let counted = Duration::from_millis(millis);
            Counters { stolen: counted, waited: counted * 2 }
        };
        let taken = at(10).until(at(30));
        assert_eq!(taken.stolen, Duration::from_millis(20));
        assert_eq!(taken.waited, Duration::from_millis(40));
        assert_eq!(at(30).until(at(10)), Taken::default());
    }
}
