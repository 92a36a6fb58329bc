//! A job between threads of its host: what is sent is received, whatever the sizes, and whatever becomes of either side.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use proptest::prelude::*;
use thalweg::control::JobHandle;
use thalweg::error::{JobError, RecvError, SendError};
use thalweg::prelude::*;
use thalweg::rt::{MemoryFiles, Sim};
use thalweg_tests::run::{Settings, watched};

/// What the host sends.
#[record]
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Reading {
    #[event_time]
    at: EventTime,
    sensor: Str,
    value: u64,
}

/// What it receives.
#[record]
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Sum {
    at: EventTime,
    sensor: Str,
    sum: u64,
}

fn reading(n: u64) -> Reading {
    let at = EventTime::from_nanos(i64::try_from(n).unwrap());
    // Some names are long enough to lie outside of the record's root, and some fit no small page.
    let sensor = match n % 13 {
        0 => format!("sensor {}", "long ".repeat(90)),
        _ => format!("sensor {}", n % 5),
    };
    Reading { at, sensor: sensor.into(), value: n }
}

/// Running sums per sensor.
fn sums(t: &mut Topology, handles: usize) -> Result<()> {
    t.input::<Reading>("readings")
        .handles(handles)
        .watermarks(BoundedOutOfOrderness::of(1.secs()))
        .key_by(|r| r.sensor())
        .filter_map_with_state("sum", |sum: &mut u64, r| {
            *sum += r.value();
            Some(Sum { at: r.at(), sensor: r.sensor().into(), sum: *sum })
        })
        .output("sums");
    Ok(())
}

/// Doubles numbers.
fn doubled(t: &mut Topology) -> Result<()> {
    t.input::<u64>("numbers").without_event_time().map(|n| n.to_native() * 2).output("doubled");
    Ok(())
}

/// The last sum of each sensor, which is its sum whatever the order.
fn last_sums(readings: impl Iterator<Item = Reading>) -> BTreeMap<Str, u64> {
    let mut sums = BTreeMap::new();
    readings.for_each(|r| *sums.entry(r.sensor).or_default() += r.value);
    sums
}

/// Sends `count` readings by `handles` threads, one way or another, and receives on this one.
fn through(engine: &Engine, name: &str, handles: usize, count: u64, slow: Slow) {
    let job = engine.deploy(name, move |t| sums(t, handles)).unwrap();
    let mut output = job.output::<Sum>("sums").unwrap();
    let mut received = Vec::new();
    thread::scope(|scope| {
        for thread in 0..handles as u64 {
            let mut input = job.input::<Reading>("readings").unwrap();
            scope.spawn(move || {
                for n in (thread..count).step_by(handles) {
                    match n % 3 {
                        0 => input.send(&reading(n)).unwrap(),
                        1 => input.push(&reading(n)).unwrap(),
                        _ => {
                            while let Err(SendError::Full) = input.try_send(&reading(n)) {
                                thread::yield_now();
                            }
                        }
                    }
                    if slow == Slow::Sender && n % 64 == 0 {
                        thread::sleep(Duration::from_micros(300));
                    }
                }
            });
        }
        loop {
            match output.recv() {
                Ok(sum) => received.push(sum),
                Err(RecvError::Ended) => break,
                Err(other) => panic!("{other}"),
            }
            if slow == Slow::Receiver && received.len() % 64 == 0 {
                thread::sleep(Duration::from_micros(300));
            }
        }
    });
    assert_eq!(output.watermark(), EventTime::MAX);
    let report = job.join().unwrap();
    assert_eq!(report.operator("readings").unwrap().totals.records_in, count);
    assert_eq!(received.len() as u64, count);
    let last: BTreeMap<_, _> = received.iter().map(|s| (s.sensor.clone(), s.sum)).collect();
    assert_eq!(last, last_sums((0..count).map(reading)));
}

#[derive(Clone, Copy, PartialEq)]
enum Slow {
    Nobody,
    Sender,
    Receiver,
}

#[test]
fn what_threads_send_is_received_on_one_to_four_workers_through_rings_of_one_page() {
    for workers in 1..=4 {
        watched(move || {
            let engine = Settings::tight(workers).engine().build();
            for handles in [1, 3, 5] {
                through(&engine, "sums", handles, 3_000, Slow::Nobody);
            }
        });
    }
}

#[test]
fn what_threads_send_is_received_with_the_usual_sizes_on_both_drivers() {
    for driver in [Driver::Plain, Driver::Auto] {
        watched(move || {
            let engine = Engine::builder().workers(2).driver(driver).build();
            through(&engine, "sums", 2, 20_000, Slow::Nobody);
        });
    }
}

#[test]
fn a_host_may_be_slower_or_faster_than_the_job() {
    for slow in [Slow::Sender, Slow::Receiver] {
        watched(move || {
            let engine = Settings::tight(2).engine().build();
            through(&engine, "tight", 2, 3_000, slow);
            let engine = Engine::builder().workers(2).driver(Driver::Plain).build();
            through(&engine, "usual", 2, 3_000, slow);
        });
    }
}

#[test]
fn jobs_of_one_engine_have_handles_each_for_itself() {
    watched(|| {
        let engine = Engine::builder().workers(2).driver(Driver::Plain).build();
        thread::scope(|scope| {
            for name in ["one", "two", "three"] {
                let engine = &engine;
                scope.spawn(move || through(engine, name, 2, 3_000, Slow::Nobody));
            }
        });
    });
}

/// One record at a time, and the next only when the answer has come: nothing may wait for company.
#[test]
fn a_record_sent_to_an_idle_job_comes_through_alone() {
    for workers in [1, 3] {
        watched(move || {
            let engine = Engine::builder().workers(workers).driver(Driver::Plain).build();
            let job = engine.deploy("doubled", doubled).unwrap();
            let mut numbers = job.input::<u64>("numbers").unwrap();
            let mut results = job.output::<u64>("doubled").unwrap();
            for n in 0..2_000 {
                numbers.send(&n).unwrap();
                if n % 500 == 0 {
                    // Long enough for the worker to fall asleep.
                    thread::sleep(Duration::from_millis(2));
                }
                assert_eq!(results.recv().unwrap(), n * 2);
            }
            assert_eq!(results.try_recv(), Ok(None));
            assert_eq!(results.recv_timeout(Duration::from_millis(1)), Ok(None));
            numbers.close();
            assert_eq!(results.recv(), Err(RecvError::Ended));
            assert_eq!(results.recv_timeout(Duration::from_secs(9)), Err(RecvError::Ended));
            job.join().unwrap();
        });
    }
}

#[test]
fn a_full_input_is_said_to_the_caller_and_takes_nothing() {
    watched(|| {
        let mut engine = Engine::builder().ring_pages(3).build_inline().unwrap();
        let job = engine.deploy("doubled", doubled).unwrap();
        let mut numbers = job.input::<u64>("numbers").unwrap();
        let mut results = job.output::<u64>("doubled").unwrap();
        // Nobody turns the job: its ring has three pages, and what is sent is a page each.
        assert_eq!([(); 5].map(|()| numbers.try_send(&1)).iter().filter(|r| r.is_ok()).count(), 3);
        assert_eq!(numbers.try_send(&1), Err(SendError::Full));
        while engine.turn() {}
        assert_eq!(numbers.try_send(&4), Ok(()));
        numbers.close();
        engine.join(job).unwrap();
        let mut received = Vec::new();
        while let Ok(Some(n)) = results.try_recv() {
            received.push(n);
        }
        assert_eq!(received, [2, 2, 2, 8]);
        assert_eq!(results.try_recv(), Err(RecvError::Ended));
    });
}

#[test]
fn a_host_that_turns_its_job_sends_and_receives_on_one_thread() {
    watched(|| {
        let mut engine = Engine::builder().ring_pages(1).page_bytes(256).build_inline().unwrap();
        let job = engine.deploy("sums", |t| sums(t, 1)).unwrap();
        let mut input = job.input::<Reading>("readings").unwrap();
        let mut output = job.output::<Sum>("sums").unwrap();
        let mut received = 0;
        for n in 0..1_000 {
            while input.try_send(&reading(n)) == Err(SendError::Full) {
                engine.turn();
                received += output.drain(|_, _| ()).unwrap();
            }
        }
        input.close();
        let mut receive = || match output.drain(|_, _| ()) {
            Ok(count) => {
                received += count;
                false
            }
            Err(error) => error == RecvError::Ended,
        };
        engine.run_until(&mut receive);
        assert_eq!(received, 1_000);
        engine.join(job).unwrap();
    });
}

#[test]
fn an_output_that_is_dropped_lets_the_job_go_on() {
    for workers in 1..=3 {
        watched(move || {
            let engine = Settings::tight(workers).engine().build();
            let job = engine.deploy("sums", |t| sums(t, 1)).unwrap();
            let mut input = job.input::<Reading>("readings").unwrap();
            let mut output = job.output::<Sum>("sums").unwrap();
            let sender = thread::Builder::new().spawn(move || {
                (0..2_000).for_each(|n| input.send(&reading(n)).unwrap());
            });
            output.recv().unwrap();
            drop(output);
            sender.unwrap().join().unwrap();
            let report = job.join().unwrap();
            assert_eq!(report.operator("sums").unwrap().totals.records_in, 2_000);
        });
    }
}

#[test]
fn handles_that_nobody_takes_neither_hold_the_job_nor_end_it_early() {
    watched(|| {
        let engine = Settings::tight(2).engine().build();
        let job = engine.deploy("sums", |t| sums(t, 3)).unwrap();
        let mut input = job.input::<Reading>("readings").unwrap();
        let sender = thread::Builder::new().spawn(move || {
            (0..1_000).for_each(|n| input.send(&reading(n)).unwrap());
        });
        let report = job.join().unwrap();
        assert_eq!(report.operator("sums").unwrap().totals.records_in, 1_000);
        sender.unwrap().join().unwrap();
    });
}

/// A job that fails at the value 500, or when it is told to.
fn fragile(t: &mut Topology) -> Result<()> {
    t.input::<u64>("numbers")
        .handles(2)
        .without_event_time()
        .try_map(|n| if n.to_native() == 500 { Err("too much".into()) } else { Ok(n.to_native()) })
        .output("same");
    Ok(())
}

fn fragile_job(engine: &Engine) -> (JobHandle, InputHandle<u64>, OutputHandle<u64>) {
    let job = engine.deploy("fragile", fragile).unwrap();
    let (input, output) = (job.input("numbers").unwrap(), job.output("same").unwrap());
    (job, input, output)
}

#[test]
fn who_sends_and_who_receives_is_told_that_the_job_failed() {
    for workers in 1..=3 {
        watched(move || {
            let engine = Settings::tight(workers).engine().build();
            let (job, mut input, mut output) = fragile_job(&engine);
            let failed = "operator \"numbers\" failed: too much".to_owned();
            let sender = thread::Builder::new().spawn(move || {
                (0..).find_map(|n| input.send(&n).err()).expect("numbers do not run out")
            });
            let mut received = 0..;
            let error = loop {
                match output.recv() {
                    Ok(n) => assert_eq!(Some(n), received.next()),
                    Err(error) => break error,
                }
            };
            assert!(received.start <= 500);
            assert_eq!(error, RecvError::Failed { message: failed.clone() });
            assert_eq!(output.try_recv(), Err(error));
            assert_eq!(sender.unwrap().join().unwrap(), SendError::Failed { message: failed });
            assert!(matches!(job.join(), Err(JobError::Operator { .. })));
        });
    }
}

#[test]
fn threads_that_wait_are_woken_when_the_job_is_cancelled() {
    watched(|| {
        let engine = Settings::tight(2).engine().build();
        let (job, mut input, mut output) = fragile_job(&engine);
        // The one waits for room, since nobody receives; the other, of another job, for a record.
        let (idle, silent, mut waiting) = {
            let idle = engine.deploy("idle", fragile).unwrap();
            let silent = idle.input::<u64>("numbers").unwrap();
            let output = idle.output::<u64>("same").unwrap();
            (idle, silent, output)
        };
        thread::scope(|scope| {
            let sender = scope.spawn(move || (501..).find_map(|n| input.send(&n).err()));
            let receiver = scope.spawn(move || waiting.recv().unwrap_err());
            thread::sleep(Duration::from_millis(20));
            job.cancel();
            idle.cancel();
            let message = "the job was cancelled".to_owned();
            let sent = sender.join().unwrap();
            assert_eq!(sent, Some(SendError::Failed { message: message.clone() }));
            assert_eq!(receiver.join().unwrap(), RecvError::Failed { message });
        });
        while output.recv().is_ok() {}
        assert!(matches!(job.join(), Err(JobError::Cancelled)));
        assert!(matches!(idle.join(), Err(JobError::Cancelled)));
        drop(silent);
    });
}

#[test]
fn an_engine_that_stops_ends_the_handles_of_its_jobs() {
    watched(|| {
        let engine = Settings::tight(2).engine().build();
        let (_job, mut input, mut output) = fragile_job(&engine);
        drop(engine);
        let message = "the job was cancelled".to_owned();
        assert_eq!(input.send(&1), Err(SendError::Failed { message: message.clone() }));
        assert_eq!(output.recv(), Err(RecvError::Failed { message }));
    });
}

#[test]
fn wrong_names_wrong_types_and_second_takers_are_told_so() {
    watched(|| {
        let engine = Settings::tight(2).engine().build();
        let job = engine.deploy("sums", |t| sums(t, 2)).unwrap();
        let unknown = job.input::<Reading>("readngs").unwrap_err();
        assert_eq!(unknown.to_string(), "no input is named \"readngs\"; the job has \"readings\"");
        let wrong = job.input::<u64>("readings").unwrap_err();
        let expected =
            "input \"readings\" carries records of type `scenarios::handles::Reading`, not `u64`";
        assert_eq!(wrong.to_string(), expected);
        assert_eq!(JobError::from(wrong).to_string(), expected);
        let wrong = job.output::<Reading>("sums").unwrap_err();
        assert_eq!(
            wrong.to_string(),
            "output \"sums\" carries records of type `scenarios::handles::Sum`, not `scenarios::handles::Reading`"
        );
        let _first = job.output::<Sum>("sums").unwrap();
        let taken = job.output::<Sum>("sums").unwrap_err();
        assert_eq!(taken.to_string(), "the handle of output \"sums\" was taken already");
        let _both = [(); 2].map(|()| job.input::<Reading>("readings").unwrap());
        let taken = job.input::<Reading>("readings").unwrap_err();
        assert_eq!(taken.to_string(), "all 2 handles of input \"readings\" were taken already");
        let none = engine.deploy("none", |t| {
            t.source("nothing", Items::of(Vec::<u64>::new()))
                .without_event_time()
                .sink("nowhere", Blackhole);
            Ok(())
        });
        let none = none.unwrap().output::<u64>("nothing").unwrap_err();
        assert_eq!(none.to_string(), "no output is named \"nothing\"; the job has no output");
    });
}

#[test]
fn what_cannot_work_is_refused_when_it_is_built() {
    let error = Engine::builder().build().plan(|t| {
        t.input::<u64>("numbers").handles(0).watermarks(Monotonic).output("out");
        Ok(())
    });
    let expected = "the job cannot be built\n  setting of \"numbers\": records of type u64 have no field marked #[event_time]; mark one, or call watermarks_sent() or without_event_time()\n  setting of \"numbers\": an input has at least one handle";
    assert_eq!(error.unwrap_err().to_string(), expected);
    let error = Engine::builder().build().plan(|t| {
        let strategy = Monotonic.aligned_within(1.secs());
        t.input::<Reading>("readings").watermarks(strategy).output("out");
        Ok(())
    });
    let expected = "the job cannot be built\n  setting of \"readings\": an input of the host knows neither alignment nor bounds on the future; leave them out";
    assert_eq!(error.unwrap_err().to_string(), expected);
    let plan = Engine::builder().build().plan(|t| sums(t, 2)).unwrap();
    assert!(plan.explain().contains("2 handle(s) of the host"), "{}", plan.explain());
}

/// Counts per second.
fn counts(t: &mut Topology, sent: bool) -> Result<()> {
    let input = t.input::<Reading>("readings").handles(2);
    let readings = match sent {
        true => input.watermarks_sent(),
        false => input.watermarks(Monotonic.idle_after(Duration::from_millis(20))),
    };
    let Windowed { on_time, late } = readings
        .key_by(|r| r.sensor())
        .window("per second", Tumbling::of(1.secs()))
        .aggregate(|count: &mut u64, _| *count += 1);
    late.drop_counted();
    on_time.map(|w| (w.start(), w.value())).output("counts");
    Ok(())
}

fn at(seconds: i64) -> Reading {
    Reading { at: EventTime::from_secs(seconds), sensor: "a".into(), value: 1 }
}

#[test]
fn the_host_says_how_far_time_is_and_that_it_is_idle() {
    watched(|| {
        let engine = Settings::tight(2).engine().build();
        let job = engine.deploy("counts", |t| counts(t, true)).unwrap();
        let [mut one, mut two] = [(); 2].map(|()| job.input::<Reading>("readings").unwrap());
        let mut output = job.output::<(EventTime, u64)>("counts").unwrap();
        for second in [0, 0, 1, 2, 2] {
            one.send(&at(second)).unwrap();
        }
        one.watermark(EventTime::from_secs(2)).unwrap();
        thread::sleep(Duration::from_millis(5));
        assert_eq!(output.try_recv(), Ok(None), "the other handle holds time back");
        two.watermark(EventTime::from_secs(1)).unwrap();
        assert_eq!(output.recv(), Ok((EventTime::from_secs(0), 2)));
        two.idle().unwrap();
        assert_eq!(output.recv(), Ok((EventTime::from_secs(1), 1)));
        two.send(&at(2)).unwrap();
        // The two handles are read by two workers: that this one speaks again has to reach the window before the other goes on.
        while job.snapshot().operator("per second").unwrap().records_in < 6 {
            thread::yield_now();
        }
        one.try_watermark(EventTime::from_secs(9)).unwrap();
        two.send_at(&at(2), EventTime::from_secs(3)).unwrap();
        two.close();
        assert_eq!(output.recv(), Ok((EventTime::from_secs(2), 3)));
        assert_eq!(output.recv(), Ok((EventTime::from_secs(3), 1)));
        one.close();
        assert_eq!(output.recv(), Err(RecvError::Ended));
        job.join().unwrap();
    });
}

#[test]
fn a_handle_that_falls_silent_does_not_hold_time_back_and_time_goes_on_with_the_clock() {
    watched(|| {
        let engine = Settings::tight(3).engine().build();
        let job = engine.deploy("counts", |t| counts(t, false)).unwrap();
        let [mut one, _silent] = [(); 2].map(|()| job.input::<Reading>("readings").unwrap());
        let mut output = job.output::<(EventTime, u64)>("counts").unwrap();
        for second in [0, 1, 2] {
            one.send(&at(second)).unwrap();
        }
        assert_eq!(output.recv(), Ok((EventTime::from_secs(0), 1)));
        assert_eq!(output.recv(), Ok((EventTime::from_secs(1), 1)));
        // Nothing more is sent: a second of the clock later the last window closes too.
        assert_eq!(output.recv(), Ok((EventTime::from_secs(2), 1)));
        job.cancel();
    });
}

#[test]
fn an_output_per_worker_has_a_handle_for_each() {
    watched(|| {
        let engine = Settings::tight(3).engine().build();
        let job = engine.deploy("spread", |t| {
            t.input::<u64>("numbers")
                .without_event_time()
                .key_by_value(|n| n.to_native())
                .filter_map_with_state("pass", |_: &mut u64, n| Some(n.to_native()))
                .output_per_worker("same");
            Ok(())
        });
        let job = job.unwrap();
        let mut numbers = job.input::<u64>("numbers").unwrap();
        let outputs = [(); 3].map(|()| job.output::<u64>("same").unwrap());
        let received = thread::scope(|scope| {
            let receivers = outputs.map(|mut output| {
                scope.spawn(move || {
                    let mut received = Vec::new();
                    while let Ok(n) = output.recv() {
                        received.push(n);
                    }
                    received
                })
            });
            numbers.send_all(&(0..900).collect::<Vec<_>>()).unwrap();
            numbers.close();
            receivers.map(|receiver| receiver.join().unwrap())
        });
        assert!(received.iter().all(|list| list.is_sorted() && !list.is_empty()));
        let mut all = received.concat();
        all.sort_unstable();
        assert_eq!(all, (0..900).collect::<Vec<_>>());
        job.join().unwrap();
    });
}

#[test]
fn records_go_from_job_to_job_without_being_unpacked() {
    watched(|| {
        let engine = Settings::tight(2).engine().build();
        let first = engine.deploy("first", |t| sums(t, 1)).unwrap();
        let second = engine.deploy("second", |t| {
            t.input::<Sum>("sums").without_event_time().map(|s| s.sum()).output("numbers");
            Ok(())
        });
        let second = second.unwrap();
        let mut input = first.input::<Reading>("readings").unwrap();
        let (mut from, mut to) =
            (first.output::<Sum>("sums").unwrap(), second.input("sums").unwrap());
        let mut output = second.output::<u64>("numbers").unwrap();
        thread::scope(|scope| {
            scope.spawn(move || (0..1_000).for_each(|n| input.send(&reading(n)).unwrap()));
            scope.spawn(move || {
                let mut pass = |sum: &Rec<Sum>, _| to.send_archived(sum).unwrap();
                while from.recv_with(&mut pass).is_ok() {}
            });
            let mut count = 0;
            while output.recv().is_ok() {
                count += 1;
            }
            assert_eq!(count, 1_000);
        });
    });
}

#[test]
fn a_job_that_is_drained_or_stopped_ends_its_handles() {
    for drains in [true, false] {
        watched(move || {
            let engine = Settings::tight(2).engine().build();
            let job = engine.deploy("counts", |t| counts(t, true)).unwrap();
            let [mut one, mut two] = [(); 2].map(|()| job.input::<Reading>("readings").unwrap());
            let mut output = job.output::<(EventTime, u64)>("counts").unwrap();
            one.send(&at(0)).unwrap();
            one.send(&at(5)).unwrap();
            for handle in [&mut one, &mut two] {
                handle.watermark(EventTime::from_secs(1)).unwrap();
            }
            assert_eq!(output.recv(), Ok((EventTime::from_secs(0), 1)));
            if drains {
                job.drain()
            } else {
                job.stop()
            }
            let ended = loop {
                if let Err(error) = two.send(&at(9)) {
                    break error;
                }
            };
            assert_eq!(ended, SendError::Ended);
            let mut rest = Vec::new();
            let error = loop {
                match output.recv() {
                    Ok((start, _)) => rest.push(start),
                    Err(error) => break error,
                }
            };
            assert_eq!(error, RecvError::Ended);
            // Windows that were open fire if the job is drained, and do not if it is stopped.
            assert_eq!(rest.contains(&EventTime::from_secs(5)), drains);
            job.join().unwrap();
        });
    }
}

#[test]
fn who_asks_what_holds_event_time_back_is_told_the_handle() {
    watched(|| {
        let engine = Settings::tight(1).engine().build();
        let job = engine.deploy("counts", |t| counts(t, true)).unwrap();
        let [mut one, _two] = [(); 2].map(|()| job.input::<Reading>("readings").unwrap());
        one.watermark(EventTime::from_secs(1)).unwrap();
        let holds = |wanted: &str| {
            let holds = job.explain_watermark();
            holds.iter().any(|hold| hold.to_string().contains(wanted))
        };
        while !holds("source `readings`, split `handle 1` on worker 0") {
            thread::sleep(Duration::from_millis(1));
        }
        job.cancel();
    });
}

/// A waiting task must not keep the others of its thread from running.
#[test]
fn tasks_of_tokio_send_and_receive_on_one_thread() {
    watched(|| {
        let engine = Settings::tight(2).engine().build();
        let job = engine.deploy("doubled", doubled).unwrap();
        let mut numbers = job.input::<u64>("numbers").unwrap();
        let mut results = job.output::<u64>("doubled").unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async move {
            let sender = tokio::spawn(async move {
                for n in 0..3_000 {
                    numbers.send_async(&n).await.unwrap();
                    if n % 1_000 == 999 {
                        // So that the receiver is left waiting too.
                        tokio::task::yield_now().await;
                    }
                }
            });
            let receiver = tokio::spawn(async move {
                for n in 0..3_000 {
                    assert_eq!(results.recv_async().await, Ok(n * 2));
                }
                results.recv_async().await
            });
            sender.await.unwrap();
            assert_eq!(receiver.await.unwrap(), Err(RecvError::Ended));
        });
        job.join().unwrap();
    });
}

#[test]
fn a_task_of_tokio_that_waits_is_woken_when_the_job_fails() {
    watched(|| {
        let engine = Settings::tight(1).engine().build();
        let (job, mut input, mut output) = fragile_job(&engine);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build();
        runtime.unwrap().block_on(async move {
            let receiver = tokio::spawn(async move {
                loop {
                    if let Err(error) = output.recv_async().await {
                        break error;
                    }
                }
            });
            input.send_async(&499).await.unwrap();
            input.send_async(&500).await.unwrap();
            let message = "operator \"numbers\" failed: too much".to_owned();
            assert_eq!(receiver.await.unwrap(), RecvError::Failed { message });
            while input.send_async(&1).await.is_ok() {}
        });
        job.join().unwrap_err();
    });
}

/// Sends on threads, with recording, and replays: the outputs are the same, in the same order for each worker.
fn record_and_replay(settings: Settings, driver: Driver, handles: usize, count: u64) {
    let engine = settings.engine().driver(driver).record_decisions().build();
    let job = move |t: &mut Topology| {
        let Windowed { on_time, late } = t
            .input::<Reading>("readings")
            .handles(handles)
            .watermarks(BoundedOutOfOrderness::of(Duration::from_nanos(40)))
            .key_by(|r| r.sensor())
            .window("windows", Tumbling::of(Duration::from_nanos(100)))
            .aggregate(|sum: &mut u64, r| *sum += r.value());
        late.map(|r| (r.at(), r.value())).output("late");
        on_time
            .map(|w| Sum { at: w.start(), sensor: w.key().into(), sum: w.value() })
            .output_per_worker("sums");
        Ok(())
    };
    let running = engine.deploy("recorded", job).unwrap();
    let workers = settings.workers;
    let outputs = (0..workers).map(|_| running.output::<Sum>("sums").unwrap());
    let mut outputs: Vec<_> = outputs.collect();
    let mut late = running.output::<(EventTime, u64)>("late").unwrap();
    let (mut received, mut lates) = (vec![Vec::new(); workers], Vec::new());
    thread::scope(|scope| {
        for thread in 0..handles as u64 {
            let mut input = running.input::<Reading>("readings").unwrap();
            scope.spawn(move || {
                for n in (thread..count).step_by(handles) {
                    match n % 50 {
                        7 => input.watermark(EventTime::from_nanos(0)).unwrap(),
                        8 => input.idle().unwrap(),
                        _ if n % 3 == 0 => input.push(&reading(n)).unwrap(),
                        _ => input.send(&reading(n)).unwrap(),
                    }
                }
            });
        }
        let mut ended = 0;
        while ended < workers + 1 {
            ended = 0;
            for (output, into) in outputs.iter_mut().zip(&mut received) {
                let drained = output.drain(|record, at| into.push((at, record.to_value())));
                ended += usize::from(drained.is_err());
            }
            let drained = late.drain(|record, at| lates.push((at, record.to_value())));
            ended += usize::from(drained.is_err());
        }
    });
    let (_, journal) = running.join_recorded().unwrap();
    assert_eq!(journal.inputs.len(), handles);
    let replayed = Sim::replay(&journal, MemoryFiles::default(), job).unwrap();
    assert_eq!(replayed.output::<Sum>("sums"), received.concat());
    let by_time = |mut list: Vec<(EventTime, (EventTime, u64))>| {
        list.sort_unstable();
        list
    };
    assert_eq!(by_time(replayed.output("late")), by_time(lates));
    assert_eq!(replayed.journal.inputs, journal.inputs, "a replay reads what was recorded");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(25) })]

    #[test]
    fn what_was_sent_is_replayed_bit_for_bit(
        workers in 1usize..=4, handles in 1usize..=3, count in 0u64..1_500,
        batch_records in 1u32..300, tight in any::<bool>(),
    ) {
        let tight_one = Settings { batch_records, ..Settings::tight(workers) };
        let usual = Settings { ring_pages: 8, page_bytes: 2048, ..tight_one };
        let settings = if tight { tight_one } else { usual };
        watched(move || record_and_replay(settings, Driver::Plain, handles, count));
    }
}

/// A replay once ended with results still in the job: the output's handle had read pages of nothing but watermarks, which gave way to what
/// waited behind them, and said that it had done nothing.
///
/// Here a replay has most of what the second handle sent before it, when the first handle's last page lets it go on: it takes all decisions that
/// are left at once, while nobody receives.
#[test]
fn what_waits_behind_pages_of_watermarks_is_replayed_too() {
    watched(|| {
        let settings = Engine::builder().page_bytes(256).record_decisions();
        let mut engine = settings.build_inline().unwrap();
        let job = engine.deploy("counts", |t| counts(t, true)).unwrap();
        let [mut one, mut two] = [(); 2].map(|()| job.input::<Reading>("readings").unwrap());
        let mut output = job.output::<(EventTime, u64)>("counts").unwrap();
        let mut received = Vec::new();
        let mut turn = || {
            while engine.turn() {
                // An error is the end.
                let _ = output.drain(|record, at| received.push((at, record.to_value())));
            }
        };
        for _ in 0..30 {
            one.try_send(&at(0)).unwrap();
            turn();
        }
        one.try_watermark(EventTime::from_secs(1)).unwrap();
        for n in 0..30 {
            two.try_watermark(EventTime::from_nanos(n)).unwrap();
            turn();
        }
        one.close();
        two.close();
        turn();
        assert_eq!(received.len(), 1);
        let (_, journal) = job.join_recorded().unwrap();
        let replayed = Sim::replay(&journal, MemoryFiles::default(), |t| counts(t, true)).unwrap();
        assert_eq!(replayed.output::<(EventTime, u64)>("counts"), received);
        assert_eq!(replayed.journal.inputs, journal.inputs);
    });
}

/// With the usual sizes the pages of an input are smaller than those of the other rings, which a replay uses for both: a record that did not fit
/// the one fits the other, and then left no room for those behind it.
#[test]
fn a_record_that_fits_no_page_is_replayed_with_those_behind_it() {
    watched(|| {
        let mut engine = Engine::builder().record_decisions().build_inline().unwrap();
        let job = engine.deploy("sums", |t| sums(t, 1)).unwrap();
        let mut input = job.input::<Reading>("readings").unwrap();
        let mut output = job.output::<Sum>("sums").unwrap();
        let large = Reading { sensor: "long ".repeat(1_600).into(), ..at(0) };
        // Nobody turns the job, so that what follows is pushed into one page.
        input.try_send(&at(0)).unwrap();
        input.push(&large).unwrap();
        (0..100).for_each(|n| input.push(&at(n)).unwrap());
        input.close();
        let mut received = Vec::new();
        engine.run_until(|| {
            output.drain(|record, at| received.push((at, record.to_value()))).is_err()
        });
        assert_eq!(received.len(), 102);
        while !job.is_ended() {
            engine.turn();
        }
        let (_, journal) = job.join_recorded().unwrap();
        let replayed = Sim::replay(&journal, MemoryFiles::default(), |t| sums(t, 1)).unwrap();
        assert_eq!(replayed.output::<Sum>("sums"), received);
        assert_eq!(replayed.journal.inputs, journal.inputs);
    });
}

#[test]
fn what_was_sent_on_glommio_is_replayed_bit_for_bit() {
    watched(|| record_and_replay(Settings::tight(2), Driver::Auto, 2, 2_000));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(60) })]

    /// A user's test: values go into named inputs, and come out of named outputs, in virtual time.
    #[test]
    fn a_simulated_host_sends_and_receives(
        seed in any::<u64>(), workers in 1usize..=4, handles in 1usize..=3, count in 0u64..400,
    ) {
        let mut sim = Sim::new(seed, workers);
        for handle in 0..handles as u64 {
            let values = (handle..count).step_by(handles).map(reading);
            sim = sim.input::<Reading>("readings", values.collect::<Vec<_>>());
        }
        // One handle more, which nobody uses.
        let job = move |t: &mut Topology| sums(t, handles + 1);
        let report = sim.run(job).unwrap();
        let received = report.output::<Sum>("sums");
        prop_assert_eq!(received.len() as u64, count);
        let last: BTreeMap<_, _> =
            received.iter().map(|(_, s)| (s.sensor.clone(), s.sum)).collect();
        prop_assert_eq!(last, last_sums((0..count).map(reading)));
        let again = Sim::replay(&report.journal, MemoryFiles::default(), job).unwrap();
        let sorted = |report: &thalweg::rt::SimReport| {
            let mut received = report.output::<Sum>("sums");
            received.sort_unstable();
            received
        };
        prop_assert_eq!(sorted(&again), sorted(&report));
    }
}
