//! Joins bounded by time and by windows of every kind, against nested loops.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use thalweg::api::Joined;
use thalweg::prelude::*;
use thalweg::window::{TimeWindow, WindowAssigner, WindowContext};
use thalweg_tests::oracle::{NEVER_LATE, sorted};
use thalweg_tests::random::{Splits, bound, on, some_splits, span};
use thalweg_tests::records::Event;
use thalweg_tests::run::{On, source};
use thalweg_tests::window_oracle::{Kind, windows};

/// Left and right identity, and the event time of the pair.
type Row = (Option<u64>, Option<u64>, EventTime);

/// Rows, and late records of both sides.
type Found = (Vec<Row>, Vec<u64>, Vec<u64>);

/// Runs a join of two sources.
fn run<J>(on: On, left: &Splits, right: &Splits, bound: Duration, job: J) -> Found
where
    J: Fn(Stream<Event>, Stream<Event>) -> Joined<(Option<u64>, Option<u64>), Event, Event>
        + Send
        + Sync
        + 'static,
{
    let rows = Collected::<(Option<u64>, Option<u64>)>::new();
    let (late_left, late_right) = (Collected::<u64>::new(), Collected::<u64>::new());
    let handles = (rows.clone(), late_left.clone(), late_right.clone());
    let (left, right) = (Arc::clone(left), Arc::clone(right));
    on.run(move |t| {
        let strategy = BoundedOutOfOrderness::of(bound);
        let left = source(t, "left", &left).watermarks(strategy).boxed();
        let right = source(t, "right", &right).watermarks(strategy).boxed();
        let joined = job(left, right);
        joined.late_left.map(|e| e.id()).sink("late left", handles.1.sink());
        joined.late_right.map(|e| e.id()).sink("late right", handles.2.sink());
        joined.on_time.sink("rows", handles.0.sink());
        Ok(())
    })
    .expect("the job runs");
    let rows = rows.take_per_worker().into_iter().flatten();
    let rows = sorted(rows.map(|(at, (left, right))| (left, right, at)));
    (rows, sorted(late_left.take()), sorted(late_right.take()))
}

fn both(left: &Rec<Event>, right: &Rec<Event>) -> (Option<u64>, Option<u64>) {
    (Some(left.id()), Some(right.id()))
}

/// Bounds in nanoseconds, both inclusive, and the interval that has them.
fn interval() -> impl Strategy<Value = (i64, i64, Interval)> {
    let ms = |ms: u64| Duration::from_millis(ms);
    let around = (0..3_000_u64, 0..3_000_u64, any::<[bool; 2]>()).prop_map(
        move |(before, after, [lower, upper])| {
            let mut interval = Interval::around(ms(before), ms(after));
            let (mut least, mut most) = (-nanos(ms(before)), nanos(ms(after)));
            if lower {
                interval = interval.exclusive_lower();
                least += 1;
            }
            if upper {
                interval = interval.exclusive_upper();
                most -= 1;
            }
            (least, most, interval)
        },
    );
    let after = (0..2_000_u64, 0..2_000_u64).prop_map(move |(least, more)| {
        let (least, most) = (ms(least), ms(least + more));
        (nanos(least), nanos(most), Interval::after(least, most))
    });
    let before = (0..2_000_u64, 0..2_000_u64).prop_map(move |(least, more)| {
        let (least, most) = (ms(least), ms(least + more));
        (-nanos(most), -nanos(least), Interval::before(least, most))
    });
    prop_oneof![around, after, before].prop_filter("not empty", |(least, most, _)| least <= most)
}

fn nanos(span: Duration) -> i64 {
    i64::try_from(span.as_nanos()).unwrap()
}

fn near(left: &[&Event], right: &[&Event], (least, most): (i64, i64)) -> Vec<Row> {
    let mut rows = Vec::new();
    for left in left {
        for right in right {
            let apart = right.at.nanos_since(left.at);
            if left.name == right.name && (least..=most).contains(&apart) {
                rows.push((Some(left.id), Some(right.id), left.at.max(right.at)));
            }
        }
    }
    sorted(rows)
}

fn without<'a>(splits: &'a Splits, late: &[u64]) -> Vec<&'a Event> {
    let late: BTreeSet<u64> = late.iter().copied().collect();
    splits.iter().flatten().filter(|event| !late.contains(&event.id)).collect()
}

/// What becomes of records in windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Join {
    Inner,
    Left,
    Right,
    Full,
    CoGroup,
}

fn joined<W: WindowAssigner<Event>>(
    (left, right, join): (Stream<Event>, Stream<Event>, Join),
    window: W,
) -> Joined<(Option<u64>, Option<u64>), Event, Event> {
    let joined = left.key_by(|e| e.name()).join("join", right.key_by(|e| e.name()), window);
    match join {
        Join::Inner => joined.apply(both),
        Join::Left => joined.left_outer(|l, r| (Some(l.id()), r.map(|r| r.id()))),
        Join::Right => joined.right_outer(|l, r| (l.map(|l| l.id()), Some(r.id()))),
        Join::Full => joined.full_outer(|l, r| (l.map(|l| l.id()), r.map(|r| r.id()))),
        // The sizes of both sides, of which at least one is not zero.
        Join::CoGroup => joined.co_group(
            |cx: &mut WindowContext<'_, Str, (Option<u64>, Option<u64>)>, left, right| {
                cx.emit(&(Some(left.len() as u64), Some(right.len() as u64)));
            },
        ),
    }
}

/// Left and right records of each window of each key, the slow way.
fn groups(left: &Splits, right: &Splits, kind: Kind) -> Vec<(TimeWindow, [Vec<u64>; 2])> {
    let mut keys: BTreeMap<Str, Vec<(TimeWindow, usize, u64)>> = BTreeMap::new();
    for (side, splits) in [left, right].into_iter().enumerate() {
        for event in splits.iter().flatten() {
            let of_key = keys.entry(event.name.clone()).or_default();
            of_key
                .extend(windows(kind, event.at).into_iter().map(|window| (window, side, event.id)));
        }
    }
    let mut groups = Vec::new();
    for mut records in keys.into_values() {
        records.sort();
        let mut last: Option<(TimeWindow, [Vec<u64>; 2])> = None;
        for (window, side, id) in records {
            let same = |open: TimeWindow| match kind {
                Kind::Session(_) => open.overlaps(window),
                _ => open == window,
            };
            match last.as_mut().filter(|(open, _)| same(*open)) {
                Some((open, sides)) => {
                    open.end = open.end.max(window.end);
                    sides[side].push(id);
                }
                None => {
                    let mut sides = [vec![], vec![]];
                    sides[side].push(id);
                    groups.extend(last.replace((window, sides)));
                }
            }
        }
        groups.extend(last);
    }
    groups
}

fn expected(left: &Splits, right: &Splits, kind: Kind, join: Join) -> Vec<Row> {
    let mut rows = Vec::new();
    for (window, [left, right]) in groups(left, right, kind) {
        let at = window.last_instant();
        if join == Join::CoGroup {
            rows.push((Some(left.len() as u64), Some(right.len() as u64), at));
            continue;
        }
        for l in &left {
            rows.extend(right.iter().map(|r| (Some(*l), Some(*r), at)));
        }
        if right.is_empty() && matches!(join, Join::Left | Join::Full) {
            rows.extend(left.iter().map(|l| (Some(*l), None, at)));
        }
        if left.is_empty() && matches!(join, Join::Right | Join::Full) {
            rows.extend(right.iter().map(|r| (None, Some(*r), at)));
        }
    }
    sorted(rows)
}

fn kind() -> impl Strategy<Value = Kind> {
    let ms = Duration::from_millis;
    prop_oneof![
        span().prop_map(move |width| Kind::Tumbling(width, ms(3))),
        (1..300u64, 0..8u64, 0..300u64).prop_map(move |(slide, slides, rest)| {
            Kind::Sliding(ms((slide * slides + rest % slide).max(1)), ms(slide), ms(7))
        }),
        (1..300u64, 1..8u64)
            .prop_map(move |(step, steps)| Kind::Cumulating(ms(step * steps), ms(step))),
        span().prop_map(Kind::Session),
    ]
}

fn join() -> impl Strategy<Value = Join> {
    prop_oneof![
        2 => Just(Join::Inner),
        1 => Just(Join::Left),
        1 => Just(Join::Right),
        1 => Just(Join::Full),
        1 => Just(Join::CoGroup),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(100) })]

    #[test]
    fn pairs_within_an_interval_are_those_of_nested_loops(
        left in some_splits(80), right in some_splits(80), (least, most, interval) in interval(), on in on(),
    ) {
        let found = run(on, &left, &right, NEVER_LATE, move |left, right| {
            left.key_by(|e| e.name()).interval_join("near", right.key_by(|e| e.name()), interval).apply(both)
        });
        let (l, r) = (without(&left, &[]), without(&right, &[]));
        prop_assert_eq!(found, (near(&l, &r, (least, most)), vec![], vec![]));
    }

    #[test]
    fn every_record_meets_its_partners_within_the_interval_or_is_late(
        left in some_splits(150), right in some_splits(150), bound in bound(),
        (least, most, interval) in interval(), on in on(),
    ) {
        let (rows, late_left, late_right) = run(on, &left, &right, bound, move |left, right| {
            left.key_by(|e| e.name()).interval_join("near", right.key_by(|e| e.name()), interval).apply(both)
        });
        let (l, r) = (without(&left, &late_left), without(&right, &late_right));
        prop_assert_eq!(rows, near(&l, &r, (least, most)));
    }

    #[test]
    fn joins_and_co_groups_over_every_window_are_those_of_lists(
        left in some_splits(50), right in some_splits(50), kind in kind(), join in join(), on in on(),
    ) {
        let found = run(on, &left, &right, NEVER_LATE, move |left, right| {
            let job = (left, right, join);
            match kind {
                Kind::Tumbling(width, offset) => joined(job, Tumbling::of(width).offset(offset)),
                Kind::Sliding(width, slide, offset) => joined(job, Sliding::of(width, slide).offset(offset)),
                Kind::Cumulating(width, step) => joined(job, Cumulating::of(width, step)),
                Kind::Session(gap) => joined(job, Session::gap(gap)),
            }
        });
        prop_assert_eq!(found, (expected(&left, &right, kind, join), vec![], vec![]));
    }
}
