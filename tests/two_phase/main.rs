//! Aggregation in two phases gives what aggregation in one does: the same windows, the same late records, the same last results.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use thalweg::prelude::*;
use thalweg::window::{InPieces, PaneInfo, TimeWindow};
use thalweg_tests::random::{Splits, bound, on, one_split, some_splits, span};
use thalweg_tests::records::Event;
use thalweg_tests::ruled_windows::{kind, outcome, rules};
use thalweg_tests::run::{On, Settings, source};
use thalweg_tests::window_oracle::{self, Kind, Outcome, Rules, Shown, When};

fn shown(name: Str, window: TimeWindow, pane: PaneInfo, mut ids: Vec<u64>) -> Shown {
    ids.sort_unstable();
    Shown { name, start: window.start, end: window.end, pane, ids }
}

/// Windows by name.
fn windowed<W: InPieces<Event>>(
    (stream, rules): (Stream<Event>, Rules),
    window: W,
) -> Windowed<Shown, Event> {
    let mut windows =
        stream.key_by(|e| e.name()).window("windows", window).allowed_lateness(rules.lateness);
    if rules.discarding {
        windows = windows.discarding();
    }
    windows.two_phase().process_aggregate(
        |of| {
            of.fold(
                |ids: &mut Vec<u64>, e: &Rec<Event>| ids.push(e.id()),
                |ids, later| ids.extend(later),
            )
        },
        |cx, ids| {
            let shown = shown(cx.key(), cx.window(), cx.pane(), ids);
            cx.emit(&shown);
        },
    )
}

fn run(on: On, splits: &Splits, bound: Duration, rules: Rules) -> Outcome {
    outcome(on, splits, bound, move |stream| {
        let job = (stream, rules);
        match rules.kind {
            Kind::Tumbling(width, offset) => windowed(job, Tumbling::of(width).offset(offset)),
            Kind::Sliding(width, slide, offset) => {
                windowed(job, Sliding::of(width, slide).offset(offset))
            }
            Kind::Cumulating(width, step) => windowed(job, Cumulating::of(width, step)),
            Kind::Session(gap) => windowed(job, Session::gap(gap)),
        }
    })
}

/// Everything in each key's last result, and how many results there were.
fn last_of<K: Ord, V>(results: impl IntoIterator<Item = (K, V)>) -> BTreeMap<K, V> {
    results.into_iter().collect()
}

/// What records by group come to, every so often.
fn totals(t: &mut Topology, splits: &Splits, every: Duration) -> Stream<(u32, (u64, i64, u64))> {
    source(t, "events", splits)
        .watermarks(BoundedOutOfOrderness::of(Duration::from_millis(50)))
        .key_by_value(|e| e.group())
        .aggregate_every("totals", every, |of| {
            (
                of.count(),
                of.max(|e| e.value()),
                of.fold(
                    |ids: &mut u64, e: &Rec<Event>| *ids = ids.wrapping_add(e.id()),
                    |ids, later| *ids = ids.wrapping_add(later),
                ),
            )
        })
        .map(|running| {
            let running = running.to_value();
            let (count, greatest, ids) = running.value;
            (running.key, (count, greatest, ids))
        })
        .boxed()
}

/// The same, by hand.
fn totals_by_hand(splits: &Splits) -> BTreeMap<u32, (u64, i64, u64)> {
    let mut totals = BTreeMap::new();
    for event in splits.iter().flatten() {
        let (count, greatest, ids) = totals.entry(event.group).or_insert((0, i64::MIN, 0_u64));
        *count += 1;
        *greatest = event.value.max(*greatest);
        *ids = ids.wrapping_add(event.id);
    }
    totals
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(250) })]

    #[test]
    fn windows_of_one_split_and_what_is_late_for_them_are_exactly_those_of_the_oracle(
        rules in rules(Just(When::AtWatermark)), splits in one_split(500), bound in bound(), on in on(),
    ) {
        let found = run(on, &splits, bound, rules);
        prop_assert_eq!(found, window_oracle::run(&splits[0], bound, rules));
    }

    #[test]
    fn windows_of_many_splits_hold_all_their_records_when_none_is_late(
        kind in kind(), splits in some_splits(200), on in on(),
    ) {
        let when = When::AtWatermark;
        let rules = Rules { kind, when, lateness: Duration::ZERO, discarding: false };
        let patient = Duration::from_secs(1_000_000);
        let mut found = run(on, &splits, patient, rules);
        let mut expected = window_oracle::run(&splits.concat(), patient, rules);
        // Two splits may be so far apart that one list has late records; then those are as good as any.
        expected.shown.iter_mut().chain(&mut found.shown).for_each(|shown| shown.ids.sort_unstable());
        prop_assume!(expected.late.is_empty());
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn the_last_running_result_of_a_key_is_that_of_all_its_records(
        splits in some_splits(300), every in span(), on in on(),
    ) {
        let (results, input) = (Collected::new(), Arc::clone(&splits));
        let handle = results.clone();
        on.run(move |t| {
            totals(t, &input, every).sink("results", handle.sink());
            Ok(())
        }).expect("the job runs");
        // Counts of a key only grow.
        let mut found: Vec<(u32, (u64, i64, u64))> = results.take();
        found.sort_by_key(|(key, (count, ..))| (*key, *count));
        let results = found.len();
        prop_assert!(results <= splits.iter().flatten().count());
        prop_assert_eq!(last_of(found), totals_by_hand(&splits));
    }
}

#[test]
fn of_a_key_that_comes_often_little_travels() {
    let events: Vec<Event> = (0..10_000)
        .map(|n| Event {
            at: EventTime::from_millis(n),
            id: n.cast_unsigned(),
            name: Str::from(if n % 2 == 0 { "hot" } else { "cold" }),
            group: 0,
            value: 1,
            text: Str::default(),
        })
        .collect();
    let splits: Splits = Arc::new(vec![events]);
    let counts = Collected::<(Str, u64)>::new();
    let handle = counts.clone();
    let on = On::Plain(Settings { workers: 2, ..Settings::tight(2) });
    let report = on
        .run(move |t| {
            let windowed = source(t, "events", &splits)
                .watermarks(BoundedOutOfOrderness::of(Duration::from_millis(100)))
                .key_by(|e| e.name())
                .window("counts", Tumbling::of(Duration::from_secs(1)))
                .two_phase()
                .aggregate_with(|of| of.count());
            windowed.late.drop_counted();
            windowed.on_time.map(|w| (w.key().into(), w.value())).sink("counted", handle.sink());
            Ok(())
        })
        .expect("the job runs");
    let counts: Vec<(Str, u64)> = counts.take();
    assert_eq!((counts.len(), counts.iter().map(|(_, n)| n).sum::<u64>()), (20, 10_000));
    // Two keys in ten windows.
    assert_eq!(report.operator("counts").expect("it is there").totals.records_in, 20);
}

#[test]
fn an_interval_of_zero_is_refused() {
    let refused = Engine::builder().build().plan(|t| {
        let numbers = t.source("numbers", Items::of(vec![1_u64])).without_event_time();
        numbers
            .key_by_value(|n| n.to_native())
            .aggregate_every("totals", Duration::ZERO, |of| of.count())
            .drop_counted();
        Ok(())
    });
    let message = refused.map(drop).unwrap_err().to_string();
    assert!(
        message.contains("results are sent every so often, which is longer than zero"),
        "{message}"
    );
}
