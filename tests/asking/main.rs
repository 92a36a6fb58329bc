//! Somebody outside is asked about each record: every record has one result, in order, and nothing is late for it.
#![expect(clippy::disallowed_methods, reason = "threads stand in for those who are asked")]

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use thalweg::error::OperatorFault;
use thalweg::operator::promise;
use thalweg::prelude::*;
use thalweg_tests::asking::{Asked, Given, attach, check};
use thalweg_tests::random::{on, ordered_splits};
use thalweg_tests::run::{Settings, source, watched};

fn asked() -> impl Strategy<Value = Asked> {
    let pause =
        prop_oneof![Just(None), (1..800_u64).prop_map(|us| Some(Duration::from_micros(us)))];
    (any::<bool>(), 1..70_usize, 1..5_u32, pause).prop_map(
        |(ordered, capacity, attempts, pause)| Asked {
            ordered,
            capacity,
            attempts,
            pause: pause.filter(|_| attempts > 1),
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(80) })]

    #[test]
    fn every_record_has_one_result_and_none_is_late(
        on in on(), splits in ordered_splits(120), asked in asked(),
    ) {
        let (given, input) = (Given::default(), Arc::clone(&splits));
        let attached = given.clone();
        let report = on.run(move |t| {
            let events = source(t, "events", &input).watermarks(Monotonic);
            attach(events, asked, &attached);
            Ok(())
        }).expect("the job runs");
        check(&splits, asked, &given.take()).unwrap();
        let events = splits.concat();
        let totals = &report.operator("ask").expect("it is there").totals;
        let retries: u64 =
            events.iter().map(|e| (e.id % 6).min(u64::from(asked.attempts) - 1)).sum();
        prop_assert_eq!(totals.retried, retries);
    }
}

/// Counts who is inside.
#[derive(Default)]
struct Room {
    now: AtomicUsize,
    most: AtomicUsize,
}

#[test]
fn no_more_are_asked_about_at_a_time_than_was_said_and_threads_reply() {
    for (workers, ordered) in [(1, true), (1, false), (2, true), (2, false)] {
        let room = Arc::new(Room::default());
        let inside = Arc::clone(&room);
        let found = Collected::new();
        let sink = found.clone();
        watched(move || {
            let engine = Settings::tight(workers).engine().build();
            let job = move |t: &mut Topology| {
                let inside = Arc::clone(&inside);
                let asking = t
                    .source("numbers", Generator::of(0..300, |n| n).splits(workers))
                    .without_event_time()
                    .async_map(move |n: &Rec<u64>| {
                        let now = inside.now.fetch_add(1, Ordering::SeqCst) + 1;
                        inside.most.fetch_max(now, Ordering::SeqCst);
                        let (n, inside, (promise, reply)) =
                            (n.to_native(), Arc::clone(&inside), promise());
                        std::thread::spawn(move || {
                            std::thread::sleep(Duration::from_micros(n % 7 * 50));
                            inside.now.fetch_sub(1, Ordering::SeqCst);
                            promise.keep(n * 2);
                        });
                        reply
                    })
                    .capacity(5);
                let asking = if ordered { asking } else { asking.unordered() };
                asking.or_fail("ask").sink("doubled", sink.sink());
                Ok(())
            };
            engine.run("asking", job).unwrap();
        });
        let lists = found.take_per_worker();
        let values =
            |list: &Vec<(EventTime, u64)>| list.iter().map(|(_, n)| *n).collect::<Vec<_>>();
        assert!(!ordered || lists.iter().all(|list| values(list).is_sorted()));
        let all: BTreeSet<u64> = lists.iter().flat_map(values).collect();
        assert_eq!(all, (0..300).map(|n| n * 2).collect());
        assert!(room.most.load(Ordering::SeqCst) <= 5 * workers);
    }
}

#[test]
fn a_reply_that_does_not_come_in_time_is_a_failure_and_the_end_waits_no_longer() {
    let (found, lost) = (Collected::new(), Collected::new());
    let (sink, dead_sink) = (found.clone(), lost.clone());
    watched(move || {
        let job = move |t: &mut Topology| {
            let Guarded { stream, dead } = t
                .source("numbers", Generator::of(0..20, |n| n))
                .without_event_time()
                .async_map(|n: &Rec<u64>| {
                    let n = n.to_native();
                    async move {
                        if n.is_multiple_of(3) {
                            std::future::pending::<()>().await;
                        }
                        Ok::<_, OperatorFault>(n)
                    }
                })
                .timeout(20.millis())
                .capacity(4)
                .or_dead_letter("ask");
            stream.sink("replies", sink.sink());
            dead.map(|letter| (letter.decode::<u64>().unwrap(), Str::from(letter.error())))
                .sink("lost", dead_sink.sink());
            Ok(())
        };
        Engine::builder().build().run("asking", job).unwrap();
    });
    assert_eq!(found.take(), (0..20).filter(|n| n % 3 != 0).collect::<Vec<_>>());
    let error = || Str::from("no reply within 20ms");
    assert_eq!(
        lost.take(),
        (0..20).filter(|n| n % 3 == 0).map(|n| (n, error())).collect::<Vec<_>>()
    );
}

/// Nothing comes and nothing is due: only the reply can wake the worker.
#[test]
fn a_reply_wakes_a_worker_that_sleeps() {
    watched(|| {
        let promises = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&promises);
        let engine = Engine::builder().build();
        let job = engine.deploy("asking", move |t| {
            let kept = Arc::clone(&kept);
            t.input::<u64>("numbers")
                .without_event_time()
                .async_map(move |n: &Rec<u64>| {
                    let (promise, reply) = promise();
                    kept.lock().unwrap().push((n.to_native(), promise));
                    reply
                })
                .unordered()
                .or_fail("ask")
                .output("replies");
            Ok(())
        });
        let job = job.unwrap();
        let mut numbers = job.input::<u64>("numbers").unwrap();
        let mut replies = job.output::<u64>("replies").unwrap();
        for n in 0..20 {
            numbers.send(&n).unwrap();
            let (asked, promise) = loop {
                std::thread::sleep(Duration::from_millis(3));
                if let Some(promise) = promises.lock().unwrap().pop() {
                    break promise;
                }
            };
            assert_eq!(asked, n);
            promise.keep(n + 1);
            assert_eq!(replies.recv(), Ok(n + 1));
        }
        numbers.close();
        job.join().unwrap();
    });
}

#[test]
fn a_runtime_of_tokio_is_asked_in_two_lines() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let (handle, found) = (runtime.handle().clone(), Collected::new());
    let sink = found.clone();
    watched(move || {
        let job = move |t: &mut Topology| {
            let handle = handle.clone();
            t.source("numbers", Generator::of(0..500, |n| n))
                .without_event_time()
                .async_map(move |n: &Rec<u64>| {
                    let task = handle.spawn(square(n.to_native()));
                    async move { Ok(task.await??) }
                })
                .or_fail("ask")
                .sink("squares", sink.sink());
            Ok(())
        };
        Engine::builder().build().run("asking", job).unwrap();
    });
    assert_eq!(found.take(), (0..500).map(|n| n * n).collect::<Vec<_>>());
}

async fn square(n: u64) -> Result<u64, std::fmt::Error> {
    tokio::task::yield_now().await;
    Ok(n * n)
}

/// The job is cut off while four in ten are in flight: they are asked about again, and each has one result.
#[test]
fn what_was_in_flight_at_a_checkpoint_is_asked_about_again_by_any_number_of_workers() {
    for (before, after) in [(1, 1), (1, 2), (2, 1), (2, 3)] {
        let folder = tempfile::tempdir().unwrap();
        let found = Collected::new();
        let answers = Arc::new(AtomicUsize::new(0));
        let build = |open: bool| {
            let (found, answers) = (found.clone(), Arc::clone(&answers));
            move |t: &mut Topology| {
                let answers = Arc::clone(&answers);
                t.source("numbers", Generator::of(0..100, |n| n).splits(2))
                    .without_event_time()
                    .async_map(move |n: &Rec<u64>| {
                        let n = n.to_native();
                        answers.fetch_add(1, Ordering::SeqCst);
                        async move {
                            if !open && n % 10 < 4 {
                                std::future::pending::<()>().await;
                            }
                            Ok::<_, OperatorFault>(n)
                        }
                    })
                    .unordered()
                    .capacity(50)
                    .or_fail("ask")
                    .sink("replies", found.sink());
                Ok(())
            }
        };
        let checkpoints = || Checkpoints::in_directory(folder.path()).every(3_600.secs());
        let engine = Engine::builder().workers(before).checkpoints(checkpoints()).build();
        let job = engine.deploy("asking", build(false)).unwrap();
        while answers.load(Ordering::SeqCst) < 100 {
            std::thread::sleep(Duration::from_millis(1));
        }
        job.checkpoint();
        while job.snapshot().checkpoints.completed == 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
        job.cancel();
        assert!(matches!(job.join(), Err(JobError::Cancelled)));
        let engine = Engine::builder().workers(after).checkpoints(checkpoints()).build();
        let report = engine.run("asking", build(true)).unwrap();
        assert_eq!(report.checkpoints.restored, Some(1));
        let mut found = found.take();
        found.sort_unstable();
        assert_eq!(found, (0..100).collect::<Vec<_>>());
        assert!(answers.load(Ordering::SeqCst) >= 140);
    }
}

#[test]
fn what_cannot_be_meant_is_refused() {
    type Asking = thalweg::api::AsyncMap<thalweg::operator::Direct<u64>, fn(&Rec<u64>) -> Answer>;
    type Answer = std::future::Ready<Result<u64, OperatorFault>>;
    let error = |set: fn(Asking) -> Asking| {
        let refused = Engine::builder().build().plan(move |t| {
            let asking = t
                .source("numbers", Items::of([1_u64]))
                .without_event_time()
                .async_map((|n| std::future::ready(Ok(n.to_native()))) as fn(&Rec<u64>) -> Answer);
            set(asking).or_skip("ask").drop_counted();
            Ok(())
        });
        refused.unwrap_err().to_string()
    };
    let said = |what: &str| format!("the job cannot be built\n  setting of \"ask\": {what}");
    assert_eq!(error(|a| a.capacity(0)), said("at least one record is asked about at a time"));
    assert_eq!(error(|a| a.timeout(0.secs())), said("a reply may take longer than no time"));
    assert_eq!(error(|a| a.retry(0)), said("there is at least one attempt"));
    let only = "there is nothing to wait for before the only attempt; say retry(2) or more, or leave after() out";
    assert_eq!(error(|a| a.after(1.secs())), said(only));
}
