//! Cuts the power of a file system that is real, under a job that is real, and compares what is written when it is through.
//!
//! ```text
//! cargo run --release -p thalweg-tests --bin powerrig -- --cycles 200 [--seed S]
//! ```
//!
//! A [`volume`] in memory forgets what was not flushed. It is seen as a file, by [FUSE](shelf); the file as a disk, by a loop device; on the disk is ext4, made and mounted by the [`machine`]. The
//! program starts itself as a child that runs a job on it, with io_uring, checkpoints every 10 to 50 ms and files written exactly once. At a write or a flush of the disk, or an instant, drawn
//! from the seed the power goes: of what was written and not flushed nothing is left, or all of it, or some sectors. The child is killed, the disk that is left mounted (which replays its
//! journal), and the job started again on it, at times with another number of workers, until the input has ended. The power goes once more, and then the files hold exactly what a sequential
//! pass over the input gives. The last line counts cycles, each of which ends in a cut, and violations.
//!
//! `--canaries 1` proves the harness, as that of `--bin crash` does.
//!
//! All mounts are in a namespace of their own, which the program enters before anything else: when it is gone, however it went, they are gone, and the loop device with them.
//!
//! # Not here
//!
//! Where the system does not let all this be, nothing is proved, and a line says so: it wants root, `/dev/fuse`, loop devices, `mkfs.ext4`, `mount` and `unshare`.
//!
//! Whatever the file system makes durable without being asked is not lost here either. ext4 has one journal, and a sync of any file has the disk flush all that it was given: were the store to
//! leave out one of its syncs, the next one would make up for it here. The simulation (`--bin powercut`) is less kind.
#![expect(clippy::disallowed_methods, reason = "a process of its own is cut off at real instants")]

mod arguments;
mod child;
mod machine;
mod rounds;
mod shelf;
mod volume;

use std::os::unix::process::CommandExt as _;
use std::process::{Command as Process, ExitCode};

use arguments::{Arguments, Command, INSIDE};
use machine::Machine;
use thalweg_tests::canaries;
use thalweg_tests::harness::{end, give_up, say};

/// Bugs that this harness finds.
const CANARIES: [&str; 4] = ["unsynced-file", "unsynced-names", "orphans-left", "early-commit"];

fn main() -> ExitCode {
    match Command::parse(std::env::args().skip(1)) {
        Err(message) => give_up(&message),
        Ok(Command::Child(child)) => child::run(&child),
        Ok(Command::Rig(arguments)) if !arguments.is_inside => enter(),
        Ok(Command::Rig(arguments)) => rig(&arguments),
    }
}

/// Starts this program again where mounts are its own, in place of itself.
fn enter() -> ExitCode {
    let Ok(program) = std::env::current_exe() else { return skip("it does not know its own path") };
    let mut unshare = Process::new("unshare");
    unshare.args(["--mount", "--propagation", "private"]).arg(program);
    let error = unshare.args([INSIDE, "1"]).args(std::env::args().skip(1)).exec();
    skip(&format!("`unshare` cannot be started: {error}"))
}

fn rig(arguments: &Arguments) -> ExitCode {
    let mut machine = match Machine::new() {
        Ok(machine) => machine,
        Err(obstacle) => return skip(&obstacle),
    };
    if arguments.canaries {
        drop(machine);
        return canaries::prove(&CANARIES, &["--cycles", "200"]);
    }
    let (cycles, violations) = rounds::run(arguments, &mut machine);
    end(&format!("{cycles} cycles, {violations} violations"), violations == 0)
}

/// It is no failure of the project's that this cannot be here.
fn skip(obstacle: &str) -> ExitCode {
    say(&format!("SKIPPED, nothing is proved: {obstacle}"));
    end("0 cycles, 0 violations", true)
}
