//! A program whose output nobody reads.

use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};

use thalweg::prelude::*;
use thalweg_tests::run::{checkpointed, watched};

use crate::two_more;

/// More than a pipe takes, with what the writer keeps and the rings.
const LINES: u64 = 400_000;
/// Where the child has its checkpoints.
const FOLDER: &str = "THALWEG_HINDERED_FOLDER";
/// Whether it is to go on to its end.
const TO_THE_END: &str = "THALWEG_HINDERED_TO_THE_END";

fn job(t: &mut Topology) -> Result<()> {
    let numbers = t.source("numbers", Generator::of(0..LINES, |i| i)).without_event_time();
    // Not to standard output, where the harness of tests writes, too.
    numbers.sink("lines", Standard::error().ndjson());
    Ok(())
}

/// What another test starts in a process of its own, with its standard error in a pipe; nothing otherwise.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let engine = checkpointed(1, Path::new(&folder)).build();
    let handle = engine.deploy("lines", job).unwrap();
    if std::env::var_os(TO_THE_END).is_some() {
        handle.join().unwrap();
        return;
    }
    two_more(&handle);
    two_more(&handle);
    std::process::exit(0);
}

fn start(folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("a test knows its own path"));
    command.args(["--exact", "standard::child", "--nocapture"]).env(FOLDER, folder);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

#[test]
fn standard_output_that_nobody_reads_holds_up_no_checkpoint() {
    watched(|| {
        let folder = tempfile::tempdir().unwrap();
        let read = |command: &mut Command, is_read_while_it_runs: bool| {
            let mut child = command.spawn().unwrap();
            let mut pipe = child.stderr.take().unwrap();
            if !is_read_while_it_runs {
                assert!(child.wait().unwrap().success(), "no checkpoint was complete");
            }
            let mut text = String::new();
            pipe.read_to_string(&mut text).unwrap();
            assert!(child.wait().unwrap().success());
            text
        };
        let first = read(&mut start(folder.path()), false);
        assert!(first.ends_with('\n') && first.len() < 100_000, "{} bytes", first.len());
        let rest = read(start(folder.path()).env(TO_THE_END, "1"), true);
        let lines = first.lines().chain(rest.lines());
        let numbers: Vec<u64> = lines.map(|line| line.parse().unwrap()).collect();
        // The pipe was full before the last checkpoint began, so nothing left behind it.
        assert!(numbers.iter().copied().eq(0..LINES), "{} of {LINES}", numbers.len());
    });
}
