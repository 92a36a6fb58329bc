//! The machine and the commit that a result belongs to.
//!
//! Everything is read from `/proc`, `/sys` and `git`, and what cannot be read is `None`: a result from
//! a container without `/sys` is still a result.

use std::fmt;
use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};

/// What a figure depends on besides the program; written into every saved result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// As the CPU names itself.
    pub cpu_model: Option<String>,
    /// Cores that this process may use.
    pub cores: usize,
    /// Bytes of memory in the machine.
    pub memory_bytes: Option<u64>,
    /// Release of the kernel.
    pub kernel: Option<String>,
    /// Frequency governor of the first core; none in most virtual machines.
    pub governor: Option<String>,
    /// Where the kernel takes its time from; anything but `tsc` makes every clock reading dear.
    pub clock_source: Option<String>,
    /// Soft limit of lockable memory: bytes, or `unlimited`.
    pub memlock: Option<String>,
    /// Transparent huge pages: `always`, `madvise` or `never`.
    pub transparent_huge_pages: Option<String>,
    /// The commit that was built, with `+changes` if the work tree differs from it.
    pub commit: Option<String>,
}

impl Machine {
    /// Reads all of it; starts `git` twice, so call it before or after a run, never during one.
    #[must_use]
    pub fn read() -> Self {
        Self {
            cpu_model: field_of("/proc/cpuinfo", "model name"),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_bytes: field_of("/proc/meminfo", "MemTotal").as_deref().and_then(bytes_of_kib),
            kernel: line_of("/proc/sys/kernel/osrelease"),
            governor: line_of("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
            clock_source: line_of(
                "/sys/devices/system/clocksource/clocksource0/current_clocksource",
            ),
            memlock: text_of("/proc/self/limits").as_deref().and_then(soft_memlock),
            transparent_huge_pages: line_of("/sys/kernel/mm/transparent_hugepage/enabled")
                .as_deref()
                .and_then(bracketed),
            commit: commit(),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = |value: &Option<String>| value.clone().unwrap_or_else(|| "unknown".into());
        let memory =
            self.memory_bytes.map_or("unknown".into(), |bytes| format!("{} MiB", bytes >> 20));
        writeln!(f, "cpu          {}, {} cores, {memory}", known(&self.cpu_model), self.cores)?;
        writeln!(f, "kernel       {}, clock {}", known(&self.kernel), known(&self.clock_source))?;
        writeln!(f, "governor     {}", known(&self.governor))?;
        writeln!(f, "memlock      {}", known(&self.memlock))?;
        writeln!(f, "huge pages   {}", known(&self.transparent_huge_pages))?;
        write!(f, "commit       {}", known(&self.commit))
    }
}

fn text_of(path: impl AsRef<Path>) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

fn line_of(path: &str) -> Option<String> {
    text_of(path).map(|text| text.trim().to_owned()).filter(|line| !line.is_empty())
}

/// The value of the first `name : value` line.
fn field_of(path: &str, name: &str) -> Option<String> {
    let text = text_of(path)?;
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim().to_owned())
    })
}

fn bytes_of_kib(value: &str) -> Option<u64> {
    let kib: u64 = value.strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// `Max locked memory         8388608              8388608              bytes`: the first figure.
fn soft_memlock(limits: &str) -> Option<String> {
    let values = limits.lines().find_map(|line| line.strip_prefix("Max locked memory"))?;
    values.split_whitespace().next().map(str::to_owned)
}

/// `always [madvise] never`: the chosen one stands in brackets.
fn bracketed(choices: &str) -> Option<String> {
    let (_, from) = choices.split_once('[')?;
    from.split_once(']').map(|(chosen, _)| chosen.to_owned())
}

fn commit() -> Option<String> {
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    let clean = git(&["status", "--porcelain", "--untracked-files=no"])?.is_empty();
    Some(if clean { commit } else { commit + "+changes" })
}

fn git(arguments: &[&str]) -> Option<String> {
    let folder = env!("CARGO_MANIFEST_DIR");
    let output = Command::new("git").arg("-C").arg(folder).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chosen_huge_page_mode_is_the_one_in_brackets() {
        assert_eq!(bracketed("always [madvise] never").as_deref(), Some("madvise"));
        assert_eq!(bracketed("always"), None);
    }

    #[test]
    fn memlock_is_the_soft_limit() {
        let limits =
            "Limit   Soft Limit  Hard Limit  Units\nMax locked memory  8192  unlimited  bytes\n";
        assert_eq!(soft_memlock(limits).as_deref(), Some("8192"));
    }

    #[test]
    fn memory_is_turned_from_kibibytes_into_bytes() {
        assert_eq!(bytes_of_kib("24 kB"), Some(24_576));
    }

    #[test]
    fn this_machine_has_a_core_and_can_be_shown() {
        let machine = Machine::read();
        assert!(machine.cores > 0);
        assert!(machine.to_string().contains("kernel"));
    }
}
