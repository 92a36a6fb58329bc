//! Starts contestants, each run in a process of its own, and reads what they say.

use std::error::Error;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::laps::unix_ns;
use super::order::{Feed, Order};
use super::outcome::Outcome;
use crate::load::histogram::Percentiles;

/// Where the packages of the peers are.
const PEERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers");

/// Where programs of Rust are built.
const TARGET: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target");

/// What the JVM is told: the heap, the size of its young part as the field's own harness for Flink has it, and what Flink needs to be opened.
const JVM: [&str; 2] = ["-Xmx6g", "-XX:NewRatio=3"];

/// Packages of the runtime that Flink reaches into; its own scripts open them too.
const OPENED: [&str; 11] = [
    "java.lang",
    "java.lang.reflect",
    "java.net",
    "java.io",
    "java.nio",
    "java.text",
    "java.time",
    "java.util",
    "java.util.concurrent",
    "java.util.concurrent.atomic",
    "java.util.concurrent.locks",
];

/// Who runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Contestant {
    /// This engine.
    Thalweg,
    /// Timely dataflow, queries by hand.
    Timely,
    /// Apache Flink, queries in SQL.
    Flink,
}

impl Contestant {
    /// Whether it has the query, and can take its events that way.
    #[must_use]
    pub fn has(self, query: &str, feed: Feed, workers: usize) -> bool {
        match self {
            Self::Thalweg => feed != Feed::Lean,
            Self::Timely => {
                ["q0", "q1", "q2", "q3", "q4", "q5", "q7", "q8", "count"].contains(&query)
            }
            // Refused in streaming mode; results that depend on the clock; a file beside the events.
            Self::Flink => {
                feed != Feed::Lean && workers == 1 && !["q6", "q12", "q13"].contains(&query)
            }
        }
    }

    /// Builds its program.
    ///
    /// # Errors
    ///
    /// If the build fails.
    pub fn build(self) -> Result<(), Box<dyn Error>> {
        let mut command = match self {
            Self::Thalweg => return Ok(()),
            Self::Timely => {
                let mut command = Command::new("cargo");
                command.args(["build", "--release", "--locked", "--target-dir", TARGET]);
                command.arg("--manifest-path").arg(Path::new(PEERS).join("timely/Cargo.toml"));
                command
            }
            Self::Flink => {
                let mut command = Command::new("mvn");
                command.args(["-q", "-B", "process-classes", "-f"]);
                command.arg(Path::new(PEERS).join("flink/pom.xml"));
                command
            }
        };
        let status = command.status()?;
        if status.success() { Ok(()) } else { Err(format!("{self:?} was not built").into()) }
    }

    fn program(self) -> Result<(PathBuf, Vec<OsString>), Box<dyn Error>> {
        Ok(match self {
            Self::Thalweg => (std::env::current_exe()?, vec!["run".into()]),
            Self::Timely => (timely(), vec!["run".into()]),
            Self::Flink => ("java".into(), java()?),
        })
    }

    /// Carries out an order; on one core if `core` says which.
    ///
    /// # Errors
    ///
    /// If the program fails, or says nothing that can be read.
    pub fn run(self, order: &Order, core: Option<usize>) -> Result<Outcome, Box<dyn Error>> {
        let (program, arguments) = self.program()?;
        let mut command = match core {
            None => Command::new(program),
            Some(core) => {
                let mut command = Command::new("taskset");
                command.arg("-c").arg(core.to_string()).arg(program);
                command
            }
        };
        let order = Order { started_unix_ns: unix_ns(), ..order.clone() };
        command.args(arguments).args(order.arguments());
        let outcome: Outcome = said(&mut command, self)?;
        Ok(outcome)
    }
}

fn timely() -> PathBuf {
    Path::new(TARGET).join("release/thalweg-peer-timely")
}

fn java() -> Result<Vec<OsString>, Box<dyn Error>> {
    let classes = Path::new(PEERS).join("flink/target/classes");
    let classpath = std::fs::read_to_string(Path::new(PEERS).join("flink/target/classpath"))?;
    let mut arguments: Vec<OsString> = JVM.iter().map(OsString::from).collect();
    let opened = OPENED.map(|package| format!("--add-opens=java.base/{package}=ALL-UNNAMED"));
    arguments.extend(opened.map(OsString::from));
    arguments.push("-cp".into());
    arguments.push(format!("{}:{}", classes.display(), classpath.trim()).into());
    arguments.push("thalweg.peers.Main".into());
    Ok(arguments)
}

/// The fingerprint of the first `events` events as Flink's generator makes them.
///
/// # Errors
///
/// If it cannot be started, or says nothing that can be read.
pub fn fingerprint_of_flink(events: u64) -> Result<u64, Box<dyn Error>> {
    let mut command = Command::new("java");
    command.args(java()?).args(["fingerprint", &events.to_string()]);
    said(&mut command, Contestant::Flink)
}

/// Timely's latencies.
///
/// # Errors
///
/// If it was not built, fails, or says nothing that can be read.
pub fn timely_latency(arguments: &[String]) -> Result<Percentiles, Box<dyn Error>> {
    said(Command::new(timely()).arg("latency").args(arguments), Contestant::Timely)
}

/// The last line of what a program says, as JSON.
fn said<T: serde::de::DeserializeOwned>(
    command: &mut Command,
    who: Contestant,
) -> Result<T, Box<dyn Error>> {
    let output = command.stderr(Stdio::piped()).output();
    let output = output.map_err(|error| format!("{who:?} cannot be started: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().last().unwrap_or_default();
    serde_json::from_str(last).map_err(|_| {
        let complaint = String::from_utf8_lossy(&output.stderr);
        format!("{who:?} failed with {}: {complaint}", output.status).into()
    })
}

/// Whether the files of two results are the same.
///
/// # Errors
///
/// If they are not, or cannot be read.
pub fn compare(query: &str, ours: &Path, other: &Path) -> Result<usize, Box<dyn Error>> {
    let (ours, other) = (std::fs::read_to_string(ours)?, std::fs::read_to_string(other)?);
    if ours == other {
        return Ok(ours.lines().count());
    }
    let differs = ours.lines().zip(other.lines()).position(|(a, b)| a != b);
    let (lines, others) = (ours.lines().count(), other.lines().count());
    let place = differs.unwrap_or(lines.min(others)) + 1;
    Err(format!("{query}: {lines} lines here, {others} there, different from line {place} on")
        .into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_that_differ_are_an_error_that_says_where() {
        let folder = tempfile::tempdir().unwrap();
        let [one, other] = ["one", "other"].map(|name| folder.path().join(name));
        std::fs::write(&one, "1\n2\n").unwrap();
        std::fs::write(&other, "1\n3\n").unwrap();
        assert_eq!(compare("q0", &one, &one).unwrap(), 2);
        let error = compare("q0", &one, &other).unwrap_err();
        assert_eq!(error.to_string(), "q0: 2 lines here, 2 there, different from line 2 on");
    }

    #[test]
    fn who_has_which_query() {
        assert!(Contestant::Timely.has("q4", Feed::Lean, 2));
        assert!(!Contestant::Timely.has("q9", Feed::Made, 1));
        assert!(!Contestant::Flink.has("q6", Feed::Made, 1));
        assert!(!Contestant::Thalweg.has("q0", Feed::Lean, 1));
    }
}
