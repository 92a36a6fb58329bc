//! One step of the check: a command, what it proves, and what it needs to be there.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// A command that proves something by succeeding.
#[derive(Debug)]
pub(crate) struct Step {
    /// What failure reports are headed with, and what `cargo xtask <name>` runs.
    pub(crate) name: &'static str,
    /// What is known once the step has passed; completes "proves that …".
    pub(crate) proves: &'static str,
    /// Environment for this command alone.
    pub(crate) env: &'static [(&'static str, &'static str)],
    /// The words of the command, separated by single spaces; no shell reads them.
    pub(crate) command: &'static str,
    /// Why the step cannot run here, if so; it is then passed over with a line that says it.
    pub(crate) obstacle: fn() -> Option<&'static str>,
}

/// What became of a step.
#[derive(Debug, PartialEq)]
pub(crate) enum Outcome {
    /// The command succeeded.
    Passed(Duration),
    /// The command failed, or could not be started.
    Failed(Duration),
    /// The command was not run.
    Skipped(&'static str),
}

impl Step {
    /// Runs the step in `folder`; the command prints for itself.
    pub(crate) fn run(&self, folder: &Path) -> Outcome {
        if let Some(obstacle) = (self.obstacle)() {
            return Outcome::Skipped(obstacle);
        }
        #[expect(clippy::disallowed_methods, reason = "these seconds are for a human reader")]
        let start = Instant::now();
        let mut words = self.command.split(' ');
        let program = words.next().expect("invariant: `split` yields at least one word");
        let status = Command::new(program)
            .args(words)
            .envs(self.env.iter().copied())
            .current_dir(folder)
            .status();
        if let Err(error) = &status {
            crate::say(&format!("cannot start `{program}`: {error}"));
        }
        match status {
            Ok(status) if status.success() => Outcome::Passed(start.elapsed()),
            _ => Outcome::Failed(start.elapsed()),
        }
    }

    /// The command as one would type it.
    pub(crate) fn typed(&self) -> String {
        let env: String =
            self.env.iter().map(|(name, value)| format!("{name}=\"{value}\" ")).collect();
        env + self.command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(command: &'static str, obstacle: fn() -> Option<&'static str>) -> Step {
        Step { name: "", proves: "", env: &[("A", "b c")], command, obstacle }
    }

    #[test]
    fn outcome_is_that_of_the_command() {
        let here = Path::new(".");
        assert!(matches!(step("true", || None).run(here), Outcome::Passed(_)));
        assert!(matches!(step("false", || None).run(here), Outcome::Failed(_)));
        assert!(matches!(step("no-such-program", || None).run(here), Outcome::Failed(_)));
    }

    #[test]
    fn obstacle_keeps_the_command_from_running() {
        let outcome = step("false", || Some("no nightly")).run(Path::new("."));
        assert_eq!(outcome, Outcome::Skipped("no nightly"));
    }

    #[test]
    fn printed_command_can_be_pasted_into_a_shell() {
        assert_eq!(step("true x", || None).typed(), "A=\"b c\" true x");
    }
}
