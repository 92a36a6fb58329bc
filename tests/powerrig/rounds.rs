//! Rounds: the job from its fresh start to its end, through as many cuts as come.

use std::process::{Child as Process, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use thalweg_tests::canaries;
use thalweg_tests::dice::Dice;
use thalweg_tests::harness::say;

use crate::arguments::{Arguments, Child};
use crate::child;
use crate::machine::Machine;
use crate::volume::{Blocks, Lost};

/// A child that takes so long hangs: many times what it needs.
const PATIENCE: Duration = Duration::from_secs(60);
/// A round that was cut so often without coming to an end makes no progress.
const MOST_CUTS: u64 = 300;

/// When the power goes.
#[derive(Debug, Clone, Copy)]
enum Cut {
    /// Behind so many writes and flushes of the disk.
    Operations(u64),
    After(Duration),
    /// When the job is through.
    AtTheEnd,
}

impl Cut {
    fn drawn(dice: &mut Dice) -> Self {
        match dice.below(4) {
            0 => Self::After(Duration::from_micros(dice.log_between(1_000, 300_000))),
            _ => Self::Operations(dice.log_between(1, 1_500)),
        }
    }
}

/// Runs rounds until there were enough cuts; returns how many, and how many violations there were.
pub(crate) fn run(arguments: &Arguments, machine: &mut Machine) -> (u64, u64) {
    let mut dice = Dice::new(arguments.seed ^ 0x510e_527f_ade6_82d1);
    let (mut cycles, mut violations, mut number) = (0, 0, 0);
    let mut lost = Lost::default();
    while cycles < arguments.cycles && (violations == 0 || !canaries::is_one()) {
        let (mut cuts, left) = (Vec::new(), arguments.cycles - cycles);
        let seed = arguments.seed + number;
        number += 1;
        if let Err(violation) = round((&mut *machine, &mut lost), seed, left, &mut dice, &mut cuts)
        {
            violations += 1;
            say(&format!("round {number}: {violation} (cuts: {cuts:?})"));
            let (cycles, seed) = (arguments.cycles, arguments.seed);
            say(&format!("  again: --bin powerrig -- --cycles {cycles} --seed {seed}"));
        }
        // One that has failed before its first cut counts, or this would not end.
        cycles += cuts.len().max(1) as u64;
    }
    let Lost { writes, whole, torn } = lost;
    say(&format!(
        "{number} jobs; {writes} writes were not flushed when the power went: {whole} were there all the same, {torn} in part"
    ));
    (cycles, violations)
}

/// One job, cut `most` times at most.
fn round(
    (machine, lost): (&mut Machine, &mut Lost),
    seed: u64,
    most: u64,
    dice: &mut Dice,
    cuts: &mut Vec<Cut>,
) -> Result<(), String> {
    let mut blocks = machine.fresh();
    loop {
        let child = Child {
            folder: machine.disk().join("job"),
            workers: usize::try_from(dice.between(1, 3)).expect("few"),
            interval_ms: dice.between(10, 50),
            seed,
        };
        let may_cut = cuts.len() as u64 + 1 < most.min(MOST_CUTS);
        let cut = if may_cut { Cut::drawn(dice) } else { Cut::AtTheEnd };
        cuts.push(cut);
        machine.boot(blocks)?;
        let attempt = attempt(machine, &child, cut, dice);
        lost.add(machine.lost());
        machine.shut_down()?;
        let is_through;
        (blocks, is_through) = attempt?;
        if is_through {
            machine.boot(blocks)?;
            let checked = child::check(&child);
            machine.shut_down()?;
            return checked;
        }
    }
}

/// Runs a child until the power goes; gives what is on the disk then, and whether the job was through before.
fn attempt(
    machine: &Machine,
    child: &Child,
    cut: Cut,
    dice: &mut Dice,
) -> Result<(Blocks, bool), String> {
    let own = Dice::new(dice.next());
    if let Cut::Operations(operations) = cut {
        machine.cut_after(operations, own);
    }
    let mut process = start(child)?;
    let (began, most) =
        (Instant::now(), if let Cut::After(after) = cut { after } else { PATIENCE });
    let status = loop {
        let status = process.try_wait().map_err(|error| error.to_string())?;
        let left = most.saturating_sub(began.elapsed());
        if status.is_some() || machine.is_cut() || left.is_zero() {
            break status;
        }
        machine.wait(left.min(Duration::from_millis(1)));
    };
    let was_cut = machine.is_cut();
    let blocks = machine.cut(dice);
    let Some(status) = status else {
        end(&mut process)?;
        return match cut {
            Cut::After(_) => Ok((blocks, false)),
            _ if was_cut => Ok((blocks, false)),
            _ => Err(format!("the child hangs: it did not end within {PATIENCE:?}")),
        };
    };
    match status.code() {
        Some(0) => Ok((blocks, !was_cut)),
        _ => Err(format!("the child ended with {status}: {}", said(process))),
    }
}

fn start(child: &Child) -> Result<Process, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new(program);
    command.args(child.words()).stdin(Stdio::null()).stdout(Stdio::piped());
    command.spawn().map_err(|error| format!("a child cannot be started: {error}"))
}

/// Kills a child.
fn end(process: &mut Process) -> Result<ExitStatus, String> {
    process.kill().map_err(|error| error.to_string())?;
    process.wait().map_err(|error| error.to_string())
}

fn said(process: Process) -> String {
    let output = process.wait_with_output().map(|output| output.stdout);
    String::from_utf8_lossy(&output.unwrap_or_default()).trim().to_owned()
}
