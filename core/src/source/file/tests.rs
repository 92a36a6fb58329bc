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
    assert_eq!(
        error,
        UNLISTED.to_owned()
            + "no file matches \"in/*.csv\"; check the path and the folder it starts from"
    );
}

#[test]
fn a_path_that_is_no_text_is_refused_and_shown() {
    use std::os::unix::ffi::OsStrExt;

    let path = || std::ffi::OsStr::from_bytes(b"in/\xFF.csv");
    let error = failure(&MemoryFiles::default(), move || Files::csv::<Visit>(path()));
    let expected = "the path \"in/\\xFF.csv\" is not UTF-8; rename the file";
    assert_eq!(error, UNLISTED.to_owned() + expected);
}

#[test]
fn a_header_without_a_needed_column_is_refused_before_the_job_starts() {
    let files = MemoryFiles::default()
        .with("in/a.csv", csv(0..3))
        .with("in/b.csv", gz("page,second\n/,1\n"));
    let error = failure(&files, || Files::csv::<Visit>("in/*"));
    assert_eq!(
        error,
        UNLISTED.to_owned()
            + "\"in/b.csv\" does not have the record's form: the header has no column \"at\"; it has \"page\", \"second\"; \
               give the field the name of a column (`#[serde(rename)]`), or make it an `Option`"
    );
}

#[test]
fn a_header_that_is_none_is_refused_with_the_file() {
    let columns = "`has_header(false)`";
    for (header, reason) in [
        (
            &b"at,page,page,seconds\n"[..],
            "the header names column \"page\" twice; rename one of them".to_owned(),
        ),
        (
            b"\nat,page,seconds\n",
            format!(
                "the header cannot be read: the first line is empty; if the file has none, set {columns}"
            ),
        ),
        (
            b"at,\"page,seconds\n",
            format!(
                "the header cannot be read: quoted cell is not closed on its line; if cells contain line breaks, set `multiline(true)`; \
                 if the file has none, set {columns}"
            ),
        ),
        (
            b"at,\"page\"s,seconds\n",
            format!(
                "the header cannot be read: text after the closing quote of a cell; if the file has none, set {columns}"
            ),
        ),
        (
            b"at,page\xFF,seconds\n",
            format!(
                "the header cannot be read: invalid utf-8 sequence of 1 bytes from index 4; if the file has none, set {columns}"
            ),
        ),
    ] {
        let files = MemoryFiles::default().with("in/a.csv", header);
        let error = failure(&files, || Files::csv::<Visit>("in/*"));
        let form = "\"in/a.csv\" does not have the record's form: ";
        assert_eq!(error, UNLISTED.to_owned() + form + &reason);
    }
}

/// What is said before why the splits of the source cannot be listed.
const UNLISTED: &str = "the job cannot be built\n  source \"visits\" cannot list its splits: ";

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
        assert_eq!(
            error,
            "operator \"visits\" failed: \"in/a.csv\", line 31, column 5 (field \"seconds\"): invalid digit found in string"
        );
    }
}

#[test]
fn a_time_that_is_none_is_named_with_its_place() {
    for (time, reason) in [
        ("yesterday", "the time is not of the form \"2013-01-01T10:17:00Z\""),
        ("2013-02-29T00:00:00Z", "there is no such day or time in the calendar"),
        (
            "2263-01-01T00:00:00Z",
            "the time is outside the years 1677 to 2262 that an event time can hold",
        ),
    ] {
        let files = MemoryFiles::default().with("in/a.csv", format!("page,at,seconds\n/,{time},1"));
        let error = failure(&files, || Files::csv::<Visit>("in/*"));
        let place = "operator \"visits\" failed: \"in/a.csv\", line 2, column 3 (field \"at\"): ";
        assert_eq!(error, place.to_owned() + reason);
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
    let half = whole.len() / 2;
    whole.truncate(half);
    let error =
        failure(&MemoryFiles::default().with("in/a", whole), || Files::csv::<Visit>("in/a"));
    assert_eq!(
        error,
        format!(
            "operator \"visits\" failed: \"in/a\" cannot be decompressed: the gzip stream is cut off at compressed byte {half}; \
             wait until all of it is written, or fetch the file again"
        )
    );
}

#[test]
fn a_damaged_gzip_file_is_named_with_the_damage() {
    // More than is read when the header is looked at.
    let whole = gz(&csv(0..50_000));
    let (end, middle) = (whole.len(), whole.len() / 2);
    let damaged = |damage: &dyn Fn(&mut Vec<u8>)| {
        let mut file = whole.clone();
        damage(&mut file);
        failure(&MemoryFiles::default().with("in/a", file), || Files::csv::<Visit>("in/a"))
    };
    let said =
        |what: &str| format!("operator \"visits\" failed: \"in/a\" cannot be decompressed: {what}");
    assert_eq!(
        damaged(&|file| file.extend(b"page,at\n")),
        said(&format!(
            "no gzip member starts at compressed byte {end}; was something else appended to the file?"
        ))
    );
    assert_eq!(
        damaged(&|file| file[end - 8] ^= 1),
        said(&format!(
            "the checksum of the gzip member that ends at compressed byte {end} does not match; fetch the file again"
        ))
    );
    let error = damaged(&|file| file[middle..middle + 64].fill(0xFF));
    let (before, after) =
        said("the gzip stream is corrupt near compressed byte #; fetch the file again")
            .split_once('#')
            .map(|(before, after)| (before.to_owned(), after.to_owned()))
            .unwrap();
    let offset = error.strip_prefix(&before).and_then(|rest| rest.strip_suffix(&after));
    assert!(offset.is_some_and(|offset| offset.parse::<usize>().unwrap() >= middle), "{error}");
    // The header is looked at when the splits are listed, if the record's columns are to be known.
    assert_eq!(
        damaged(&|file| file[2] = 7),
        UNLISTED.to_owned()
            + "\"in/a\" cannot be decompressed: the gzip header at compressed byte 2 is not valid; fetch the file again"
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

#[test]
fn a_replay_of_another_read_says_where_it_parts() {
    let job = |t: &mut Topology| {
        let visits = t.source("visits", Files::csv::<Visit>("in/a")).watermarks(Monotonic);
        visits.sink("nowhere", Blackhole);
        Ok(())
    };
    let files = |count| MemoryFiles::default().with("in/a", csv(0..count));
    let ran = Sim::new(3, 1).files(files(100)).run(job).unwrap();
    let error = Sim::replay(&ran.journal, files(0), job).unwrap_err().to_string();
    let recorded = ran.journal.workers[0].iter().find_map(|decision| match decision {
        crate::runtime::decision::Decision::Poll { records, .. } if *records > 0 => Some(*records),
        _ => None,
    });
    assert_eq!(
        error,
        format!(
            "the replay of worker 0 diverged at operator \"visits\": {} records were recorded, 0 came",
            recorded.unwrap()
        )
    );
}

#[test]
fn a_position_of_another_source_is_refused_with_what_it_says() {
    let files = MemoryFiles::default().with("in/a", csv(0..10));
    let world = crate::testing::World::new(files.clone(), crate::rt::MemoryStreams::default());
    let source = in_splits_of(1_000_000);
    let split = &source.splits(&files).unwrap()[0];
    let position = crate::source::Position::of(&17_u64);
    let error = source.resume(split, &position, &world.context(0, 1)).map(drop).unwrap_err();
    assert_eq!(
        error.to_string(),
        "17 is not a position of this source; was another source given this name? give it one of its own"
    );
    assert!(error.source().is_some(), "and what stands against it");
}

#[test]
fn a_name_that_another_source_had_is_refused_with_what_the_checkpoint_has_of_it() {
    let disk = crate::rt::SimDisk::default();
    let items = |t: &mut Topology| {
        let visits = Items::of((0..200).map(visit).collect::<Vec<_>>());
        t.source("visits", visits).watermarks(Monotonic).sink("nowhere", Blackhole);
        Ok(())
    };
    Sim::new(1, 1).checkpoints(&disk).run(items).unwrap();
    let files = |t: &mut Topology| {
        let visits = t.source("visits", Files::csv::<Visit>("in/a")).watermarks(Monotonic);
        visits.sink("nowhere", Blackhole);
        Ok(())
    };
    let world = MemoryFiles::default().with("in/a", csv(0..10));
    let error = Sim::new(2, 1).checkpoints(&disk).files(world).run(files).unwrap_err();
    assert_eq!(
        error.to_string(),
        UNLISTED.to_owned()
            + "0 is not a split of this source; was another source given this name? give it one of its own: \
               invalid type: integer `0`, expected struct FileSplit at line 1 column 1"
    );
}
