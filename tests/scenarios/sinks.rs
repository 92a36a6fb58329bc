//! Sinks into the outside world, in whole jobs: backpressure of a peer that does not read, and files that others follow.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use proptest::prelude::*;
use thalweg::error::{JobError, OperatorFault};
use thalweg::exchange::Records;
use thalweg::prelude::*;
use thalweg::rt::{Attempt, MemoryFiles, MemoryStreams, Sim};
use thalweg::sink::{Sink, SinkWriter, Writers};
use thalweg::source::OpenContext;
use thalweg_tests::run::watched;

fn engine(workers: usize) -> Engine {
    Engine::builder().driver(Driver::Plain).workers(workers).build()
}

/// A peer that does not read until the job has been held back: what it then gets is everything, once.
#[test]
fn full_socket_holds_the_job_back_and_loses_nothing() {
    for workers in 1..=3 {
        watched(move || {
            let server = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = server.local_addr().unwrap().to_string();
            let engine = engine(workers);
            let job = engine.start("relay", move |t| {
                let numbers = Generator::of(0..400_000, |i| (i, i * i)).splits(4);
                let to = Sockets::connect(address.as_str()).ndjson().buffer_bytes(4096);
                t.source("numbers", numbers).without_event_time().sink("to", to);
                Ok(())
            });
            let job = job.unwrap();
            let (peer, _) = server.accept().unwrap();
            // Nothing moves any more: the sockets' buffers are full, and so are the rings.
            let read = || job.snapshot().operator("numbers").map_or(0, |o| o.records_in);
            let mut before = (read(), 0);
            while before.1 < 1_000 {
                thread::yield_now();
                let now = read();
                before = if now == before.0 && now > 0 { (now, before.1 + 1) } else { (now, 0) };
            }
            let mut seen = vec![false; 400_000];
            for line in BufReader::new(peer).lines() {
                let line = line.unwrap();
                let number: usize = line[1..line.find(',').unwrap()].parse().unwrap();
                assert!(!std::mem::replace(&mut seen[number], true), "{number} came twice");
            }
            job.join().unwrap();
            assert!(seen.iter().all(|seen| *seen));
        });
    }
}

#[test]
fn peer_that_hangs_up_ends_the_job_with_its_address() {
    let error = watched(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lines.sock");
        let server = UnixListener::bind(&path).unwrap();
        let connects = path.clone();
        let engine = engine(1);
        let job = engine.start("relay", move |t| {
            let to = Sockets::connect_unix(&connects).ndjson();
            t.source("numbers", Generator::endless(|i| i)).without_event_time().sink("to", to);
            Ok(())
        });
        let (mut peer, _) = server.accept().unwrap();
        let mut some = [0; 100];
        peer.read_exact(&mut some).unwrap();
        drop(peer);
        let error = job.unwrap().join().unwrap_err();
        let JobError::Operator { operator, source } = error else { panic!("{error:?}") };
        (operator, source.to_string(), format!("cannot write to unix://{}", path.display()))
    });
    assert_eq!(error.0, "to");
    assert_eq!(error.1, error.2);
}

/// A source that falls silent: what was written before is in the file although nothing follows.
#[test]
fn file_that_is_flushed_when_idle_can_be_followed() {
    watched(|| {
        let folder = tempfile::tempdir().unwrap();
        let (log, out) = (folder.path().join("in.log"), folder.path().join("out.log"));
        std::fs::write(&log, "one\ntwo\n").unwrap();
        let (reads, writes) = (log, out.clone());
        let engine = engine(1);
        let job = engine.start("copy", move |t| {
            t.source("in", Files::text::<Str>(&reads).tail())
                .without_event_time()
                .sink("out", Files::text(&writes).flush_when_idle());
            Ok(())
        });
        let job = job.unwrap();
        while std::fs::read_to_string(&out).unwrap_or_default() != "one\ntwo\n" {
            thread::yield_now();
        }
        job.cancel();
        assert!(matches!(job.join(), Err(JobError::Cancelled)));
    });
}

#[test]
fn reset_connection_is_followed_by_one_that_begins_with_a_whole_record() {
    for seed in 0..50 {
        let room = usize::try_from(seed).unwrap() * 7;
        let streams = MemoryStreams::default().with_attempts(
            "tcp://10.0.0.7:1",
            vec![Attempt::ResetAfter(room), Attempt::Refused, Attempt::Gives(Vec::new())],
        );
        let job = |t: &mut Topology| {
            let to = Sockets::connect("10.0.0.7:1").csv().buffer_bytes(100);
            let to =
                to.reconnect(Reconnect::backoff(Duration::from_millis(1), Duration::from_secs(1)));
            let rows = Generator::of(0..60, |n| Row { number: n, square: n * n });
            t.source("rows", rows).without_event_time().sink("to", to);
            Ok(())
        };
        Sim::new(seed, 2).streams(streams.clone()).run(job).unwrap();
        let sent: Vec<String> = streams
            .sent("tcp://10.0.0.7:1")
            .into_iter()
            .map(|bytes| String::from_utf8(bytes).unwrap())
            .collect();
        assert_eq!(sent[0].len(), room);
        let mut lines = sent[1].lines();
        assert_eq!(lines.next(), Some("number,square"));
        // The rows that the first connection took whole are not sent again.
        let whole = sent[0].rfind('\n').map_or("", |end| &sent[0][..end]);
        let rows = whole.lines().skip(1).chain(lines);
        let expected: Vec<String> = (0..60).map(|n| format!("{n},{}", n * n)).collect();
        assert_eq!(rows.collect::<Vec<_>>(), expected);
    }
}

#[record]
struct Row {
    number: u64,
    square: u64,
}

/// A sink that takes a run only every few times it is asked, keeps back what it took until it is flushed, and is slow to close.
#[derive(Clone)]
struct Reluctant {
    every: u32,
    into: Arc<Mutex<Vec<u64>>>,
}

struct ReluctantWriter {
    sink: Reluctant,
    asked: u32,
    kept: Vec<u64>,
}

impl ReluctantWriter {
    fn is_willing(&mut self) -> bool {
        self.asked += 1;
        self.asked.is_multiple_of(self.sink.every)
    }
}

impl Sink<u64> for Reluctant {
    type Writer = ReluctantWriter;

    fn writers(&self) -> Writers {
        Writers::One
    }

    fn open(&self, _: &OpenContext) -> Result<ReluctantWriter, OperatorFault> {
        Ok(ReluctantWriter { sink: self.clone(), asked: 0, kept: Vec::new() })
    }
}

impl SinkWriter<u64> for ReluctantWriter {
    fn poll_ready(&mut self) -> Result<bool, OperatorFault> {
        Ok(self.kept.is_empty() || self.is_willing())
    }

    fn write(&mut self, run: Records<'_, u64>) -> Result<(), OperatorFault> {
        self.kept.extend(run.iter().map(|(record, _)| record.to_value()));
        Ok(())
    }

    fn holds_back(&self) -> bool {
        !self.kept.is_empty()
    }

    fn poll_flush(&mut self) -> Result<bool, OperatorFault> {
        if self.is_willing() {
            self.sink.into.lock().unwrap().append(&mut self.kept);
        }
        Ok(self.kept.is_empty())
    }

    fn poll_close(&mut self) -> Result<bool, OperatorFault> {
        self.poll_flush()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(60) })]

    #[test]
    fn reluctant_sink_gets_every_record_once_and_in_order(
        on in thalweg_tests::random::on(), every in 1..40_u32, records in 0..3_000_u64,
    ) {
        let into = Arc::new(Mutex::new(Vec::new()));
        let sink = Reluctant { every, into: Arc::clone(&into) };
        on.run(move |t| {
            let numbers = Generator::of(0..records, |i| i).splits(3);
            t.source("numbers", numbers).without_event_time().sink("to", sink.clone());
            Ok(())
        }).unwrap();
        let seen = into.lock().unwrap().clone();
        for split in 0..3 {
            let own: Vec<u64> = seen.iter().copied().filter(|n| n % 3 == split).collect();
            prop_assert_eq!(own, (0..records).filter(|n| n % 3 == split).collect::<Vec<_>>());
        }
    }
}

/// The replay waits where the sink that was recorded did not have to.
#[test]
fn run_into_a_reluctant_sink_is_replayed() {
    for seed in 0..30 {
        let into = Arc::new(Mutex::new(Vec::new()));
        let job = |every, into: &Arc<Mutex<Vec<u64>>>| {
            let sink = Reluctant { every, into: Arc::clone(into) };
            move |t: &mut Topology| {
                let numbers = Generator::of(0..500, |i| i).splits(2);
                t.source("numbers", numbers).without_event_time().sink("to", sink.clone());
                Ok(())
            }
        };
        let ran = Sim::new(seed, 2).run(job(1, &into)).unwrap();
        let first = std::mem::take(&mut *into.lock().unwrap());
        Sim::replay(&ran.journal, MemoryFiles::default(), job(9, &into)).unwrap();
        assert_eq!(*into.lock().unwrap(), first);
    }
}
