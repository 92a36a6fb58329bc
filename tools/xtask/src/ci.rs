//! The steps that decide whether a change lands, in the order of how soon they can fail.
//!
//! # Not here
//!
//! No benchmark: what depends on a quiet machine proves nothing on a busy one. Instructions can be counted on a busy one, and are.

use std::process::{Command, Stdio};
use std::time::Duration;

use crate::step::{Outcome, Step};
use crate::{root, say};

/// Add a step here and it is part of the check, of `--list` and of `cargo xtask <name>`.
const STEPS: &[Step] = &[
    Step {
        name: "format",
        proves: "diffs show what changed and nothing else",
        env: &[],
        command: "cargo fmt --all --check",
        obstacle: nothing,
    },
    Step {
        name: "clippy",
        proves: "the lints in Cargo.toml hold, in tests and benchmarks too",
        env: &[],
        command: "cargo clippy --workspace --all-targets --locked -- -D warnings",
        obstacle: nothing,
    },
    Step {
        name: "docs",
        proves: "every link in the documentation leads somewhere",
        env: &[("RUSTDOCFLAGS", "-D warnings")],
        command: "cargo doc --workspace --no-deps --locked",
        obstacle: nothing,
    },
    Step {
        name: "test",
        proves: "units, whole jobs, examples in the documentation and the rules of the house agree",
        env: &[],
        command: "cargo test --workspace --locked",
        obstacle: nothing,
    },
    Step {
        name: "mutate",
        proves: "what reads bytes from outside takes changed files of nine kinds without a panic",
        // A test that the step before has built, with checks of sums that a release has not.
        env: &[("MUTATE_INPUTS", "20000")],
        command: "cargo test --workspace --locked --bin mutate",
        obstacle: nothing,
    },
    Step {
        name: "sim",
        proves: "two thousand seeded schedules of whole jobs give what a sequential pass gives, and repeat themselves",
        env: &[],
        command: "cargo run --release --locked -p thalweg-tests --bin sim -- --seeds 2000",
        obstacle: nothing,
    },
    Step {
        name: "crash",
        proves: "a process that is killed two hundred times writes each result once",
        env: &[],
        command: "cargo run --release --locked -p thalweg-tests --bin crash -- --kills 200",
        obstacle: nothing,
    },
    Step {
        name: "nexmark-crash",
        proves: "Nexmark's queries give another engine's results though they are killed on their way",
        env: &[],
        command: "cargo run --release --locked -p thalweg-tests --bin crash -- --kills 100 --job nexmark",
        obstacle: nothing,
    },
    Step {
        name: "powercut",
        proves: "a simulated machine that loses power at any step writes each result once",
        env: &[],
        command: "cargo run --release --locked -p thalweg-tests --bin powercut -- --cuts 6000",
        obstacle: nothing,
    },
    Step {
        name: "crash-canary",
        proves: "the harness of kills finds each bug that is there on purpose",
        env: &[],
        command: "cargo run --release --locked -p thalweg-tests --features canary --bin crash -- --canaries 1",
        obstacle: nothing,
    },
    Step {
        name: "power-canary",
        proves: "the harness of power cuts does, too",
        env: &[],
        command: "cargo run --release --locked -p thalweg-tests --features canary --bin powercut -- --canaries 1",
        obstacle: nothing,
    },
    Step {
        name: "powerrig",
        proves: "a real file system whose power goes two hundred times has each result once",
        env: &[],
        command: "cargo run --release --locked -p thalweg-tests --bin powerrig -- --cycles 200",
        obstacle: no_disk_can_be_made,
    },
    Step {
        name: "rig-canary",
        proves: "the harness of the real file system finds its bugs, too",
        env: &[],
        command: "cargo run --release --locked -p thalweg-tests --features canary --bin powerrig -- --canaries 1",
        obstacle: no_disk_can_be_made,
    },
    Step {
        name: "job",
        proves: "the README's job runs on the data that comes with it",
        env: &[],
        command: "cargo run --release --locked -p thalweg --example departures",
        obstacle: nothing,
    },
    Step {
        name: "guard",
        proves: "no hop of a record takes over 5 % more instructions than it did",
        env: &[],
        command: "cargo run --release --locked -p thalweg-bench --bin guard",
        obstacle: valgrind_is_missing,
    },
    Step {
        name: "loom",
        proves: "no interleaving of two cores breaks a ring or loses a wake-up",
        env: &[("RUSTFLAGS", "--cfg loom")],
        // A target folder of its own: the flag would otherwise rebuild everything, twice a run.
        command: "cargo test -p thalweg --lib --release --locked --target-dir target/loom raw::",
        obstacle: raw_is_missing,
    },
    Step {
        name: "miri",
        proves: "the unsafe code has no undefined behaviour on the paths its tests take",
        // Property tests ask for the working directory, which miri's isolation refuses; relative pointers reach outside
        // of the reference they are read through, which the older model, stacked borrows, allows no archive.
        env: &[("MIRIFLAGS", "-Zmiri-disable-isolation -Zmiri-tree-borrows")],
        command: "cargo +nightly miri test -p thalweg --lib --locked raw::",
        obstacle: miri_is_missing,
    },
];

/// Runs every step; `false` at the first that fails.
pub(crate) fn run() -> bool {
    let mut summary = Vec::new();
    let mut total = Duration::ZERO;
    for (index, step) in STEPS.iter().enumerate() {
        say(&format!("\n== {}/{} {}: {}", index + 1, STEPS.len(), step.name, step.proves));
        say(&format!("   {}", step.typed()));
        let outcome = step.run(root());
        let line = line(step, &outcome);
        say(&line);
        summary.push(line);
        match outcome {
            Outcome::Passed(took) => total += took,
            Outcome::Failed(_) => return false,
            Outcome::Skipped(_) => {}
        }
    }
    say(&format!("\n{}\nall in {:.1} s", summary.join("\n"), total.as_secs_f64()));
    true
}

/// Runs the step called `name`; a step that cannot run here has not passed.
pub(crate) fn run_one(name: &str) -> bool {
    let Some(step) = step(name) else { return false };
    let outcome = step.run(root());
    say(&line(step, &outcome));
    matches!(outcome, Outcome::Passed(_))
}

/// Prints the table.
pub(crate) fn list() -> bool {
    for step in STEPS {
        say(&format!("{:<8} proves that {}\n         {}", step.name, step.proves, step.typed()));
    }
    true
}

/// The step called `name`.
pub(crate) fn step(name: &str) -> Option<&'static Step> {
    STEPS.iter().find(|step| step.name == name)
}

fn line(step: &Step, outcome: &Outcome) -> String {
    let Step { name, proves, .. } = step;
    match outcome {
        Outcome::Passed(took) => {
            format!("{name:<8} passed  {:>6.1} s  {proves}", took.as_secs_f64())
        }
        Outcome::Failed(took) => {
            format!("{name:<8} FAILED  {:>6.1} s  again: cargo xtask {name}", took.as_secs_f64())
        }
        Outcome::Skipped(why) => format!("{name:<8} SKIPPED           {why}"),
    }
}

fn nothing() -> Option<&'static str> {
    None
}

/// A filter that matches no test passes; so a step must know that there is something to match.
fn raw_is_missing() -> Option<&'static str> {
    (!root().join("core/src/raw").is_dir()).then_some("there is no core/src/raw")
}

fn valgrind_is_missing() -> Option<&'static str> {
    let mut command = Command::new("valgrind");
    let command = command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    let is_there = command.status().is_ok_and(|status| status.success());
    (!is_there).then_some("no valgrind; `apt-get install valgrind`")
}

/// The power rig makes a disk of its own, and mounts it where nobody else sees it.
fn no_disk_can_be_made() -> Option<&'static str> {
    let opens = |path| std::fs::File::options().read(true).write(true).open(path).is_ok();
    let runs = |program: &str, arguments: &[&str]| {
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new(program);
        let command = command.args(arguments).env("PATH", format!("{path}:/usr/sbin:/sbin"));
        let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    };
    if !opens("/dev/fuse") {
        return Some("/dev/fuse cannot be opened");
    }
    if !opens("/dev/loop-control") {
        return Some("there are no loop devices");
    }
    if !runs("unshare", &["--mount", "--propagation", "private", "true"]) {
        return Some("no mounts of one's own; root may have them");
    }
    let is_there = runs("mkfs.ext4", &["-V"]) && runs("mount", &["--version"]);
    (!is_there).then_some("no mkfs.ext4 or no mount; `apt-get install e2fsprogs mount`")
}

fn miri_is_missing() -> Option<&'static str> {
    let installed = Command::new("cargo")
        .args(["+nightly", "miri", "--version"])
        // To ask must not be to install.
        .env("RUSTUP_AUTO_INSTALL", "0")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !installed {
        return Some("no nightly with miri; `rustup toolchain install nightly -c miri,rust-src`");
    }
    raw_is_missing()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_steps_are_commands_and_so_differ() {
        for (index, step) in STEPS.iter().enumerate() {
            assert!(!["ci", "tidy", "check-time"].contains(&step.name));
            assert!(STEPS[..index].iter().all(|other| other.name != step.name));
        }
    }
}
