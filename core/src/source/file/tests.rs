//! Files in memory, read and written by whole jobs on the simulator, whose files are slow and give less than was asked for.

use std::io::Write as _;
use std::num::NonZeroU64;

use proptest::prelude::*;

use crate::prelude::*;
use crate::rt::{MemoryFiles, Sim};
use crate::source::{FileSource, RejectedLine, Source};

#[crate::record]
struct Visit {
    #[event_time]
    at: EventTime,
    page: Str,
    seconds: Option<u32>,
}

fn visit(number: u64) -> Visit {
    Visit {
        at: EventTime::from_secs(i64::try_from(number).unwrap()),
        page: format!("/page, {number}").into(),
        seconds: u32::try_from(number).ok().filter(|n| n % 3 != 0),
    }
}

fn csv(numbers: impl Iterator<Item = u64>) -> String {
    let mut text = String::from("page,unused,seconds,at\n");
    for Visit { at, page, seconds } in numbers.map(visit) {
        let seconds = seconds.map_or(String::new(), |s| s.to_string());
        text += &format!("\"{page}\",x,{seconds},{at}\n");
    }
    text
}

fn gz(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// What a simulated job of `workers` workers reads, sorted.
fn read<S>(
    files: &MemoryFiles,
    workers: usize,
    source: impl Fn() -> S + Send + Sync + 'static,
) -> Result<(Vec<Visit>, u64)>
where
    S: Source<Out = Visit>,
{
    let collected = Collected::new();
    let sink = collected.clone();
    let ran = Sim::new(7, workers).files(files.clone()).run(move |t| {
        t.source("visits", source()).watermarks(Monotonic).sink("collected", sink.sink());
        Ok(())
    })?;
    let mut visits: Vec<Visit> = collected.take();
    visits.sort_by_key(|visit| visit.at);
    Ok((visits, ran.report.operator("visits").unwrap().totals.rejected))
}

/// The error of a job that fails, with its causes.
fn failure<S>(files: &MemoryFiles, source: impl Fn() -> S + Send + Sync + 'static) -> String
where
    S: Source<Out = Visit>,
{
    let error = read(files, 1, source).unwrap_err();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}

fn in_splits_of(bytes: u64) -> FileSource<Visit> {
    Files::csv::<Visit>("in/*").split_bytes(NonZeroU64::new(bytes).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_line_is_read_once_however_files_are_cut(
        counts in prop::collection::vec(0_u64..60, 1..4),
        split_bytes in 1_u64..900,
        workers in 1_usize..4,
        side_by_side in 1_usize..4,
        ends_with_break: bool,
    ) {
        let mut files = MemoryFiles::default();
        let mut first = 0;
        for (index, count) in counts.iter().enumerate() {
            let text = csv(first..first + count);
            let text = if ends_with_break { &text } else { text.trim_end() };
            let contents = if index == 1 { gz(text) } else { text.as_bytes().to_vec() };
            files = files.with(format!("in/{index}"), contents);
            first += count;
        }
        let source = move || in_splits_of(split_bytes).side_by_side(side_by_side);
        let (visits, rejected) = read(&files, workers, source).unwrap();
        prop_assert_eq!(visits, (0..first).map(visit).collect::<Vec<_>>());
        prop_assert_eq!(rejected, 0);
    }

    #[test]
    fn what_is_written_reads_back(count in 0_u64..200, workers in 1_usize..4, seed: u64) {
        for (path, is_csv) in [("out/a.csv", true), ("out/a.csv.gz", true), ("out/a.ndjson", false)] {
            let files = MemoryFiles::default();
            let to = move || if is_csv { Files::csv(path) } else { Files::ndjson::<Visit>(path) };
            let write = move |t: &mut Topology| {
                let items = Items::per_split(3, move |split| {
                    (0..count).filter(move |n| n % 3 == split as u64).map(visit)
                });
                t.source("items", items).watermarks(Monotonic).sink("file", to());
                Ok(())
            };
            Sim::new(seed, workers).files(files.clone()).run(write).unwrap();
            let (visits, _) = read(&files, workers, to).unwrap();
            prop_assert_eq!(visits, (0..count).map(visit).collect::<Vec<_>>());
        }
    }
}

#[test]
fn a_sink_without_records_leaves_a_file_with_a_header() {
    let files = MemoryFiles::default();
    let job = |t: &mut Topology| {
        let nothing = t.source("nothing", Items::of(Vec::<Visit>::new())).watermarks(Monotonic);
        nothing.clone().sink("csv", Files::csv("none.csv"));
        nothing.sink("ndjson", Files::ndjson("none.ndjson"));
        Ok(())
    };
    Sim::new(1, 2).files(files.clone()).run(job).unwrap();
    assert_eq!(files.read("none.csv").unwrap(), b"at,page,seconds\n");
    assert_eq!(files.read("none.ndjson").unwrap(), b"");
}

#[test]
fn a_pattern_without_a_file_is_refused_and_named() {
    let error = failure(&MemoryFiles::default(), || Files::csv::<Visit>("in/*.csv"));
    assert!(
        error.contains("source \"visits\"") && error.contains("no file matches \"in/*.csv\""),
        "{error}"
    );
}

#[test]
fn a_header_without_a_needed_column_is_refused_before_the_job_starts() {
    let files = MemoryFiles::default()
        .with("in/a.csv", csv(0..3))
        .with("in/b.csv", gz("page,second\n/,1\n"));
    let error = failure(&files, || Files::csv::<Visit>("in/*"));
    assert!(error.contains("cannot be built"), "{error}");
    assert!(error.contains("\"in/b.csv\" does not have the record's form"), "{error}");
    assert!(
        error.contains("the header has no column \"at\"; it has \"page\", \"second\""),
        "{error}"
    );
}

/// One bad line in each of the two files, at lines 31 and 62.
fn with_bad_lines() -> MemoryFiles {
    let bad = |at: usize| {
        let text = csv(0..100);
        let mut lines: Vec<&str> = text.lines().collect();
        lines[at] = "/,x,many,2013-01-01T00:00:00Z";
        lines.join("\n")
    };
    MemoryFiles::default().with("in/a.csv", bad(30)).with("in/b.csv", bad(61))
}

#[test]
fn a_bad_line_fails_the_job_with_file_line_and_column_in_every_split() {
    for split_bytes in [100, 500, 1_000_000] {
        let error = failure(&with_bad_lines(), move || in_splits_of(split_bytes));
        assert!(error.contains("operator \"visits\" failed"), "{error}");
        assert!(error.contains("\"in/a.csv\", line 31, column 5 (field \"seconds\"): "), "{error}");
    }
}

#[test]
fn bad_lines_are_skipped_and_counted() {
    let (visits, rejected) =
        read(&with_bad_lines(), 3, || in_splits_of(500).on_error(OnError::Skip)).unwrap();
    assert_eq!((visits.len(), rejected), (198, 2));
}

#[test]
fn dead_letters_lie_in_files_that_do_not_depend_on_the_number_of_workers() {
    let mut seen: Vec<Vec<RejectedLine>> = Vec::new();
    for workers in 1..4 {
        let files = with_bad_lines();
        let source = || in_splits_of(1_000_000).on_error(OnError::dead_letter_file("bad/lines"));
        let (visits, rejected) = read(&files, workers, source).unwrap();
        assert_eq!((visits.len(), rejected), (198, 2));
        let collected = Collected::new();
        let sink = collected.clone();
        let read = move |t: &mut Topology| {
            let letters = t.source("letters", Files::ndjson::<RejectedLine>("bad/lines.?"));
            letters.without_event_time().sink("collected", sink.sink());
            Ok(())
        };
        Sim::new(1, 1).files(files.clone()).run(read).unwrap();
        assert!(files.read("bad/lines").is_none() && files.read("bad/lines.1").is_some());
        seen.push(collected.take());
    }
    assert!(seen.iter().all(|letters| *letters == seen[0]));
    let places = seen[0].iter().map(|l| (l.file.as_str(), l.line, l.column, l.field.as_deref()));
    let expected = [("in/a.csv", 31), ("in/b.csv", 62)];
    let expected = expected.map(|(file, line)| (file, Some(line), Some(5), Some("seconds")));
    assert_eq!(places.collect::<Vec<_>>(), expected);
    assert_eq!(seen[0][0].raw, "/,x,many,2013-01-01T00:00:00Z");
}

#[test]
fn a_cut_off_gzip_file_is_named() {
    let mut whole = gz(&csv(0..2000));
    whole.truncate(whole.len() / 2);
    let error =
        failure(&MemoryFiles::default().with("in/a", whole), || Files::csv::<Visit>("in/a"));
    assert!(
        error.contains("\"in/a\" cannot be decompressed: the gzip stream is cut off"),
        "{error}"
    );
}

#[test]
fn a_replay_of_a_read_gives_the_same_run() {
    let files = with_bad_lines();
    let job = |collected: &Collected<Visit>| {
        let sink = collected.clone();
        move |t: &mut Topology| {
            let source = in_splits_of(700).on_error(OnError::Skip);
            t.source("visits", source).watermarks(Monotonic).sink("collected", sink.sink());
            Ok(())
        }
    };
    for seed in 0..20 {
        let (first, second) = (Collected::new(), Collected::new());
        let ran = Sim::new(seed, 2).files(files.clone()).run(job(&first)).unwrap();
        Sim::replay(&ran.journal, files.clone(), job(&second)).unwrap();
        assert_eq!(first.take_per_worker(), second.take_per_worker());
    }
}
