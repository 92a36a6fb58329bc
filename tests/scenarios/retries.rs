//! Attempts that are apart in time: every record is worked on or given up as if they followed each other at once, and nothing is late for it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use thalweg::prelude::*;
use thalweg_tests::oracle::sorted;
use thalweg_tests::random::{on, ordered_splits};
use thalweg_tests::retries::attach;
use thalweg_tests::run::{Settings, source, watched};
use thalweg_tests::settled::{Calls, Given, expected};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(60) })]

    #[test]
    fn what_is_tried_again_later_is_neither_lost_nor_late(
        on in on(), splits in ordered_splits(120), attempts in 2..5_u32,
        delay_us in prop_oneof![Just(1), 1..20_u64, 1..1_000_u64], doubles in any::<bool>(),
        room in prop_oneof![1..4_usize, Just(usize::MAX)],
    ) {
        let (given, input) = (Given::default(), Arc::clone(&splits));
        let attached = given.clone();
        let report = on.run(move |t| {
            let events = source(t, "events", &input).watermarks(Monotonic);
            let delay = Duration::from_micros(delay_us);
            attach(events, Calls::new(attempts), attempts, (delay, if doubles { 4 * delay } else { delay }), room, &attached);
            Ok(())
        }).expect("the job runs");
        let events: Vec<_> = splits.concat();
        prop_assert_eq!(given.take(), expected(&events, attempts));
        let totals = &report.operator("call").expect("it is there").totals;
        let retries: u64 = events.iter().map(|e| (e.id % 6).min(u64::from(attempts) - 1)).sum();
        let dead = events.iter().filter(|e| e.id % 6 >= u64::from(attempts)).count() as u64;
        prop_assert_eq!((totals.retried, totals.dead_lettered, totals.skipped), (retries, dead, 0));
    }
}

/// The clock decides, not the next record: the host waits for the answer before it sends more.
#[test]
fn an_attempt_is_made_when_it_is_due_though_nothing_comes() {
    for workers in 1..=2 {
        watched(move || {
            let engine = Settings::tight(workers).engine().build();
            let job = engine.deploy("patient", |t| {
                let mut calls = BTreeMap::new();
                t.input::<u64>("numbers")
                    .without_event_time()
                    .try_map(move |n| {
                        let calls: &mut u32 = calls.entry(n.to_native()).or_default();
                        *calls += 1;
                        match *calls {
                            4.. => Ok((n.to_native(), *calls)),
                            _ => Err("the service does not answer".into()),
                        }
                    })
                    .retry(5)
                    .after(2.millis())
                    .or_fail("ask")
                    .output("answers");
                Ok(())
            });
            let job = job.unwrap();
            let mut numbers = job.input::<u64>("numbers").unwrap();
            let mut answers = job.output::<(u64, u32)>("answers").unwrap();
            for n in 0..20 {
                numbers.send(&n).unwrap();
                assert_eq!(answers.recv(), Ok((n, 4)));
            }
            numbers.close();
            job.join().unwrap();
        });
    }
}

#[test]
fn the_last_error_ends_the_job_if_that_is_the_policy() {
    let error = Engine::builder().build().run("patient", move |t| {
        t.source("numbers", Items::of(vec![1_u64, 2, 3]))
            .without_event_time()
            .try_filter(|n| if n.to_native() == 2 { Err("two".into()) } else { Ok(true) })
            .retry(2)
            .after(1.millis())
            .or_fail("ask")
            .sink("out", Blackhole);
        Ok(())
    });
    assert_eq!(error.unwrap_err().to_string(), "operator \"ask\" failed");
}

#[test]
fn pauses_are_seen_in_the_plan_and_those_that_cannot_be_are_refused() {
    let engine = Engine::builder().build();
    let numbers = |t: &mut Topology| {
        t.source("numbers", Items::of(vec![1_u64])).without_event_time().try_filter(|_| Ok(true))
    };
    let plan = engine.plan(move |t| {
        let kept = numbers(t).retry(3).after(50.millis()).or_skip("a");
        let kept =
            kept.try_filter(|_| Ok(true)).retry(9).after(50.millis()).doubling_up_to(1.secs());
        let Guarded { stream, dead } = kept.or_dead_letter("b");
        stream.sink("out", Blackhole);
        dead.drop_counted();
        Ok(())
    });
    let plan = plan.unwrap().explain();
    for line in [
        "try_filter \"a\": 3 attempts, 50ms apart, then skip",
        "try_filter \"b\": 9 attempts, 50ms to 1s apart, then dead letter",
    ] {
        assert!(plan.lines().any(|found| found == line), "{plan}");
    }
    let refused = |retry: u32, first: Duration, most: Duration| {
        let refused = engine.plan(move |t| {
            let tried = numbers(t).retry(retry).after(first).doubling_up_to(most);
            tried.or_skip("a").drop_counted();
            Ok(())
        });
        refused.unwrap_err().to_string()
    };
    let message = "the job cannot be built\n  setting of \"a\": there is nothing to wait for before the only attempt; say retry(2) or more before after()";
    assert_eq!(refused(1, 1.secs(), 1.secs()), message);
    let message = "the job cannot be built\n  setting of \"a\": the pause between attempts is longer than nothing, and the longest no shorter than the first";
    assert_eq!(refused(2, Duration::ZERO, 1.secs()), message);
    assert_eq!(refused(2, 2.secs(), 1.secs()), message);
}

#[test]
fn the_expectation_is_not_empty() {
    let event = |id| thalweg_tests::records::Event {
        at: EventTime::from_secs(1),
        id,
        name: Str::default(),
        group: 0,
        value: 0,
        text: Str::default(),
    };
    let events: Vec<_> = (0..12).map(event).collect();
    let (counts, dead, late) = expected(&events, 3);
    assert_eq!((counts.len(), sorted(dead).len(), late), (1, 6, 0));
}
