//! Runs a harness with each of the deliberate bugs that it must find; see the feature `canary` of the engine.

use std::process::{Command, ExitCode, Stdio};

use crate::harness::{end, say};

/// By which the engine is told which bug it has.
const VARIABLE: &str = "THALWEG_CANARY";

/// True in a process that has a deliberate bug: the first violation is enough.
pub fn is_one() -> bool {
    std::env::var_os(VARIABLE).is_some()
}

/// Runs this program with `words` once for each canary; it ends well if all were heard.
pub fn prove(canaries: &[&str], words: &[&str]) -> ExitCode {
    let is_unheard = |canary: &&&str| {
        let program = std::env::current_exe().expect("a running program has a path");
        let mut command = Command::new(program);
        command.args(words).env(VARIABLE, canary).stdin(Stdio::null());
        let output = command.output().expect("a program can start itself");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let first = text.lines().next().unwrap_or_default();
        say(&format!("{canary}: {first}"));
        output.status.code() != Some(1)
    };
    let unheard = canaries.iter().filter(is_unheard).count();
    end(&format!("{} canaries, {unheard} unheard", canaries.len()), unheard == 0)
}
