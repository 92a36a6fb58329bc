//! Every window, with every trigger, lateness and mode, against the slow way.

use std::time::Duration;

use proptest::prelude::*;
use thalweg::prelude::*;
use thalweg::window::{AtWatermark, Count, PaneInfo, TimeWindow, Trigger, WindowAssigner};
use thalweg_tests::random::{Splits, bound, on, one_split, settings, span};
use thalweg_tests::records::Event;
use thalweg_tests::ruled_windows::{kind, outcome, rules};
use thalweg_tests::run::On;
use thalweg_tests::window_oracle::{self, Kind, Outcome, Rules, Shown, When};

/// What windows hold: accumulators, or all records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    Accumulators,
    Records,
}

fn shown(name: Str, window: TimeWindow, pane: PaneInfo, mut ids: Vec<u64>) -> Shown {
    ids.sort_unstable();
    Shown { name, start: window.start, end: window.end, pane, ids }
}

/// Windows by name with an assigner and a trigger.
fn windowed<W: WindowAssigner<Event>, G: Trigger<Event>>(
    (stream, rules, holds): (Stream<Event>, Rules, Holds),
    window: W,
    trigger: G,
) -> Windowed<Shown, Event> {
    let mut windows = stream
        .key_by(|e| e.name())
        .window("windows", window)
        .trigger(trigger)
        .allowed_lateness(rules.lateness);
    if rules.discarding {
        windows = windows.discarding();
    }
    match holds {
        Holds::Accumulators => windows.process_aggregate(
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
        ),
        Holds::Records => windows.process(|cx, elements| {
            let ids = elements.iter().map(|e| e.record.id()).collect();
            let shown = shown(cx.key(), cx.window(), cx.pane(), ids);
            cx.emit(&shown);
        }),
    }
}

fn triggered<W: WindowAssigner<Event>>(
    job: (Stream<Event>, Rules, Holds),
    window: W,
) -> Windowed<Shown, Event> {
    match job.1.when {
        When::AtWatermark => windowed(job, window, AtWatermark),
        When::EarlyRecords(n) => windowed(job, window, AtWatermark.early_every_records(n)),
        When::EarlySpan(s) => windowed(job, window, AtWatermark.early_every_event_time(s)),
        When::Count(n) => windowed(job, window, Count::of(n)),
    }
}

fn run(on: On, splits: &Splits, bound: Duration, rules: Rules, holds: Holds) -> Outcome {
    outcome(on, splits, bound, move |stream| {
        let job = (stream, rules, holds);
        match rules.kind {
            Kind::Tumbling(width, offset) => triggered(job, Tumbling::of(width).offset(offset)),
            Kind::Sliding(width, slide, offset) => {
                triggered(job, Sliding::of(width, slide).offset(offset))
            }
            Kind::Cumulating(width, step) => triggered(job, Cumulating::of(width, step)),
            Kind::Session(gap) => triggered(job, Session::gap(gap)),
        }
    })
}

fn when() -> impl Strategy<Value = When> {
    prop_oneof![
        3 => Just(When::AtWatermark),
        1 => (1..40u64).prop_map(When::EarlyRecords),
        1 => Just(When::EarlyRecords(u64::MAX)),
        1 => span().prop_map(When::EarlySpan),
        1 => (1..40u64).prop_map(When::Count),
    ]
}

fn holds() -> impl Strategy<Value = Holds> {
    prop_oneof![Just(Holds::Accumulators), Just(Holds::Records)]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(250) })]

    #[test]
    fn firings_and_late_records_are_exactly_those_of_the_slow_way(
        rules in rules(when()), holds in holds(), splits in one_split(400), bound in bound(), on in on(),
    ) {
        let found = run(on, &splits, bound, rules, holds);
        prop_assert_eq!(found, window_oracle::run(&splits[0], bound, rules));
    }

    #[test]
    fn slices_give_what_windows_kept_one_by_one_give(
        kind in kind(), splits in one_split(400), bound in bound(), on in on(), lateness in 0..1_000u64,
    ) {
        let lateness = Duration::from_millis(lateness);
        let shared = Rules { kind, when: When::AtWatermark, lateness, discarding: false };
        // A trigger that could fire early and does not is enough to keep windows apart.
        let apart = Rules { when: When::EarlyRecords(u64::MAX), ..shared };
        prop_assert_eq!(
            run(on, &splits, bound, shared, Holds::Accumulators),
            run(on, &splits, bound, apart, Holds::Records)
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(24) })]

    #[test]
    fn threads_and_sizes_do_not_show(
        rules in rules(when()), holds in holds(), splits in one_split(400), bound in bound(), settings in settings(),
    ) {
        let found = run(On::Plain(settings), &splits, bound, rules, holds);
        prop_assert_eq!(found, window_oracle::run(&splits[0], bound, rules));
    }
}
