//! Rounds: a job from its fresh start to its end, through as many kills as come.

use std::fs;
use std::path::Path;
use std::process::{Child as Process, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use thalweg_tests::canaries;

use crate::arguments::{Arguments, Child};
use crate::jobs::{self, Job};
use thalweg_tests::dice::Dice;
use thalweg_tests::harness::say;

/// A child that takes so long hangs: many times what any needs.
const PATIENCE: Duration = Duration::from_secs(60);
/// A round that was killed so often without coming to an end makes no progress.
const MOST_KILLS: u64 = 400;

/// What a round came to.
struct Round {
    kills: u64,
    violation: Option<String>,
}

/// Runs rounds until there were enough kills; returns how many, and how many violations there were.
pub(crate) fn run(arguments: &Arguments) -> (u64, u64) {
    let mut dice = Dice::new(arguments.seed ^ 0x1f83_d9ab_fb41_bd6b);
    let (mut kills, mut violations, mut number) = (0, 0, 0);
    let wanted =
        |job: &&Job| arguments.job.as_deref().map_or(!job.by_name, |name| name == job.name);
    let wanted: Vec<_> = jobs::ALL.iter().filter(wanted).collect();
    loop {
        for job in &wanted {
            let is_enough = number >= wanted.len() && kills >= arguments.kills;
            if is_enough || (violations > 0 && canaries::is_one()) {
                return (kills, violations);
            }
            let left = arguments.kills - kills;
            let round = round(job, left, arguments.seed + number as u64, &mut dice);
            kills += round.kills;
            number += 1;
            if let Some(violation) = round.violation {
                violations += 1;
                say(&format!("round {number} of job {}: {violation}", job.name));
                say(&format!(
                    "  again: --bin crash -- --kills {} --seed {}",
                    arguments.kills, arguments.seed
                ));
            }
        }
    }
}

/// One job, killed `most` times at most.
fn round(job: &Job, most: u64, seed: u64, dice: &mut Dice) -> Round {
    let folder = std::env::temp_dir().join(format!("thalweg-crash-{}", std::process::id()));
    drop(fs::remove_dir_all(&folder));
    let (mut kills, began) = (0, Instant::now());
    let mut how = Vec::new();
    let result = loop {
        let child = Child {
            job: job.name.to_owned(),
            folder: folder.clone(),
            workers: usize::try_from(dice.between(1, 3)).expect("few"),
            interval_ms: dice.between(10, 50),
            seed,
        };
        let may_kill = kills < most;
        let after = Duration::from_micros(dice.log_between(500, 150_000));
        match attempt(&child, may_kill.then_some(after)) {
            Ok(true) => break (job.check)(&child),
            Ok(false) => {
                kills += 1;
                how.push(format!("{after:.1?} x{}", child.workers));
            }
            Err(violation) => break Err(violation),
        }
        if kills > MOST_KILLS || began.elapsed() > 4 * PATIENCE {
            break Err("it makes no progress".to_owned());
        }
    };
    let violation =
        result.err().map(|violation| format!("{violation} (kills: {})", how.join(", ")));
    match &violation {
        None => drop(fs::remove_dir_all(&folder)),
        Some(_) => keep(&folder, seed),
    }
    Round { kills, violation }
}

/// What a violation has left is for who looks into it.
fn keep(folder: &Path, seed: u64) {
    let kept = folder.with_file_name(format!("thalweg-crash-{seed}-kept"));
    drop(fs::remove_dir_all(&kept));
    if fs::rename(folder, &kept).is_ok() {
        say(&format!("  files are in {}", kept.display()));
    }
}

/// Runs a child, and kills it after a while; true if it was through before.
fn attempt(child: &Child, kill_after: Option<Duration>) -> Result<bool, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut process = Command::new(program)
        .args(child.words())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("a child cannot be started: {error}"))?;
    let status = match kill_after {
        None => wait(&mut process, PATIENCE)?,
        Some(after) => match wait_until(&mut process, Instant::now() + after)? {
            Some(status) => status,
            None => {
                process.kill().map_err(|error| error.to_string())?;
                process.wait().map_err(|error| error.to_string())?
            }
        },
    };
    match status.code() {
        Some(0) => Ok(true),
        None if kill_after.is_some() => Ok(false),
        _ => {
            let output = process.wait_with_output().map(|output| output.stdout);
            let said = String::from_utf8_lossy(&output.unwrap_or_default()).trim().to_owned();
            Err(format!("the child ended with {status}: {said}"))
        }
    }
}

fn wait(process: &mut Process, patience: Duration) -> Result<ExitStatus, String> {
    if let Some(status) = wait_until(process, Instant::now() + patience)? {
        return Ok(status);
    }
    drop(process.kill());
    Err(format!("the child hangs: it did not end within {patience:?}"))
}

fn wait_until(process: &mut Process, until: Instant) -> Result<Option<ExitStatus>, String> {
    loop {
        if let Some(status) = process.try_wait().map_err(|error| error.to_string())? {
            return Ok(Some(status));
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(None);
        }
        thread::sleep(left.min(Duration::from_millis(1)));
    }
}
