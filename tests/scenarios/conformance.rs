//! The conformance suites over every built-in source and sink.

use std::io::{Read as _, Write as _};
use std::num::NonZeroU64;
use std::time::Duration;

use thalweg::io::StandardOutput;
use thalweg::prelude::*;
use thalweg::rt::{Attempt, FileEvent, MemoryFiles, MemoryStreams};
use thalweg::testing::{SinkSuite, SourceSuite, World};
use thalweg_tests::records::Reading;
use thalweg_tests::run::watched;

fn reading(number: i64) -> Reading {
    Reading {
        at: EventTime::from_secs(number),
        sensor: format!("sensor, \"{}\"", number % 7).into(),
        value: number,
    }
}

fn readings(numbers: std::ops::Range<i64>) -> Vec<Reading> {
    numbers.map(reading).collect()
}

fn csv(numbers: std::ops::Range<i64>) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["value", "at", "sensor"]).unwrap();
    for Reading { at, sensor, value } in numbers.map(reading) {
        writer.write_record([value.to_string(), at.to_string(), sensor.to_string()]).unwrap();
    }
    String::from_utf8(writer.into_inner().unwrap()).unwrap()
}

fn ndjson(numbers: std::ops::Range<i64>) -> String {
    numbers
        .map(reading)
        .map(|Reading { at, sensor, value }| {
            let sensor = sensor.replace('"', "\\\"");
            format!("{{\"value\":{value},\"at\":\"{at}\",\"sensor\":\"{sensor}\"}}\n")
        })
        .collect()
}

fn gz(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn in_memory(files: impl Fn() -> MemoryFiles + 'static) -> impl Fn() -> World + 'static {
    move || World::new(files(), MemoryStreams::default())
}

fn with_streams(streams: impl Fn() -> MemoryStreams + 'static) -> impl Fn() -> World + 'static {
    move || World::new(MemoryFiles::default(), streams())
}

#[test]
fn items_and_generators() {
    SourceSuite::new(|_| Items::of(readings(0..50))).expect(readings(0..50)).run();
    SourceSuite::new(|_| {
        Items::per_split(3, |split| (0..20).map(move |n| (split as u64, n as u64)))
    })
    .run();
    for splits in [1, 2, 5] {
        let whole = move |_: &World| Generator::of(7..90, |n| n * n).splits(splits);
        SourceSuite::new(whole).expect((7..90).map(|n| n * n).collect()).run();
        let timed =
            move |_: &World| Generator::of(0..60, |n| n).splits(splits).records_per_s(9_999);
        SourceSuite::new(timed).expect((0..60).collect()).run();
    }
    SourceSuite::new(|_| Generator::endless(|n| n).splits(3)).at_most(100).run();
}

#[test]
fn files_of_every_format() {
    let files = || {
        MemoryFiles::default()
            .with("in/a.csv", csv(0..60))
            .with("in/b.csv", csv(60..61))
            .with("in/c.csv", gz(&csv(61..150)))
            .with("in/d.csv", "value,at,sensor")
            .with("lines/a", ndjson(0..40))
            .with("lines/b", gz(&ndjson(40..50)))
    };
    for split_bytes in [150, 1 << 20] {
        let cut = move |_: &World| {
            Files::csv::<Reading>("in/*").split_bytes(NonZeroU64::new(split_bytes).unwrap())
        };
        SourceSuite::new(cut).world(in_memory(files)).expect(readings(0..150)).run();
        let cut = move |_: &World| {
            Files::ndjson::<Reading>("lines/*").split_bytes(NonZeroU64::new(split_bytes).unwrap())
        };
        SourceSuite::new(cut).world(in_memory(files)).expect(readings(0..50)).run();
    }
    SourceSuite::new(|_| Files::text::<Str>("lines/a"))
        .world(in_memory(files))
        .expect(ndjson(0..40).lines().map(Str::from).collect())
        .run();
    SourceSuite::new(|_| Files::lines("lines/*")).world(in_memory(files)).run();
}

#[test]
fn files_with_bad_lines() {
    let files = || {
        let text = ndjson(0..20).replace("\"value\":7,", "\"value\":seven,");
        MemoryFiles::default().with("a", text.clone()).with("b", text)
    };
    let expected = || readings(0..20).into_iter().filter(|reading| reading.value != 7);
    SourceSuite::new(|_| Files::ndjson::<Reading>("?").on_error(OnError::Skip))
        .world(in_memory(files))
        .expect(expected().chain(expected()).collect())
        .rejects(2)
        .run();
}

#[test]
fn tail_of_a_file_that_is_complete() {
    let files = || {
        MemoryFiles::default()
            .with("app.csv", csv(0..70).trim_end())
            .with("app.ndjson", ndjson(0..30))
            .with("done", "")
    };
    SourceSuite::new(|_| Files::csv::<Reading>("app.csv").tail().until_exists("done"))
        .world(in_memory(files))
        .expect(readings(0..70))
        .run();
    SourceSuite::new(|_| Files::ndjson::<Reading>("app.*n").tail().until_exists("done"))
        .world(in_memory(files))
        .expect(readings(0..30))
        .run();
}

#[test]
fn tail_of_a_file_that_grows_and_is_rotated() {
    let append = |text: &str| FileEvent::Append("app.log".into(), text.into());
    let events = move || {
        let text = ndjson(0..12);
        let (head, rest) = text.split_at(text.len() / 3);
        let (middle, end) = rest.split_at(rest.len() / 2 + 3);
        vec![
            append(head),
            append(middle),
            append(end.trim_end()),
            FileEvent::Rename("app.log".into(), "app.log.1".into()),
            append(&ndjson(12..20)),
            FileEvent::Append("done".into(), Vec::new()),
        ]
    };
    let files = move || MemoryFiles::default().with_events(200, events());
    let source = |_: &World| Files::ndjson::<Reading>("app.log").tail().until_exists("done");
    SourceSuite::new(source).world(in_memory(files)).expect(readings(0..20)).run();
}

#[test]
fn files_that_appear_in_a_folder() {
    let append = |path: &str, text: String| FileEvent::Append(path.into(), text.into());
    let events = move || {
        vec![
            append("in/b.csv", csv(10..15)),
            append("in/a.csv", csv(15..20)),
            append(
                "in/b.csv",
                csv(20..25).lines().skip(1).map(|line| format!("{line}\n")).collect(),
            ),
            append("in/_DONE", String::new()),
        ]
    };
    let files =
        move || MemoryFiles::default().with("in/c.csv", csv(0..10)).with_events(9, events());
    let source = |_: &World| Files::csv::<Reading>("in/*.csv").watch().until_exists("in/_DONE");
    // The suite reads when everything was found: with what was written to `b.csv` until then.
    SourceSuite::new(source).world(in_memory(files)).expect(readings(0..25)).run();
}

#[test]
fn sockets_that_listen_and_connect_and_standard_input() {
    let streams = || {
        MemoryStreams::default()
            .with_arriving(
                "tcp://0.0.0.0:9000",
                vec![
                    ndjson(0..30).into_bytes(),
                    Vec::new(),
                    ndjson(30..37).trim_end().as_bytes().to_vec(),
                ],
            )
            .with_attempts(
                "unix:///run/lines",
                vec![
                    Attempt::Refused,
                    Attempt::Gives(csv(0..10).into_bytes()),
                    Attempt::Refused,
                    Attempt::Refused,
                    Attempt::Gives(csv(10..25).into_bytes()),
                ],
            )
            .with_input(csv(0..45))
    };
    SourceSuite::new(|_| Sockets::listen("0.0.0.0:9000").ndjson::<Reading>().connections(3))
        .world(with_streams(streams))
        .expect(readings(0..37))
        .without_positions()
        .run();
    let once = |_: &World| {
        let again = Reconnect::every(Duration::from_millis(1));
        Sockets::connect_unix("/run/lines").csv::<Reading>().reconnect(again)
    };
    SourceSuite::new(once)
        .world(with_streams(streams))
        .at_most(25)
        .expect(readings(0..25))
        .without_positions()
        .run();
    SourceSuite::new(|_| Standard::input().csv::<Reading>())
        .world(with_streams(streams))
        .expect(readings(0..45))
        .without_positions()
        .run();
}

#[test]
fn real_files() {
    watched(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("readings.csv");
        std::fs::write(&path, csv(0..300)).unwrap();
        std::fs::write(folder.path().join("done"), "").unwrap();
        let (cut, tail, all) = (path.clone(), path, folder.path().join("*.csv"));
        let cut =
            move |_: &World| Files::csv::<Reading>(&cut).split_bytes(NonZeroU64::new(999).unwrap());
        SourceSuite::new(cut).world(World::real).expect(readings(0..300)).run();
        let marker = folder.path().join("done");
        let followed = move |_: &World| Files::csv::<Reading>(&tail).tail().until_exists(&marker);
        SourceSuite::new(followed).world(World::real).expect(readings(0..300)).run();
        let marker = folder.path().join("done");
        let found = move |_: &World| Files::csv::<Reading>(&all).watch().until_exists(&marker);
        SourceSuite::new(found).world(World::real).expect(readings(0..300)).run();
    });
}

/// Lines back to records.
fn parsed(text: &[u8]) -> Vec<Reading> {
    let text = String::from_utf8(text.to_vec()).unwrap();
    let lines = text.lines().map(|line| {
        let number: i64 =
            line.rsplit_once("\"value\":").unwrap().1.trim_end_matches('}').parse().unwrap();
        reading(number)
    });
    lines.collect()
}

/// Rows back to records; a header may stand anywhere.
fn rows(text: &[u8]) -> Vec<Reading> {
    let mut rows = csv::ReaderBuilder::new().has_headers(false).from_reader(text);
    let rows = rows.records().map(Result::unwrap).filter(|row| &row[0] != "at");
    rows.map(|row| reading(row[2].parse().unwrap())).collect()
}

fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut text).unwrap();
    text
}

#[test]
fn sinks_in_the_program() {
    SinkSuite::new(readings(0..200), |_| {
        let collected = Collected::new();
        (collected.sink(), move || collected.take())
    })
    .in_process()
    .goes_back()
    .run();
    SinkSuite::new(readings(0..200), |_| {
        let seen = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
        let into = std::rc::Rc::clone(&seen);
        let sink = Callback::new(move |_| {
            let into = std::rc::Rc::clone(&into);
            move |record: &Rec<Reading>, _| {
                into.borrow_mut().push(record.to_value());
                Ok(())
            }
        });
        (sink, move || seen.take())
    })
    .run();
    let changes = (0..100_u64).map(|n| (n, Some(n * 2))).collect();
    SinkSuite::<(u64, Option<u64>), _>::new(changes, |_| {
        let table = UpsertCollected::new();
        let sink = Upserts(table.sink());
        (sink, move || table.take().into_iter().map(|(key, value)| (key, Some(value))).collect())
    })
    .run();
}

#[test]
fn sinks_into_files() {
    for (path, is_csv) in
        [("out/a.csv", true), ("out/a.csv.gz", true), ("out/a.ndjson", false), ("out/a.gz", false)]
    {
        for (per_worker, flushes) in [(false, true), (true, false), (true, true)] {
            let make = move |world: &World| {
                let files = world.memory_files().clone();
                let records =
                    if is_csv { Files::csv(path) } else { Files::ndjson::<Reading>(path) };
                let sink = if flushes { records.flush_when_idle() } else { records.per_worker() };
                let sink = if per_worker { sink.per_worker() } else { sink };
                let read = move || {
                    let found = thalweg::io::Files::list(&files, "out/*").unwrap();
                    let read = |path: &std::path::PathBuf| {
                        let bytes = files.read(path).unwrap();
                        let is_gz = path.extension().is_some_and(|end| end == "gz");
                        let text = if is_gz { gunzip(&bytes) } else { bytes };
                        if is_csv { rows(&text) } else { parsed(&text) }
                    };
                    found.iter().flat_map(read).collect()
                };
                (sink, read)
            };
            SinkSuite::new(readings(0..150), make).goes_back().run();
        }
    }
    SinkSuite::new(readings(0..150), |world| {
        let files = world.memory_files().clone();
        (Files::ndjson("a"), move || parsed(&files.read("a").unwrap()))
    })
    .goes_back()
    .run();
    let changes = (0..90_u64).map(|n| (n, (n % 3 > 0).then_some(n * 2))).collect();
    SinkSuite::<(u64, Option<u64>), _>::new(changes, |world| {
        let files = world.memory_files().clone();
        let read = move || {
            let text = files.read("changes.csv").unwrap_or_default();
            let mut rows = csv::Reader::from_reader(&*text);
            let change = |row: csv::StringRecord| {
                assert_eq!(&row[0] == "delete", row[2].is_empty());
                (row[1].parse().unwrap(), row[2].parse().ok())
            };
            rows.records().map(Result::unwrap).map(change).collect()
        };
        (Upserts(UpsertFiles::csv("changes.csv")), read)
    })
    .goes_back()
    .run();
}

#[test]
fn sinks_into_parts() {
    for roll in [
        Roll::at_checkpoints(),
        Roll::at_bytes(150),
        Roll::after(Duration::from_micros(300)).or_at_bytes(1000),
        Roll::default(),
    ] {
        for is_compressed in [false, true] {
            let make = move |world: &World| {
                let files = world.memory_files().clone();
                let sink = Files::csv::<Reading>("out").parts(roll).named("readings");
                let sink = if is_compressed { sink.gzip() } else { sink };
                let pattern = if is_compressed { "out/*.csv.gz" } else { "out/*.csv" };
                let read = move || {
                    let found = thalweg::io::Files::list(&files, pattern).unwrap();
                    let read = |path: &std::path::PathBuf| {
                        let bytes = files.read(path).unwrap();
                        rows(&if is_compressed { gunzip(&bytes) } else { bytes })
                    };
                    found.iter().flat_map(read).collect()
                };
                (sink, read)
            };
            SinkSuite::new(readings(0..150), make).goes_back().hides_uncommitted().run();
        }
    }
}

#[test]
fn sinks_into_streams() {
    const PEER: &str = "tcp://10.0.0.7:9100";
    let peers = || {
        let attempts = vec![Attempt::Refused, Attempt::Gives(Vec::new())];
        MemoryStreams::default().with_attempts(PEER, attempts)
    };
    for is_csv in [false, true] {
        let read = move |bytes: &[u8]| if is_csv { rows(bytes) } else { parsed(bytes) };
        let make = move |world: &World| {
            let (streams, connect) =
                (world.memory_streams().clone(), Sockets::connect("10.0.0.7:9100"));
            let sink = if is_csv { connect.csv() } else { connect.ndjson::<Reading>() };
            let sink = sink.buffer_bytes(500).reconnect(Reconnect::every(Duration::from_millis(5)));
            // Who reads has no use for the begin of a line with which a connection ends.
            let whole = |sent: Vec<u8>| {
                let end = sent.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
                sent[..end].to_vec()
            };
            let sent = move || streams.sent(PEER).into_iter().map(whole).collect::<Vec<_>>();
            (sink, move || read(&sent().concat()))
        };
        SinkSuite::new(readings(0..150), make).world(with_streams(peers)).run();
        for which in [StandardOutput::Output, StandardOutput::Error] {
            let make = move |world: &World| {
                let streams = world.memory_streams().clone();
                let to = match which {
                    StandardOutput::Output => Standard::output(),
                    StandardOutput::Error => Standard::error(),
                };
                let sink = if is_csv { to.csv() } else { to.ndjson::<Reading>() };
                (sink, move || read(&streams.written(which)))
            };
            SinkSuite::new(readings(0..150), make).run();
        }
    }
}
