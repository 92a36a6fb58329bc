//! Tumbling and session windows.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use thalweg::prelude::*;
use thalweg::time::OnlyAtEnd;
use thalweg_tests::oracle::{self, NEVER_LATE, Outcome, sorted, unordered};
use thalweg_tests::random::{
    Splits, bound, on, one_split, ordered_splits, settings, some_splits, span,
};
use thalweg_tests::records::{Event, Summary, Totals};
use thalweg_tests::run::{On, source};

/// Which windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Tumbling,
    Session,
}

/// What a window over a window found.
struct Found {
    outcome: Outcome,
    /// Records counted by a second window over the results, and results that came too late for it.
    again: (u64, usize),
}

/// A window by name over all records, and a second one over its results.
fn run(
    on: On,
    kind: Kind,
    splits: &Splits,
    strategy: impl WatermarkStrategy<Event> + Clone + Send + Sync,
    span: Duration,
) -> Found {
    let (on_time, late) = (Collected::<Summary>::new(), Collected::<Event>::new());
    let (again, too_late) = (Collected::<u64>::new(), Collected::<Summary>::new());
    let handles = (on_time.clone(), late.clone(), again.clone(), too_late.clone());
    let splits = Arc::clone(splits);
    on.run(move |t| {
        let (on_time, late, again, too_late) = &handles;
        let events = source(t, "events", &splits).watermarks(strategy.clone()).key_by(|e| e.name());
        let results = match kind {
            Kind::Tumbling => {
                let add = |totals: &mut Totals, e: &Rec<Event>| totals.add(e.id(), e.value());
                let windowed = events.window("windows", Tumbling::of(span)).aggregate(add);
                windowed.late.sink("late", late.sink());
                let summary = |start, end, name: &str, totals| Summary {
                    start,
                    end,
                    name: name.into(),
                    totals,
                };
                windowed
                    .on_time
                    .map(move |w| {
                        let w = w.to_value();
                        summary(w.start, w.end, &w.key, w.value)
                    })
                    .boxed()
            }
            Kind::Session => {
                let windowed = events.session("sessions", Session::gap(span)).aggregate(
                    |totals: &mut Totals, e: &Rec<Event>| totals.add(e.id(), e.value()),
                    |totals, later| totals.merge(&later),
                );
                windowed.late.sink("late", late.sink());
                windowed
                    .on_time
                    .map(|w| {
                        let w = w.to_value();
                        Summary { start: w.first, end: w.last, name: w.key, totals: w.value }
                    })
                    .boxed()
            }
        };
        let second = results
            .clone()
            .key_by_value(|r: &Rec<Summary>| u32::from(r.name().is_empty()))
            .window("again", Tumbling::of(span))
            .aggregate(|n: &mut u64, r: &Rec<Summary>| *n += r.totals().count());
        second.on_time.map(|w| w.value()).sink("counts", again.sink());
        second.late.sink("too late", too_late.sink());
        results.sink("results", on_time.sink());
        Ok(())
    })
    .expect("the job runs");
    Found {
        outcome: Outcome { on_time: sorted(on_time.take()), late: sorted(late.take()) },
        again: (again.take().iter().sum(), too_late.take().len()),
    }
}

fn expected(kind: Kind, split: &[Event], bound: Duration, span: Duration) -> Outcome {
    let Outcome { on_time, late } = match kind {
        Kind::Tumbling => oracle::tumbling(split, bound, span),
        Kind::Session => oracle::sessions(split, bound, span),
    };
    Outcome { on_time, late: sorted(late) }
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![Just(Kind::Tumbling), Just(Kind::Session)]
}

fn disorder(bound: Duration) -> BoundedOutOfOrderness {
    BoundedOutOfOrderness::of(bound)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(160) })]

    #[test]
    fn results_and_late_records_of_one_split_are_exactly_those_of_the_oracle(
        kind in kind(), splits in one_split(700), bound in bound(), span in span(), on in on(),
    ) {
        let found = run(on, kind, &splits, disorder(bound), span);
        prop_assert_eq!(found.outcome, expected(kind, &splits[0], bound, span));
    }

    #[test]
    fn results_are_never_late_for_a_second_window(
        kind in kind(), splits in some_splits(300), bound in bound(), span in span(), on in on(),
    ) {
        let found = run(on, kind, &splits, disorder(bound), span);
        let counted: u64 = found.outcome.on_time.iter().map(|result| result.totals.count).sum();
        prop_assert_eq!(found.again, (counted, 0));
    }

    #[test]
    fn many_splits_with_enough_patience_give_what_one_list_gives(
        kind in kind(), splits in some_splits(300), span in span(), on in on(), at_end in any::<bool>(),
    ) {
        let found = match at_end {
            false => run(on, kind, &splits, disorder(NEVER_LATE), span),
            true => run(on, kind, &splits, OnlyAtEnd, span),
        };
        let all = splits.iter().flatten();
        let expected = match kind {
            Kind::Tumbling => oracle::tumbling_of_all(all, span),
            Kind::Session => oracle::sessions_of_all(all, span),
        };
        prop_assert_eq!(found.outcome.late, []);
        prop_assert_eq!(unordered(&found.outcome.on_time), unordered(&expected));
    }

    #[test]
    fn every_record_is_in_its_window_or_late(
        splits in some_splits(300), bound in bound(), span in span(), on in on(),
    ) {
        let Outcome { on_time, late } = run(on, Kind::Tumbling, &splits, disorder(bound), span).outcome;
        let ids: BTreeSet<u64> = late.iter().map(|event| event.id).collect();
        prop_assert_eq!(ids.len(), late.len());
        let rest = splits.iter().flatten().filter(|event| !ids.contains(&event.id));
        prop_assert_eq!(unordered(&on_time), unordered(&oracle::tumbling_of_all(rest, span)));
        // The source's watermark is the least of its splits', so nothing is late that would not be, were its split alone.
        for split in splits.iter() {
            let alone = oracle::tumbling(split, bound, span).late;
            let alone: BTreeSet<u64> = alone.iter().map(|event| event.id).collect();
            for event in split {
                prop_assert!(alone.contains(&event.id) || !ids.contains(&event.id), "{} is late", event.id);
            }
        }
    }

    #[test]
    fn nothing_is_late_in_splits_that_are_in_order(
        kind in kind(), splits in ordered_splits(300), span in span(), on in on(),
    ) {
        let found = run(on, kind, &splits, Monotonic, span);
        prop_assert_eq!(found.outcome.late, []);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(24) })]

    #[test]
    fn threads_and_sizes_do_not_show(
        kind in kind(), splits in one_split(700), bound in bound(), span in span(), settings in settings(),
    ) {
        let found = run(On::Plain(settings), kind, &splits, disorder(bound), span);
        prop_assert_eq!(found.outcome, expected(kind, &splits[0], bound, span));
    }
}
