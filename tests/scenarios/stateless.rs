//! Fused operators, and what splits and joins streams without state.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use thalweg::prelude::*;
use thalweg::record::Record;
use thalweg::time::OnlyAtEnd;
use thalweg_tests::oracle::{NEVER_LATE, sorted, tumbling, unordered};
use thalweg_tests::random::{Splits, bound, on, one_split, some_splits, span};
use thalweg_tests::records::{Event, Summary, Totals};
use thalweg_tests::run::{On, source};

/// Runs a job with one sink and returns what it got, in order.
fn run<U: Record + Ord + Send>(
    on: On,
    splits: &Splits,
    job: impl Fn(Stream<Event>, Collected<U>) + Send + Sync + 'static,
) -> Vec<U> {
    let out = Collected::new();
    let (handle, splits) = (out.clone(), Arc::clone(splits));
    on.run(move |t| {
        job(source(t, "events", &splits).watermarks(Monotonic), handle.clone());
        Ok(())
    })
    .expect("the job runs");
    sorted(out.take())
}

fn events(splits: &Splits) -> impl Iterator<Item = &Event> + Clone {
    splits.iter().flatten()
}

/// Copies that a record becomes: none, some or many.
fn copies(value: i64) -> u64 {
    match value.rem_euclid(16) {
        0 => 300,
        rest => rest.unsigned_abs() % 3,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(80) })]

    #[test]
    fn map_gives_one_for_one(splits in some_splits(200), on in on()) {
        let found = run(on, &splits, |events, out| {
            events.map(|e| (e.id(), Str::from(e.text()))).sink("out", out.sink());
        });
        prop_assert_eq!(found, sorted(events(&splits).map(|e| (e.id, e.text.clone()))));
    }

    #[test]
    fn chain_of_everything_equals_iterator_adaptors(splits in some_splits(200), on in on()) {
        let found = run(on, &splits, |events, out| {
            events
                .filter(|e| e.value() % 3 != 0)
                .map(|e| Event { value: e.value() / 2, ..e.to_value() })
                .filter_map(|e| (e.value() % 2 == 0).then(|| e.to_value()))
                .try_map(|e| Ok((e.id(), e.value(), Str::from(e.name()))))
                .flat_map(|r: &Rec<(u64, i64, Str)>, out| {
                    let (id, value, name) = r.to_value();
                    (0..copies(value)).for_each(|copy| out.emit(&(id, copy, name.clone())));
                })
                .filter(|r: &Rec<(u64, u64, Str)>| r.to_value().1 != 1)
                .sink("out", out.sink());
        });
        let expected = events(&splits)
            .filter(|e| e.value % 3 != 0)
            .map(|e| (e.id, e.value / 2, e.name.clone()))
            .filter(|(_, value, _)| value % 2 == 0)
            .flat_map(|(id, value, name)| (0..copies(value)).map(move |copy| (id, copy, name.clone())))
            .filter(|(_, copy, _)| *copy != 1);
        prop_assert_eq!(found, sorted(expected));
    }

    #[test]
    fn order_of_a_split_survives_boxes(splits in one_split(400), on in on()) {
        let out = Collected::new();
        let (handle, input) = (out.clone(), Arc::clone(&splits));
        on.run(move |t| {
            let events = source(t, "events", &input).watermarks(Monotonic);
            events.map(|e| e.id()).boxed().filter(|_| true).boxed().boxed().sink("out", handle.sink());
            Ok(())
        }).expect("the job runs");
        let expected: Vec<u64> = splits[0].iter().map(|e| e.id).collect();
        prop_assert_eq!(out.take(), expected);
    }

    #[test]
    fn inspect_sees_each_record_with_its_time(splits in some_splits(200), on in on()) {
        let found = run(on, &splits, |events, out| {
            events
                .inspect(|e, at| assert_eq!(e.at(), at))
                .map(|e| e.to_value())
                .inspect(|e: &Rec<Event>, at| assert_eq!(e.at(), at))
                .sink("out", out.sink());
        });
        prop_assert_eq!(found, sorted(events(&splits).cloned()));
    }

    #[test]
    fn union_of_clones_has_every_record_of_each(splits in some_splits(150), on in on()) {
        let found = run(on, &splits, |events, out| {
            let odd = events.clone().filter(|e| e.value() % 2 != 0);
            let twice = events.clone().flat_map(|e, out| (0..2).for_each(|_| out.emit(&e.to_value())));
            events.union(odd).union(twice).map(|e| e.to_value()).sink("out", out.sink());
        });
        let odd = events(&splits).filter(|e| e.value % 2 != 0);
        let twice = events(&splits).flat_map(|e| [e, e]);
        prop_assert_eq!(found, sorted(events(&splits).chain(odd).chain(twice).cloned()));
    }

    /// The source has no event time that anybody believes; the windows follow the assigned one.
    #[test]
    fn assigned_time_decides_windows_and_lateness(
        splits in one_split(500), bound in bound(), span in span(), seed: u64,
    ) {
        let (out, late) = (Collected::new(), Collected::new());
        let (handles, input) = ((out.clone(), late.clone()), Arc::clone(&splits));
        let moved: Vec<Event> =
            splits[0].iter().map(|e| Event { at: e.at + MOVED, ..e.clone() }).collect();
        On::Sim { seed, workers: 1 }.run(move |t| {
            let windowed = source(t, "events", &input)
                .watermarks(OnlyAtEnd)
                .assign_time("moved", |e| e.at() + MOVED, BoundedOutOfOrderness::of(bound))
                .key_by(|e| e.name())
                .window("windows", Tumbling::of(span))
                .aggregate(|totals: &mut Totals, e| totals.add(e.id(), e.value()));
            windowed
                .on_time
                .map(|w| {
                    let w = w.to_value();
                    Summary { start: w.start, end: w.end, name: w.key, totals: w.value }
                })
                .sink("out", handles.0.sink());
            windowed.late.map(|e| e.id()).sink("late", handles.1.sink());
            Ok(())
        }).expect("the job runs");
        let expected = tumbling(&moved, bound, span);
        prop_assert_eq!(sorted(out.take()), expected.on_time);
        prop_assert_eq!(late.take(), expected.late.iter().map(|e| e.id).collect::<Vec<_>>());
    }

    #[test]
    fn assigned_time_of_many_splits_is_patient_enough(
        splits in some_splits(150), span in span(), on in on(),
    ) {
        let out = Collected::new();
        let (handle, input) = (out.clone(), Arc::clone(&splits));
        on.run(move |t| {
            let windowed = source(t, "events", &input)
                .watermarks(Monotonic)
                .assign_time("moved", |e| e.at(), BoundedOutOfOrderness::of(NEVER_LATE))
                .key_by(|e| e.name())
                .window("windows", Tumbling::of(span))
                .aggregate(|totals: &mut Totals, e| totals.add(e.id(), e.value()));
            windowed.late.inspect(|e, _| panic!("{e:?} is late")).sink("late", Blackhole);
            windowed
                .on_time
                .map(|w| {
                    let w = w.to_value();
                    Summary { start: w.start, end: w.end, name: w.key, totals: w.value }
                })
                .sink("out", handle.sink());
            Ok(())
        }).expect("the job runs");
        let all: Vec<Event> = events(&splits).cloned().collect();
        prop_assert_eq!(unordered(&out.take()), unordered(&tumbling(&all, NEVER_LATE, span).on_time));
    }
}

const MOVED: Duration = Duration::from_secs(3_601);
