//! What is refused before anything runs, in the very words.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::prelude::*;

/// What the engine says to a job, after the first line.
fn refusal(job: impl Fn(&mut Topology) -> Result<()> + 'static) -> String {
    let said = Engine::builder().build().plan(job).expect_err("the job is refused").to_string();
    said.strip_prefix("the job cannot be built\n  ").expect("it is not built").to_owned()
}

fn numbers(t: &mut Topology, name: &str) -> Stream<u64> {
    t.source(name, Items::of(vec![1_u64, 2, 3])).without_event_time()
}

/// A stream that has outlived its topology; there it was the last of some.
fn foreign() -> Stream<u64> {
    let kept = Rc::new(RefCell::new(None));
    let keep = Rc::clone(&kept);
    let job = move |t: &mut Topology| {
        for name in ["a", "b", "c", "d"] {
            *keep.borrow_mut() = Some(numbers(t, name));
        }
        Ok(())
    };
    let error = Engine::builder().build().plan(job).unwrap_err();
    assert_eq!(
        crate::error::error_chain(&error),
        "the job's function failed: a stream was kept after the job was built; use streams within the job's function alone"
    );
    kept.take().expect("the job has kept it")
}

#[test]
fn streams_of_different_topologies_are_not_combined() {
    let about = |operator: &str| {
        format!(
            "operator {operator:?} combines streams of different topologies; combine those of the one that the job's function is given"
        )
    };
    let other = foreign();
    let said = refusal(move |t| {
        numbers(t, "numbers").union(other.clone()).sink("out", Blackhole);
        Ok(())
    });
    assert_eq!(said, about("union"));
    let other = foreign();
    let said = refusal(move |t| {
        numbers(t, "numbers").union_all([other.clone()]).sink("out", Blackhole);
        Ok(())
    });
    assert_eq!(said, about("union"));
    let other = foreign();
    let said = refusal(move |t| {
        let key = |n: &Rec<u64>| n.to_native();
        numbers(t, "numbers")
            .key_by_value(key)
            .regular_join("pairs", other.clone().key_by_value(key))
            .apply(|left, right| left.to_native() + right.to_native())
            .sink("out", Blackhole);
        Ok(())
    });
    assert_eq!(said, about("pairs"));
}

#[test]
fn what_waits_between_attempts_needs_room_and_something_to_wait_for() {
    let said = |capacity: usize, attempts: u32| {
        refusal(move |t| {
            numbers(t, "numbers")
                .try_map(|n: &Rec<u64>| Ok(n.to_native()))
                .retry(attempts)
                .after(1.secs())
                .capacity(capacity)
                .or_skip("ask")
                .sink("out", Blackhole);
            Ok(())
        })
    };
    assert_eq!(
        said(0, 2),
        "setting of \"ask\": there is no room for a record that waits; say capacity(1) or more"
    );
    assert_eq!(
        said(0, 1),
        "setting of \"ask\": there is nothing to wait for before the only attempt; say retry(2) or more before after()\
         \n  setting of \"ask\": there is no room for a record that waits; say capacity(1) or more"
    );
}

#[test]
fn more_than_a_million_are_not_asked_about_at_a_time() {
    let said = refusal(|t| {
        numbers(t, "numbers")
            .async_map(|n| {
                let n = n.to_native();
                async move { Ok(n) }
            })
            .capacity(1_000_001)
            .or_fail("ask")
            .sink("out", Blackhole);
        Ok(())
    });
    assert_eq!(said, "setting of \"ask\": at most a million records are asked about at a time");
}

#[test]
fn joins_that_would_remember_for_ever_or_too_long_are_refused() {
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 86_400);
    const LONGER: Duration = CENTURY.saturating_add(Duration::from_nanos(1));

    let key = |n: &Rec<u64>| n.to_native();
    let said = refusal(move |t| {
        let (left, right) = (numbers(t, "left"), numbers(t, "right"));
        let (left, right) = (|| left.clone().key_by_value(key), || right.clone().key_by_value(key));
        let near = left()
            .interval_join("near", right(), Interval::around(1.secs(), LONGER))
            .apply(|left, right| left.to_native() + right.to_native());
        near.on_time.drop_counted();
        near.late_left.drop_counted();
        near.late_right.drop_counted();
        left()
            .regular_join("long", right())
            .ttl(LONGER)
            .apply(|left, right| left.to_native() + right.to_native())
            .sink("long ones", Blackhole);
        left()
            .regular_join("table", right())
            .ttl(1.secs())
            .many_to_one(|left, right| Some(left.to_native() + right.to_native()))
            .sink("rows", Blackhole);
        Ok(())
    });
    assert_eq!(
        said,
        "setting of \"near\": an interval's bounds are at most 100 years\
         \n  setting of \"long\": a join remembers its records for 100 years at most; leave out ttl() for longer\
         \n  setting of \"table\": a many-to-one join keeps its right side for as long as the job runs; leave out ttl(), or use apply()"
    );
}

#[test]
fn keys_are_expected_of_operators_that_there_are() {
    let engine = Engine::builder().expected_keys("cuonts", 1_000).build();
    let error = engine.plan(|t| {
        numbers(t, "numbers").sink("out", Blackhole);
        Ok(())
    });
    assert_eq!(
        error.unwrap_err().to_string(),
        "the job cannot be built\n  setting of \"cuonts\": keys are expected of an operator that the job does not have; use the name of one"
    );
}

#[test]
fn a_function_that_builds_another_topology_on_its_workers_ends_the_job() {
    let calls = AtomicUsize::new(0);
    let engine = Engine::builder().driver(Driver::Plain).build();
    let ran = engine.run("fickle", move |t| {
        // Once to be checked, and then on the worker.
        for source in 0..=calls.fetch_add(1, Ordering::SeqCst) {
            numbers(t, &format!("{source}")).sink(&format!("out {source}"), Blackhole);
        }
        Ok(())
    });
    assert_eq!(
        ran.unwrap_err().to_string(),
        "operator \"worker 0\" panicked: a job's function must build the same topology each time it is called"
    );
}
