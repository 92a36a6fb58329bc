//! Window joins against nested loops.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use thalweg::prelude::*;
use thalweg_tests::oracle::{self, NEVER_LATE, sorted};
use thalweg_tests::random::{Splits, bound, on, some_splits, span};
use thalweg_tests::records::{Event, Pair};
use thalweg_tests::run::{On, source};

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
