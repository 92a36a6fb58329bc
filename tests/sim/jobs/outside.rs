//! Sources and sinks of the outside world: connections that arrive, a log that grows and is rotated, files that appear in a folder, a generator at a
//! rate; counted by key, and sent to a peer that refuses, resets and is slow.
//!
//! Every number of every source is counted exactly once, whatever the schedule; and a replay that is given the same files and streams
//! sends the same bytes.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use thalweg::io::StandardOutput;
use thalweg::prelude::*;
use thalweg::rt::{Attempt, FileEvent, MemoryFiles, MemoryStreams, Sim, SimReport};

use crate::dice;
use thalweg_tests::dice::Dice;

const PEER: &str = "tcp://10.0.0.7:9100";

/// What the sources of one seed give.
struct Outside {
    /// For each connection how many lines it sends.
    connections: Vec<u64>,
    /// Pieces of the log, between which readers find nothing new; cut anywhere.
    log: Vec<String>,
    /// The piece before which the log is rotated, if it is.
    rotated_at: Option<usize>,
    /// For each file of the folder how many lines it has.
    files: Vec<u64>,
    generated: u64,
    rate: u64,
    attempts: Vec<Attempt>,
    workers: usize,
}

/// Lines of numbers; each source has a hundred thousand to itself.
fn lines(first: u64, count: u64) -> String {
    (first..first + count).map(|number| format!("{number}\n")).collect()
}

impl Outside {
    fn new(seed: u64) -> Self {
        let mut dice = dice::of(seed);
        let connections = (0..dice.below(5)).map(|_| dice.below(60)).collect();
        let count = dice.below(80);
        let mut text = lines(100_000, count);
        let mut log = Vec::new();
        while !text.is_empty() {
            let length = usize::try_from(dice.between(1, 200)).expect("few").min(text.len());
            let rest = text.split_off(length);
            log.push(std::mem::replace(&mut text, rest));
        }
        // Only between two lines: the writer of a log rotates it as a whole.
        let rotated_at = (1..log.len())
            .filter(|&piece| log[piece - 1].ends_with('\n'))
            .find(|_| dice.below(3) == 0);
        let attempt = |dice: &mut Dice| match dice.below(2) {
            0 => Attempt::Refused,
            _ => Attempt::ResetAfter(0),
        };
        let attempts: Vec<_> = (0..dice.below(4)).map(|_| attempt(&mut dice)).collect();
        Self {
            connections,
            log,
            rotated_at,
            files: (0..dice.below(5)).map(|_| dice.below(50)).collect(),
            generated: dice.below(200),
            rate: dice.between(10_000, 10_000_000),
            attempts: attempts.into_iter().chain([Attempt::Gives(Vec::new())]).collect(),
            workers: usize::try_from(dice.between(1, 4)).expect("few"),
        }
    }

    fn streams(&self) -> MemoryStreams {
        let connection = |(number, count): (usize, &u64)| {
            lines(1_000 * number as u64, *count).trim_end().as_bytes().to_vec()
        };
        let arriving = self.connections.iter().enumerate().map(connection).collect();
        MemoryStreams::default()
            .with_arriving("tcp://0.0.0.0:9000", arriving)
            .with_attempts(PEER, self.attempts.clone())
    }

    /// The files as they change. A replay does not look for files, it opens those that were found: for it they are there.
    fn memory(&self, is_replay: bool) -> MemoryFiles {
        let log = PathBuf::from("app.log");
        let mut events = Vec::new();
        for (piece, text) in self.log.iter().enumerate() {
            if self.rotated_at == Some(piece) {
                events.push(FileEvent::Rename(log.clone(), "app.log.1".into()));
            }
            events.push(FileEvent::Append(log.clone(), text.clone().into_bytes()));
        }
        let mut files = MemoryFiles::default();
        for (number, count) in self.files.iter().enumerate() {
            let (path, text) =
                (format!("in/{number}"), lines(200_000 + 1_000 * number as u64, *count));
            if is_replay {
                files = files.with(path, text);
            } else {
                events.push(FileEvent::Append(path.into(), text.into_bytes()));
            }
        }
        events.push(FileEvent::Append("done".into(), Vec::new()));
        // Longer than a tail takes to see that its file was rotated.
        files.with_events(300, events)
    }

    fn build(&self, t: &mut Topology) -> Result<()> {
        let text = |stream: Stream<Str>| stream.map(|line| line.parse::<u64>().unwrap_or(u64::MAX));
        let count = self.connections.len() as u64;
        let arriving = Sockets::listen("0.0.0.0:9000").text::<Str>().connections(count);
        let arriving = text(t.source("arriving", arriving).without_event_time());
        let log = Files::text::<Str>("app.log").tail().until_exists("done");
        let log = text(t.source("log", log).without_event_time());
        let found = Files::text::<Str>("in/*").watch().interval(Duration::from_millis(2));
        let found = found.at_once().until_exists("done");
        let found = text(t.source("found", found).without_event_time());
        let made = Generator::of(300_000..300_000 + self.generated, |number| number);
        let made = made.splits(2).records_per_s(self.rate);
        let made = t.source("made", made).without_event_time();
        let again = Reconnect::backoff(Duration::from_millis(1), Duration::from_millis(8));
        let counted = arriving
            .union(log)
            .union(found)
            .union(made)
            .key_by_value(|number| number.to_native())
            .filter_map_with_state("times", |times: &mut u64, number: &Rec<u64>| {
                *times += 1;
                Some((number.to_native(), *times))
            });
        counted.clone().sink("shown", Standard::output().ndjson());
        let peer = Sockets::connect("10.0.0.7:9100").ndjson().buffer_bytes(300).reconnect(again);
        counted.sink("peer", peer);
        Ok(())
    }

    /// Every number, each once.
    fn expected(&self) -> Vec<String> {
        let each = |first: u64, counts: &[u64]| -> Vec<u64> {
            let ranges = counts.iter().zip(0..);
            ranges.flat_map(|(count, n)| first + 1_000 * n..first + 1_000 * n + count).collect()
        };
        let log = self.log.concat().lines().count() as u64;
        let numbers = each(0, &self.connections)
            .into_iter()
            .chain(100_000..100_000 + log)
            .chain(each(200_000, &self.files))
            .chain(300_000..300_000 + self.generated);
        let mut lines: Vec<String> = numbers.map(|number| format!("[{number},1]")).collect();
        lines.sort_unstable();
        lines
    }
}

fn sorted(text: Vec<u8>) -> Vec<String> {
    let text = String::from_utf8(text).unwrap_or_default();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort_unstable();
    lines
}

/// What a run has sent and shown, byte by byte.
type Sent = (Vec<Vec<u8>>, Vec<u8>);

fn sent(streams: &MemoryStreams) -> Sent {
    (streams.sent(PEER), streams.written(StandardOutput::Output))
}

fn simulate(seed: u64, outside: &Arc<Outside>) -> Result<(SimReport, Sent), String> {
    let (streams, running) = (outside.streams(), Arc::clone(outside));
    let report = Sim::new(seed, outside.workers)
        .files(outside.memory(false))
        .streams(streams.clone())
        .run(move |t| running.build(t))
        .map_err(|error| format!("the job failed: {error:?}"))?;
    Ok((report, sent(&streams)))
}

/// Runs one seed; `twice` also runs it again and replays it.
pub(crate) fn run(seed: u64, twice: bool) -> Result<(), String> {
    let outside = Arc::new(Outside::new(seed));
    let (report, first) = simulate(seed, &outside)?;
    let expected = outside.expected();
    if sorted(first.1.clone()) != expected {
        return Err("what was shown is not every number once".into());
    }
    if sorted(first.0.concat()) != expected {
        return Err("what was sent is not every number once".into());
    }
    if !twice {
        return Ok(());
    }
    let (again, second) = simulate(seed, &outside)?;
    if again.journal != report.journal || second != first {
        return Err("the same seed ran otherwise the second time".into());
    }
    let (streams, running) = (outside.streams(), Arc::clone(&outside));
    let journal = &report.journal;
    Sim::replay_with(journal, outside.memory(true), streams.clone(), move |t| running.build(t))
        .map_err(|error| format!("the replay failed: {error:?}"))?;
    let replayed = sent(&streams);
    if replayed.1 != first.1 || replayed.0.concat() != first.0.concat() {
        return Err("the replay sent other bytes".into());
    }
    Ok(())
}
