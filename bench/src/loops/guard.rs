//! Instructions that a record costs in each hop, counted by valgrind, and the baseline that they are held against.
//!
//! A count depends on no other program and on no clock, so it says on a busy machine what a time says on a quiet one; not on misses and stalls, which is why there are
//! benchmarks too. A hop is run for some records and for twice as many, each in a process of its own with an empty environment: the difference is the records' alone.
//!
//! # Not here
//!
//! No comparison between machines that valgrind shows as different: the C library and some crates choose their instructions by what they find.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::{fs, io};

use super::{ALL, Hop};

/// Of how much more than in the baseline is too much, in hundredths.
pub const TOLERANCE: u64 = 5;

/// What was counted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counts {
    /// What the counts depend on besides the program.
    pub machine: String,
    /// Of each hop, hundredths of instructions a record.
    pub hundredths: BTreeMap<String, u64>,
}

/// How a hop compares with the baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Within the tolerance.
    Same,
    /// More than that.
    Worse,
    /// Less than that: the baseline guards it no more.
    Better,
    /// The baseline does not have it.
    New,
}

/// Why nothing could be counted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GuardError {
    /// It is not installed, say.
    #[error("valgrind cannot be started")]
    Valgrind(#[source] io::Error),
    /// It, or the program under it, has failed.
    #[error("{name} was not counted; valgrind said:\n{said}")]
    NotCounted {
        /// The hop.
        name: &'static str,
        /// What was printed.
        said: String,
    },
    /// The baseline cannot be read or written.
    #[error("the baseline")]
    File(#[from] io::Error),
    /// A line of the baseline is none.
    #[error("line {0:?} of the baseline is not a name and a number")]
    Line(String),
}

/// As valgrind shows the machine to a program, and valgrind itself.
///
/// # Errors
///
/// If valgrind cannot be started.
pub fn machine() -> Result<String, GuardError> {
    let version = Command::new("valgrind").arg("--version").output();
    let version = version.map_err(GuardError::Valgrind)?.stdout;
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let flags = cpu.lines().find(|line| line.starts_with("flags")).unwrap_or_default();
    let widest = ["avx2", "avx"].into_iter().find(|flag| flags.split(' ').any(|has| has == *flag));
    let version = String::from_utf8_lossy(&version).trim().to_owned();
    Ok(format!("{version} {} {}", std::env::consts::ARCH, widest.unwrap_or("sse")))
}

/// Counts one hop: `program` is run with `--hop NAME --records N`.
///
/// # Errors
///
/// If it cannot be counted.
pub fn count(program: &Path, hop: &Hop) -> Result<u64, GuardError> {
    let [once, twice] = [hop.records, 2 * hop.records].map(|records| all(program, hop, records));
    Ok((twice? - once?) * 100 / hop.records)
}

/// All instructions of a run.
fn all(program: &Path, hop: &Hop, records: u64) -> Result<u64, GuardError> {
    let output = Command::new("valgrind")
        .args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"])
        .arg(program)
        .args(["--hop", hop.name, "--records", &records.to_string()])
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .output()
        .map_err(GuardError::Valgrind)?;
    let said = String::from_utf8_lossy(&output.stderr);
    let counted = said.lines().find_map(instructions).filter(|_| output.status.success());
    counted.ok_or_else(|| GuardError::NotCounted { name: hop.name, said: said.into_owned() })
}

/// The number in `==7== I   refs:      12,345`.
fn instructions(line: &str) -> Option<u64> {
    let (what, number) = line.split_once("refs:")?;
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    digits.parse().ok().filter(|_| what.trim_end().ends_with('I'))
}

/// Counts all hops.
///
/// # Errors
///
/// If one cannot be counted.
pub fn count_all(program: &Path) -> Result<Counts, GuardError> {
    let count = |hop: &Hop| Ok((hop.name.to_owned(), count(program, hop)?));
    let hundredths = ALL.iter().map(count).collect::<Result<_, GuardError>>()?;
    Ok(Counts { machine: machine()?, hundredths })
}

impl Counts {
    /// Reads a baseline.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn read(path: &Path) -> Result<Self, GuardError> {
        Self::parse(&fs::read_to_string(path)?)
    }

    fn parse(text: &str) -> Result<Self, GuardError> {
        let mut counts = Self::default();
        for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
            let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
            if name == "machine" {
                rest.trim().clone_into(&mut counts.machine);
                continue;
            }
            let number = rest.trim().split_once('.').and_then(|(whole, hundredths)| {
                Some(whole.parse::<u64>().ok()? * 100 + hundredths.parse::<u64>().ok()?)
            });
            let number = number.ok_or_else(|| GuardError::Line(line.to_owned()))?;
            counts.hundredths.insert(name.to_owned(), number);
        }
        Ok(counts)
    }

    /// As a baseline is written.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text =
            "# Instructions a record; see the section on micro-benchmarks in bench/README.md.\n"
                .to_owned();
        let _ = writeln!(text, "machine {}", self.machine);
        for (name, number) in &self.hundredths {
            let _ = writeln!(text, "{name:<13} {:>7}.{:02}", number / 100, number % 100);
        }
        text
    }

    /// How a hop compares with what it was.
    #[must_use]
    pub fn verdict(&self, name: &str, now: u64) -> Verdict {
        match self.hundredths.get(name) {
            None => Verdict::New,
            Some(was) if now * 100 > was * (100 + TOLERANCE) => Verdict::Worse,
            Some(was) if now * 100 < was * (100 - TOLERANCE) => Verdict::Better,
            Some(_) => Verdict::Same,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_valgrind_says_of_instructions_is_read_and_nothing_else() {
        assert_eq!(instructions("==7== I   refs:      1,234,567"), Some(1_234_567));
        assert_eq!(instructions("==7== D   refs:      1,234,567  (9 rd)"), None);
        assert_eq!(instructions("==7== Command: refs"), None);
    }

    #[test]
    fn a_baseline_is_read_as_it_was_written() {
        let hundredths = [("chain".to_owned(), 1_205), ("decode-json".to_owned(), 123_450)];
        let counts =
            Counts { machine: "valgrind-3.19.0 x86_64 avx2".into(), hundredths: hundredths.into() };
        assert_eq!(Counts::parse(&counts.text()).unwrap(), counts);
        let error = Counts::parse("chain twelve\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            "line \"chain twelve\" of the baseline is not a name and a number"
        );
    }

    #[test]
    fn five_hundredths_more_are_not_too_much_and_anything_above_is() {
        let counts =
            Counts { hundredths: [("chain".to_owned(), 10_000)].into(), ..Counts::default() };
        let verdict = |now| counts.verdict("chain", now);
        assert_eq!((verdict(10_500), verdict(10_501)), (Verdict::Same, Verdict::Worse));
        assert_eq!((verdict(9_500), verdict(9_499)), (Verdict::Same, Verdict::Better));
        assert_eq!(counts.verdict("ring", 1), Verdict::New);
    }
}
