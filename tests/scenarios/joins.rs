//! Window joins against nested loops.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use thalweg::control::InlineEngine;
use thalweg::prelude::*;
use thalweg_tests::oracle::{self, NEVER_LATE, sorted};
use thalweg_tests::random::{Splits, bound, on, some_splits, span};
use thalweg_tests::records::{Event, Pair};
use thalweg_tests::run::{On, source, watched};

/// Pairs, late records of both sides, and pairs that came too late for a second window.
type Found = (Vec<Pair>, Vec<u64>, Vec<u64>, usize);

fn run(on: On, left: &Splits, right: &Splits, bound: Duration, width: Duration) -> Found {
    let (pairs, late_pairs) = (Collected::<Pair>::new(), Collected::<Pair>::new());
    let (late_left, late_right) = (Collected::<u64>::new(), Collected::<u64>::new());
    let handles = (pairs.clone(), late_left.clone(), late_right.clone(), late_pairs.clone());
    let (left, right) = (Arc::clone(left), Arc::clone(right));
    on.run(move |t| {
        let (pairs, late_left, late_right, late_pairs) = &handles;
        let strategy = BoundedOutOfOrderness::of(bound);
        let left = source(t, "left", &left).watermarks(strategy).key_by(|e| e.name());
        // The other side's key is a computed one of the same type.
        let right = source(t, "right", &right)
            .watermarks(strategy)
            .filter(|_| true)
            .key_by_value(|e: &Rec<Event>| Str::from(e.name()));
        let joined = left
            .join("pairs", right, Tumbling::of(width))
            .apply(|left, right| Pair { left: left.id(), right: right.id() });
        joined.late_left.map(|e| e.id()).sink("late left", late_left.sink());
        joined.late_right.map(|e| e.id()).sink("late right", late_right.sink());
        let again = joined
            .on_time
            .clone()
            .key_by_value(|p| p.left())
            .window("again", Tumbling::of(width))
            .aggregate(|n: &mut u64, _| *n += 1);
        again.on_time.drop_counted();
        again.late.sink("late pairs", late_pairs.sink());
        joined.on_time.sink("out", pairs.sink());
        Ok(())
    })
    .expect("the job runs");
    (sorted(pairs.take()), late_left.take(), late_right.take(), late_pairs.take().len())
}

fn without<'a>(splits: &'a Splits, late: &[u64]) -> Vec<&'a Event> {
    let late: BTreeSet<u64> = late.iter().copied().collect();
    splits.iter().flatten().filter(|event| !late.contains(&event.id)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(100) })]

    #[test]
    fn pairs_are_those_of_nested_loops(
        left in some_splits(60), right in some_splits(60), width in span(), on in on(),
    ) {
        let (pairs, late_left, late_right, late_pairs) = run(on, &left, &right, NEVER_LATE, width);
        prop_assert_eq!((late_left, late_right, late_pairs), (vec![], vec![], 0));
        let expected = oracle::join(left.iter().flatten(), right.iter().flatten(), width);
        prop_assert_eq!(pairs, expected);
    }

    #[test]
    fn every_record_meets_its_partners_or_is_late(
        left in some_splits(120), right in some_splits(120), bound in bound(), width in span(), on in on(),
    ) {
        let (pairs, late_left, late_right, late_pairs) = run(on, &left, &right, bound, width);
        let (left, right) = (without(&left, &late_left), without(&right, &late_right));
        prop_assert_eq!(pairs, oracle::join(left, right, width));
        prop_assert_eq!(late_pairs, 0);
    }

    #[test]
    fn stream_joined_with_itself_pairs_each_key_squared(
        splits in some_splits(60), width in span(), on in on(),
    ) {
        let out = Collected::new();
        let (handle, input) = (out.clone(), Arc::clone(&splits));
        on.run(move |t| {
            let events = source(t, "events", &input).watermarks(BoundedOutOfOrderness::of(NEVER_LATE));
            let other = events.clone().key_by(|e| e.name());
            let joined = events
                .key_by(|e| e.name())
                .join("self", other, Tumbling::of(width))
                .apply(|left, right| Pair { left: left.id(), right: right.id() });
            joined.late_left.drop_counted();
            joined.late_right.drop_counted();
            joined.on_time.sink("out", handle.sink());
            Ok(())
        }).expect("the job runs");
        let all = || splits.iter().flatten();
        prop_assert_eq!(sorted(out.take()), oracle::join(all(), all(), width));
    }
}

/// What one firing of a co-group shows: key, window's start, which firing, both lists.
type Shown = (Str, EventTime, u32, Vec<u64>, Vec<u64>);

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(80) })]

    #[test]
    fn late_records_within_what_is_allowed_meet_their_partners_once(
        left in some_splits(80), right in some_splits(80), bound in bound(), width in span(), allowed in span(), on in on(),
    ) {
        let (pairs, late_left, late_right) = (Collected::new(), Collected::new(), Collected::new());
        let handles = (pairs.clone(), late_left.clone(), late_right.clone());
        let inputs = (Arc::clone(&left), Arc::clone(&right));
        on.run(move |t| {
            let strategy = BoundedOutOfOrderness::of(bound);
            let right = source(t, "right", &inputs.1).watermarks(strategy).key_by(|e| e.name());
            let joined = source(t, "left", &inputs.0)
                .watermarks(strategy)
                .key_by(|e| e.name())
                .join("pairs", right, Tumbling::of(width))
                .allowed_lateness(allowed)
                .apply(|left, right| Pair { left: left.id(), right: right.id() });
            joined.on_time.sink("out", handles.0.sink());
            joined.late_left.map(|e| e.id()).sink("late left", handles.1.sink());
            joined.late_right.map(|e| e.id()).sink("late right", handles.2.sink());
            Ok(())
        }).expect("the job runs");
        let (left, right) = (without(&left, &late_left.take()), without(&right, &late_right.take()));
        prop_assert_eq!(sorted(pairs.take()), oracle::join(left, right, width));
    }

    #[test]
    fn the_last_firing_of_a_co_group_shows_all_that_was_not_too_late(
        left in some_splits(80), right in some_splits(80), bound in bound(), width in span(), allowed in span(), on in on(),
    ) {
        let (shown, late_left, late_right) = (Collected::<Shown>::new(), Collected::new(), Collected::new());
        let handles = (shown.clone(), late_left.clone(), late_right.clone());
        let inputs = (Arc::clone(&left), Arc::clone(&right));
        on.run(move |t| {
            let strategy = BoundedOutOfOrderness::of(bound);
            let right = source(t, "right", &inputs.1).watermarks(strategy).key_by(|e| e.name());
            let joined = source(t, "left", &inputs.0)
                .watermarks(strategy)
                .key_by(|e| e.name())
                .join("groups", right, Tumbling::of(width))
                .allowed_lateness(allowed)
                .co_group(|cx, left, right| {
                    let left = left.iter().map(|e| e.record.id()).collect();
                    let right = right.iter().map(|e| e.record.id()).collect();
                    let window = (cx.key(), cx.window().start, cx.pane().number, left, right);
                    cx.emit(&window);
                });
            joined.on_time.sink("out", handles.0.sink());
            joined.late_left.map(|e| e.id()).sink("late left", handles.1.sink());
            joined.late_right.map(|e| e.id()).sink("late right", handles.2.sink());
            Ok(())
        }).expect("the job runs");
        let mut expected = BTreeMap::<(Str, EventTime), (BTreeSet<u64>, BTreeSet<u64>)>::new();
        for e in without(&left, &late_left.take()) {
            expected.entry((e.name.clone(), e.at.floor(width))).or_default().0.insert(e.id);
        }
        for e in without(&right, &late_right.take()) {
            expected.entry((e.name.clone(), e.at.floor(width))).or_default().1.insert(e.id);
        }
        let mut last = BTreeMap::new();
        // A window's firings have one key, and so are in order.
        for (key, start, number, left, right) in shown.take() {
            let sizes = (left.len(), right.len());
            let lists = (left.into_iter().collect::<BTreeSet<_>>(), right.into_iter().collect::<BTreeSet<_>>());
            prop_assert_eq!((lists.0.len(), lists.1.len()), sizes, "no record twice");
            if let Some((before, (left, right))) = last.insert((key, start), (number, lists.clone())) {
                prop_assert_eq!(before + 1, number);
                prop_assert!(lists.0.is_superset(&left) && lists.1.is_superset(&right));
                prop_assert_eq!(lists.0.len() + lists.1.len(), left.len() + right.len() + 1, "each late record shows its window again");
            } else {
                prop_assert_eq!(number, 0);
            }
        }
        let last: BTreeMap<_, _> = last.into_iter().map(|(window, (_, lists))| (window, lists)).collect();
        prop_assert_eq!(last, expected);
    }
}

/// Two numbers, the second the time in seconds.
fn timed(t: &mut Topology, name: &str) -> Stream<(u64, EventTime)> {
    t.input::<(u64, EventTime)>(name).watermarks_sent()
}

/// Step by step, with the host on both sides.
#[test]
fn a_join_takes_late_records_as_long_as_is_allowed_and_no_longer() {
    watched(|| {
        let mut engine = Engine::builder().build_inline().unwrap();
        let job = engine.deploy("joined", |t| {
            let right = timed(t, "right").key_by_value(|_| 0u64);
            let join = timed(t, "left")
                .key_by_value(|_| 0u64)
                .join("inner", right, Tumbling::of(10.secs()))
                .allowed_lateness(10.secs())
                .apply(|left, right| (left.0.to_native(), right.0.to_native()));
            join.on_time.output("pairs");
            join.late_left.map(|r| r.0.to_native()).output("late left");
            join.late_right.drop_counted();
            let right = timed(t, "right outer").key_by_value(|_| 0u64);
            let join = timed(t, "left outer")
                .key_by_value(|_| 0u64)
                .join("outer", right, Tumbling::of(10.secs()))
                .allowed_lateness(10.secs())
                .left_outer(|left, right| {
                    (left.0.to_native(), right.map_or(0, |r| r.0.to_native()))
                });
            join.on_time.output("outer pairs");
            join.late_left.drop_counted();
            join.late_right.map(|r| r.0.to_native()).output("outer late right");
            Ok(())
        });
        let job = job.unwrap();
        let mut inputs = ["left", "right", "left outer", "right outer"]
            .map(|name| job.input::<(u64, EventTime)>(name).unwrap());
        let mut pairs = job.output::<(u64, u64)>("pairs").unwrap();
        let mut outer = job.output::<(u64, u64)>("outer pairs").unwrap();
        let mut late = job.output::<u64>("late left").unwrap();
        let mut outer_late = job.output::<u64>("outer late right").unwrap();
        let at = EventTime::from_secs;
        let mut send = |engine: &mut InlineEngine, input: usize, n: u64, s| {
            inputs[input].try_send_at(&(n, at(s)), at(s)).unwrap();
            while engine.turn() {}
            let mut given = (Vec::new(), Vec::new());
            pairs.drain(|pair, _| given.0.push(pair.to_value())).unwrap();
            outer.drain(|pair, _| given.1.push(pair.to_value())).unwrap();
            if s % 10 == 9 {
                inputs.iter_mut().for_each(|input| input.try_watermark(at(s + 1)).unwrap());
                while engine.turn() {}
                pairs.drain(|pair, _| given.0.push(pair.to_value())).unwrap();
                outer.drain(|pair, _| given.1.push(pair.to_value())).unwrap();
            }
            given
        };
        assert_eq!(send(&mut engine, 0, 1, 1), (vec![], vec![]));
        assert_eq!(send(&mut engine, 2, 1, 1), (vec![], vec![]));
        // The window ends: the left record of the outer join is alone.
        assert_eq!(send(&mut engine, 1, 11, 9), (vec![(1, 11)], vec![(1, 0)]));
        // Late, and allowed.
        assert_eq!(send(&mut engine, 1, 12, 2), (vec![(1, 12)], vec![]));
        assert_eq!(send(&mut engine, 0, 2, 3), (vec![(2, 11), (2, 12)], vec![]));
        assert_eq!(send(&mut engine, 3, 11, 9), (vec![], vec![(1, 11)]));
        // It was at 9 s, so that event time is at 10 s still; a late left record shows all pairs again.
        assert_eq!(send(&mut engine, 2, 2, 3), (vec![], vec![(1, 11), (2, 11)]));
        assert_eq!(send(&mut engine, 1, 13, 19), (vec![], vec![]));
        // Event time is at 20 s: the window has closed.
        assert_eq!(send(&mut engine, 0, 3, 5), (vec![], vec![]));
        assert_eq!(send(&mut engine, 3, 14, 5), (vec![], vec![]));
        assert_eq!((late.try_recv(), outer_late.try_recv()), (Ok(Some(3)), Ok(Some(14))));
        drop(inputs);
        while !job.is_ended() {
            engine.turn();
        }
        job.join().unwrap();
    });
}
