//! Sources of the outside world, in whole jobs: real sockets and real files that others write to while the job runs.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::net::TcpStream;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::thread;
use std::time::Duration;

use thalweg::control::JobHandle;
use thalweg::error::JobError;
use thalweg::io::Address;
use thalweg::prelude::*;
use thalweg::rt::{MemoryFiles, MemoryStreams, Sim};
use thalweg::source::BoundAddress;
use thalweg_tests::records::Reading;
use thalweg_tests::run::watched;

fn line(number: i64) -> String {
    format!(
        "{{\"at\":\"{}\",\"sensor\":\"s{}\",\"value\":{number}}}\n",
        EventTime::from_secs(number),
        number % 3
    )
}

fn lines(numbers: std::ops::Range<i64>) -> String {
    numbers.map(line).collect()
}

fn engine(workers: usize) -> Engine {
    Engine::builder().driver(Driver::Plain).workers(workers).build()
}

fn values(collected: &Collected<Reading>) -> Vec<i64> {
    let mut values: Vec<i64> = collected.take().into_iter().map(|reading| reading.value).collect();
    values.sort_unstable();
    values
}

/// Waits, without a limit of its own, until the job has read so many records; the watchdog is around it.
fn until_read(job: &JobHandle, records: u64) {
    let read = || job.snapshot().operator("collected").map_or(0, |operator| operator.records_in);
    while read() < records {
        assert!(!job.is_ended(), "the job has ended after {} of {records} records", read());
        thread::yield_now();
    }
}

fn port(bound: &BoundAddress) -> String {
    match bound.get() {
        Some(Address::Tcp(address)) => address,
        other => panic!("not a port: {other:?}"),
    }
}

#[test]
fn every_connection_is_a_split_of_its_own() {
    for workers in 1..=4 {
        watched(move || {
            let (bound, collected) = (BoundAddress::new(), Collected::new());
            let (announce, sink) = (bound.clone(), collected.clone());
            let engine = engine(workers);
            let job = engine.start("server", move |t| {
                let lines = Sockets::listen("127.0.0.1:0").ndjson::<Reading>();
                t.source("lines", lines.connections(5).announce(&announce))
                    .watermarks(Monotonic)
                    .sink("collected", sink.sink());
                Ok(())
            });
            let job = job.unwrap();
            let address = port(&bound);
            let mut peers: Vec<_> = (0..5).map(|_| TcpStream::connect(&address).unwrap()).collect();
            // Byte by byte for one of them, so that no line comes whole.
            for byte in lines(0..30).trim_end().bytes() {
                peers[0].write_all(&[byte]).unwrap();
            }
            for (number, peer) in peers.iter_mut().enumerate().skip(1) {
                let first = 100 * i64::try_from(number).unwrap();
                peer.write_all(lines(first..first + 50).as_bytes()).unwrap();
            }
            until_read(&job, 29 + 4 * 50);
            drop(peers);
            job.join().unwrap();
            let expected: Vec<i64> =
                (0..30).chain((1..5).flat_map(|n| 100 * n..100 * n + 50)).collect();
            assert_eq!(values(&collected), expected);
        });
    }
}

#[test]
fn bad_lines_of_a_connection_are_named_by_it() {
    let error = watched(|| {
        let bound = BoundAddress::new();
        let announce = bound.clone();
        let engine = engine(1);
        let job = engine.start("server", move |t| {
            let lines = Sockets::listen("127.0.0.1:0").ndjson::<Reading>().max_line_bytes(200);
            t.source("lines", lines.announce(&announce))
                .watermarks(Monotonic)
                .sink("out", Blackhole);
            Ok(())
        });
        let mut peer = TcpStream::connect(port(&bound)).unwrap();
        peer.write_all((line(1) + &"x".repeat(201) + "\n").as_bytes()).unwrap();
        job.unwrap().join().unwrap_err()
    });
    let JobError::Operator { operator, source } = error else { panic!("{error:?}") };
    assert_eq!(operator, "lines");
    assert_eq!(
        source.to_string(),
        "\"tcp://127.0.0.1:0 connection 0\", line 2: line is longer than 200 bytes, the limit `max_line_bytes`"
    );
}

#[test]
fn address_in_use_refuses_the_job() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let listens = address.clone();
    let job = move |t: &mut Topology| {
        let lines = Sockets::listen(listens.as_str()).ndjson::<Reading>();
        t.source("lines", lines).watermarks(Monotonic).sink("out", Blackhole);
        Ok(())
    };
    let error = engine(2).start("server", job).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "the job cannot be built\n  setting of \"lines\": cannot listen at tcp://{address}: Address already in use (os error 98)"
        )
    );
}

#[test]
fn two_jobs_may_listen_one_after_the_other() {
    watched(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lines.sock");
        for _ in 0..2 {
            let listens = path.clone();
            let engine = engine(2);
            let job = engine.start("server", move |t| {
                let lines = Sockets::listen_unix(&listens).text::<Str>();
                t.source("lines", lines.connections(1))
                    .without_event_time()
                    .sink("collected", Blackhole);
                Ok(())
            });
            let mut peer = std::os::unix::net::UnixStream::connect(&path).unwrap();
            peer.write_all(b"one\ntwo").unwrap();
            drop(peer);
            let report = job.unwrap().join().unwrap();
            assert_eq!(report.operator("collected").unwrap().totals.records_in, 2);
            assert!(!path.exists(), "the socket file is removed");
        }
    });
}

#[test]
fn client_that_is_refused_says_so() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = watched(move || {
        engine(1).run("client", move |t| {
            let again = Reconnect::every(Duration::from_millis(1)).at_most(3);
            let lines = Sockets::connect(free.to_string()).ndjson::<Reading>().reconnect(again);
            t.source("lines", lines).watermarks(Monotonic).sink("out", Blackhole);
            Ok(())
        })
    });
    let Err(JobError::Operator { source, .. }) = error else { panic!("{error:?}") };
    assert_eq!(source.to_string(), format!("cannot connect to tcp://{free}"));
    assert_eq!(source.source().unwrap().to_string(), "Connection refused (os error 111)");
}

#[test]
fn client_connects_again_and_leaves_out_the_line_that_was_cut() {
    watched(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lines.sock");
        let server = UnixListener::bind(&path).unwrap();
        let collected = Collected::new();
        let sink = collected.clone();
        let engine = engine(1);
        let job = engine.start("client", move |t| {
            let again = Reconnect::backoff(Duration::from_millis(1), Duration::from_millis(4));
            let lines = Sockets::connect_unix(&path).ndjson::<Reading>().reconnect(again);
            t.source("lines", lines.on_error(OnError::Skip))
                .watermarks(Monotonic)
                .sink("collected", sink.sink());
            Ok(())
        });
        let job = job.unwrap();
        for numbers in [0..10, 10..20] {
            let (mut peer, _) = server.accept().unwrap();
            peer.write_all(lines(numbers).as_bytes()).unwrap();
            // The last line is cut off: it is no record.
            peer.write_all(&line(99).as_bytes()[..9]).unwrap();
        }
        let third = server.accept().unwrap();
        until_read(&job, 20);
        job.cancel();
        drop(third);
        assert!(matches!(job.join(), Err(JobError::Cancelled)));
        assert_eq!(values(&collected), (0..20).collect::<Vec<_>>());
    });
}

fn append(path: &Path, text: &str) {
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

#[test]
fn tail_follows_a_log_through_rotation_and_truncation() {
    for workers in [1, 3] {
        watched(move || {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("app.log");
            let collected = Collected::new();
            let (sink, follows) = (collected.clone(), path.clone());
            let engine = engine(workers);
            let job = engine.start("tail", move |t| {
                let log = Files::ndjson::<Reading>(&follows).tail();
                t.source("log", log).watermarks(Monotonic).sink("collected", sink.sink());
                Ok(())
            });
            let job = job.unwrap();
            append(&path, &lines(0..10));
            // A line in three parts is one record, when its end has come.
            let text = line(10);
            for part in [&text[..5], &text[5..20], &text[20..]] {
                append(&path, part);
                thread::yield_now();
            }
            until_read(&job, 11);
            append(&path, line(11).trim_end());
            fs::rename(&path, folder.path().join("app.log.1")).unwrap();
            append(&path, &lines(12..20));
            until_read(&job, 20);
            // `copytruncate`.
            let log = OpenOptions::new().write(true).open(&path).unwrap();
            log.set_len(0).unwrap();
            drop(log);
            append(&path, &lines(20..22));
            until_read(&job, 22);
            job.cancel();
            assert!(matches!(job.join(), Err(JobError::Cancelled)));
            assert_eq!(values(&collected), (0..22).collect::<Vec<_>>());
        });
    }
}

#[test]
fn new_files_of_a_folder_are_read_once() {
    for workers in 1..=4 {
        watched(move || {
            let folder = tempfile::tempdir().unwrap();
            let collected = Collected::new();
            let (sink, pattern, marker) =
                (collected.clone(), folder.path().join("*.ndjson"), folder.path().join("done"));
            fs::write(folder.path().join("before.ndjson"), lines(0..10)).unwrap();
            let engine = engine(workers);
            let job = engine.start("watch", move |t| {
                let files = Files::ndjson::<Reading>(&pattern).watch();
                let files =
                    files.interval(Duration::from_millis(2)).at_once().until_exists(&marker);
                t.source("files", files).watermarks(Monotonic).sink("collected", sink.sink());
                Ok(())
            });
            let job = job.unwrap();
            until_read(&job, 10);
            for number in 1..20 {
                let (new, there) =
                    (folder.path().join("new"), folder.path().join(format!("{number}.ndjson")));
                fs::write(&new, lines(10 * number..10 * number + 10)).unwrap();
                fs::rename(&new, &there).unwrap();
            }
            until_read(&job, 200);
            fs::write(folder.path().join("done"), "").unwrap();
            job.join().unwrap();
            assert_eq!(values(&collected), (0..200).collect::<Vec<_>>());
        });
    }
}

#[test]
fn replay_without_the_recorded_bytes_is_refused() {
    let job = |t: &mut Topology| {
        t.source("lines", Sockets::listen("0.0.0.0:1").ndjson::<Reading>().connections(1))
            .watermarks(Monotonic)
            .sink("out", Blackhole);
        Ok(())
    };
    let streams =
        MemoryStreams::default().with_arriving("tcp://0.0.0.0:1", vec![lines(0..5).into_bytes()]);
    let ran = Sim::new(1, 2).streams(streams.clone()).run(job).unwrap();
    Sim::replay_with(&ran.journal, MemoryFiles::default(), streams, job).unwrap();
    // The files of this machine may have changed since; those in memory have not.
    let tail = |t: &mut Topology| {
        let log = Files::ndjson::<Reading>("app.log").tail().until_exists("done");
        t.source("log", log).watermarks(Monotonic).sink("out", Blackhole);
        Ok(())
    };
    let files = MemoryFiles::default().with("app.log", lines(0..5)).with("done", "");
    let ran = Sim::new(1, 2).files(files.clone()).run(tail).unwrap();
    Sim::replay(&ran.journal, files, tail).unwrap();
    let error = Sim::replay(&ran.journal, thalweg::rt::SystemFiles, tail).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the job cannot be built\n  source \"log\" cannot be replayed: what it read is gone; replay it with the recorded bytes (MemoryFiles, MemoryStreams)"
    );
}

/// The schedule is kept on average, however slow the polls are; and what it makes does not depend on it.
#[test]
fn generator_at_a_rate_makes_every_record_and_counts_latency_from_its_schedule() {
    for workers in 1..=3 {
        let collected = Collected::new();
        let sink = collected.clone();
        let ran = Sim::new(workers as u64, workers)
            .run(move |t| {
                let numbers = Generator::of(0..500, |i| i).splits(4).records_per_s(1_000_000);
                t.source("numbers", numbers).without_event_time().sink("collected", sink.sink());
                Ok(())
            })
            .unwrap();
        let first = collected.take_per_worker();
        let mut all: Vec<u64> = first.iter().flatten().map(|(_, number)| *number).collect();
        all.sort_unstable();
        assert_eq!(all, (0..500).collect::<Vec<_>>());
        // The last one is due after 499 us.
        assert!(ran.report.elapsed >= Duration::from_micros(499), "{:?}", ran.report.elapsed);
        let sink = collected.clone();
        Sim::replay(&ran.journal, MemoryFiles::default(), move |t| {
            let numbers = Generator::of(0..500, |i| i).splits(4).records_per_s(1_000_000);
            t.source("numbers", numbers).without_event_time().sink("collected", sink.sink());
            Ok(())
        })
        .unwrap();
        assert_eq!(collected.take_per_worker(), first);
    }
}
