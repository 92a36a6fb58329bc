//! Regular joins, look-ups, changelogs and what is made of them, against nested loops, groups and sorted lists.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use thalweg::error::{JobError, OperatorFault};
use thalweg::operator::{ChangeKind, Over, Running};
use thalweg::prelude::*;
use thalweg::process::{Cx, KeyedProcess, NoSide, NoTimers};
use thalweg::record::Record;
use thalweg::state::{Distinct, State};
use thalweg_tests::oracle::{NEVER_LATE, sorted};
use thalweg_tests::random::{Splits, on, one_split, ordered_splits, some_splits, span};
use thalweg_tests::records::{Event, Pair};
use thalweg_tests::run::{On, source};

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// The events of a source that are never late.
fn events(t: &mut Topology, name: &str, splits: &Splits) -> thalweg::api::Stream<Event> {
    source(t, name, splits).watermarks(BoundedOutOfOrderness::of(NEVER_LATE))
}

/// Joins two sources; both follow their clock exactly.
fn joined(
    on: On,
    left: &Splits,
    right: &Splits,
    ttl: Option<Duration>,
    bound: Duration,
) -> Vec<Pair> {
    let out = Collected::<Pair>::new();
    let (handle, left, right) = (out.clone(), Arc::clone(left), Arc::clone(right));
    on.run(move |t| {
        let strategy = BoundedOutOfOrderness::of(bound);
        let right = source(t, "right", &right).watermarks(strategy).key_by(|e| e.name());
        let join = source(t, "left", &left)
            .watermarks(strategy)
            .key_by_value(|e: &Rec<Event>| Str::from(e.name()))
            .regular_join("pairs", right);
        let join = match ttl {
            Some(ttl) => join.ttl(ttl),
            None => join,
        };
        join.apply(|left, right| Pair { left: left.id(), right: right.id() })
            .sink("out", handle.sink());
        Ok(())
    })
    .expect("the job runs");
    sorted(out.take())
}

/// All pairs of equal key for which `meet` holds.
fn nested(left: &Splits, right: &Splits, meet: impl Fn(&Event, &Event) -> bool) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for left in left.iter().flatten() {
        for right in right.iter().flatten().filter(|right| right.name == left.name) {
            if meet(left, right) {
                pairs.push(Pair { left: left.id, right: right.id });
            }
        }
    }
    sorted(pairs)
}

fn distance(a: &Event, b: &Event) -> Duration {
    a.at.since(b.at).max(b.at.since(a.at))
}

/// The table that changes come to, as a sorted bag.
///
/// # Panics
///
/// If a change takes back what is not there, or an update is not one.
fn folded<T: Record + Ord + Clone>(workers: Vec<Vec<(EventTime, Change<T>)>>) -> Vec<T> {
    let mut rows = BTreeMap::<T, usize>::new();
    for changes in workers {
        let mut is_updating = false;
        for (_, Change { kind, value }) in changes {
            assert_eq!(
                kind == ChangeKind::UpdateAfter,
                is_updating,
                "both halves of an update, side by side"
            );
            is_updating = kind == ChangeKind::UpdateBefore;
            if kind.adds() {
                *rows.entry(value).or_default() += 1;
            } else {
                let count = rows.get_mut(&value).expect("what is taken back is there");
                *count -= 1;
                if *count == 0 {
                    rows.remove(&value);
                }
            }
        }
        assert!(!is_updating, "an update has an end");
    }
    rows.into_iter().flat_map(|(row, count)| std::iter::repeat_n(row, count)).collect()
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn a_regular_join_gives_all_pairs_however_late(
        left in some_splits(60), right in some_splits(60), on in on(), late in any::<bool>(),
    ) {
        let bound = if late { Duration::ZERO } else { NEVER_LATE };
        prop_assert_eq!(joined(on, &left, &right, None, bound), nested(&left, &right, |_, _| true));
    }

    #[test]
    fn with_a_time_to_live_pairs_are_those_that_are_less_apart(
        left in ordered_splits(80), right in ordered_splits(80), ttl in span(), on in on(),
    ) {
        let found = joined(on, &left, &right, Some(ttl), Duration::ZERO);
        // Splits that follow one clock each may still lag behind one another, and then what is late has lost partners.
        let expected = nested(&left, &right, |a, b| distance(a, b) < ttl);
        if left.len() == 1 && right.len() == 1 {
            prop_assert_eq!(&found, &expected);
        }
        prop_assert!(found.iter().all(|pair| expected.binary_search(pair).is_ok()));
        let found = joined(on, &left, &right, Some(ttl), NEVER_LATE);
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn a_many_to_one_join_gives_what_a_regular_one_does(
        left in some_splits(80), right in some_splits(40), on in on(),
    ) {
        // The first event of each name: a right side in which each name is once.
        let mut seen = std::collections::BTreeSet::new();
        let right = right.iter().map(|events| {
            events.iter().filter(|event| seen.insert(event.name.clone())).cloned().collect()
        });
        let right: Splits = Arc::new(right.collect());
        let out = Collected::<Pair>::new();
        let (handle, inputs) = (out.clone(), (Arc::clone(&left), Arc::clone(&right)));
        on.run(move |t| {
            let right = events(t, "right", &inputs.1).key_by(|e| e.name());
            events(t, "left", &inputs.0)
                .key_by(|e| e.name())
                .regular_join("pairs", right)
                .many_to_one(|left, right| {
                    (left.value() >= right.value()).then(|| Pair { left: left.id(), right: right.id() })
                })
                .sink("out", handle.sink());
            Ok(())
        }).expect("the job runs");
        prop_assert_eq!(sorted(out.take()), nested(&left, &right, |left, right| left.value >= right.value));
    }

    #[test]
    fn the_last_record_of_each_place_is_that_of_the_sorted_list(
        splits in one_split(150), n in 1..6_usize, on in on(),
    ) {
        let out = Collected::<(Event, u32)>::new();
        let (handle, input) = (out.clone(), Arc::clone(&splits));
        on.run(move |t| {
            events(t, "events", &input)
                .key_by_value(|e| e.group())
                .top_n_places("best", n, |e| e.value() % 10)
                .sink("out", handle.sink());
            Ok(())
        }).expect("the job runs");
        let mut found = BTreeMap::new();
        for (event, place) in out.take() {
            let before = found.insert((event.group, place), event.clone());
            let is_better = before.is_none_or(|before: Event| before.value % 10 <= event.value % 10);
            prop_assert!(is_better, "a place is taken by what is no worse");
        }
        let mut groups = BTreeMap::<u32, Vec<&Event>>::new();
        splits[0].iter().for_each(|event| groups.entry(event.group).or_default().push(event));
        let mut expected = BTreeMap::new();
        for (group, mut events) in groups {
            // Stable: of equal ranks the earlier is better.
            events.sort_by_key(|event| std::cmp::Reverse(event.value % 10));
            let places = (1_u32..).zip(events.into_iter().take(n));
            expected.extend(places.map(|(place, event)| ((group, place), event.clone())));
        }
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn a_left_outer_join_comes_to_pairs_and_to_what_has_none(
        left in some_splits(50), right in some_splits(50), on in on(),
    ) {
        let out = Collected::new();
        let (handle, inputs) = (out.clone(), (Arc::clone(&left), Arc::clone(&right)));
        on.run(move |t| {
            let right = events(t, "right", &inputs.1).key_by_value(|e| e.group());
            events(t, "left", &inputs.0)
                .key_by_value(|e| e.group())
                .regular_join("rows", right)
                .left_outer(|left, right| (left.id(), right.map(|right| right.id())))
                .sink("out", handle.sink());
            Ok(())
        }).expect("the job runs");
        let mut expected = Vec::new();
        for left in left.iter().flatten() {
            let mut partners = right.iter().flatten().filter(|right| right.group == left.group).peekable();
            if partners.peek().is_none() {
                expected.push((left.id, None));
            }
            expected.extend(partners.map(|right| (left.id, Some(right.id))));
        }
        prop_assert_eq!(folded(out.take_per_worker()), sorted(expected));
    }

    #[test]
    fn a_lookup_gives_each_row_of_the_key_and_an_outer_one_also_none(
        splits in some_splits(80), rows in proptest::collection::vec((0..5_u32, any::<u8>()), 0..12), on in on(),
    ) {
        let (inner, outer) = (Collected::new(), Collected::new());
        let handles = (inner.clone(), outer.clone());
        let (input, table) = (Arc::clone(&splits), LookupTable::of(rows.clone()));
        on.run(move |t| {
            let events = events(t, "events", &input);
            events
                .clone()
                .lookup_join(&table, |e| e.group(), |e, row| (e.id(), *row))
                .sink("inner", handles.0.sink());
            events
                .lookup_left_join(&table, |e| e.group(), |e, row| (e.id(), row.copied()))
                .sink("outer", handles.1.sink());
            Ok(())
        }).expect("the job runs");
        let (mut pairs, mut all) = (Vec::new(), Vec::new());
        for event in splits.iter().flatten() {
            let before = pairs.len();
            pairs.extend(rows.iter().filter(|(key, _)| *key == event.group).map(|(_, row)| (event.id, *row)));
            all.extend(pairs[before..].iter().map(|(id, row)| (*id, Some(*row))));
            if pairs.len() == before {
                all.push((event.id, None));
            }
        }
        prop_assert_eq!(sorted(inner.take()), sorted(pairs));
        prop_assert_eq!(sorted(outer.take()), sorted(all));
    }

    #[test]
    fn aggregates_of_aggregates_come_to_those_of_all_events(splits in some_splits(120), on in on()) {
        let (greatest, sums) = (Collected::new(), Collected::new());
        let table = UpsertCollected::new();
        let handles = (greatest.clone(), sums.clone(), table.clone());
        let input = Arc::clone(&splits);
        on.run(move |t| {
            let of_names = events(t, "events", &input)
                .key_by_value(|e| (Str::from(e.name()), e.group()))
                .aggregate_as_changes("greatest", |of| of.max(|e| e.value()));
            of_names
                .clone()
                .map(|c| { let Change { kind, value: Running { key, value } } = c.to_value(); Change { kind, value: (key, value) } })
                .sink("greatest out", handles.0.sink());
            let of_groups = of_names
                .key_by_value(|c| c.value().key().1)
                .aggregate_changes("sums", |of| (of.count(), of.sum(|c| c.value().value())));
            of_groups.clone().upserts(|c| c.value().key()).map(|u| {
                let (key, running) = u.to_value();
                (key, running.map(|running| running.value))
            }).sink("table", Upserts(handles.2.sink()));
            of_groups
                .map(|c| { let Change { kind, value: Running { key, value } } = c.to_value(); Change { kind, value: (key, value) } })
                .sink("sums out", handles.1.sink());
            Ok(())
        }).expect("the job runs");
        let mut expected = BTreeMap::<(Str, u32), i64>::new();
        for event in splits.iter().flatten() {
            let greatest = expected.entry((event.name.clone(), event.group)).or_insert(event.value);
            *greatest = event.value.max(*greatest);
        }
        prop_assert_eq!(folded(greatest.take_per_worker()), expected.clone().into_iter().collect::<Vec<_>>());
        let mut groups = BTreeMap::<u32, (u64, i64)>::new();
        for ((_, group), greatest) in expected {
            let sums = groups.entry(group).or_default();
            *sums = (sums.0 + 1, sums.1 + greatest);
        }
        prop_assert_eq!(table.take(), groups.clone());
        prop_assert_eq!(folded(sums.take_per_worker()), groups.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn a_mean_of_a_changelog_is_that_of_the_rows_that_are_left(splits in some_splits(100), on in on()) {
        let table = UpsertCollected::new();
        let (handle, input) = (table.clone(), Arc::clone(&splits));
        on.run(move |t| {
            events(t, "events", &input)
                .key_by(|e| e.name())
                .aggregate_as_changes("last", |of| of.count())
                .key_by_value(|c| c.value().key().len() as u64)
                .aggregate_changes("means", |of| {
                    let add = |sum: &mut u64, c: &Rec<Change<Running<Str, u64>>>| *sum += c.value().value();
                    let retract = |sum: &mut u64, c: &Rec<Change<Running<Str, u64>>>| *sum -= c.value().value();
                    (of.mean(|c| c.value().value()), of.fold_and_retract(add, retract))
                })
                .upserts(|c| c.value().key())
                .map(|u| { let (key, row) = u.to_value(); (key, row.map(|row| row.value)) })
                .sink("table", Upserts(handle.sink()));
            Ok(())
        }).expect("the job runs");
        let mut counts = BTreeMap::<Str, u64>::new();
        splits.iter().flatten().for_each(|event| *counts.entry(event.name.clone()).or_default() += 1);
        let mut groups = BTreeMap::<u64, Vec<u64>>::new();
        counts.into_iter().for_each(|(name, count)| groups.entry(name.len() as u64).or_default().push(count));
        let found = table.take();
        prop_assert!(found.keys().eq(groups.keys()));
        for (key, (mean, sum)) in found {
            let expected: u64 = groups[&key].iter().sum();
            prop_assert_eq!(sum, expected);
            let expected = expected as f64 / groups[&key].len() as f64;
            prop_assert!((mean - expected).abs() < 1e-6 * expected.max(1.0), "{} {}", mean, expected);
        }
    }

    #[test]
    fn over_aggregates_are_those_of_the_sorted_rows(
        splits in some_splits(80), preceding in 0..5_usize, on in on(),
    ) {
        let out = Collected::new();
        let (handle, input) = (out.clone(), Arc::clone(&splits));
        on.run(move |t| {
            // Greatest values rise, so rows change their place.
            events(t, "events", &input)
                .key_by_value(|e| (Str::from(e.name()), e.group()))
                .aggregate_as_changes("greatest", |of| of.max(|e| e.value()))
                .key_by_value(|c| c.value().key().1)
                .over("last", preceding, |c| (c.value().value(), Str::from(c.value().key().0)))
                .aggregate(|of| (of.count(), of.sum(|row| row.value() / 100)))
                .map(|c| {
                    let Change { kind, value: Over { row, value } } = c.to_value();
                    Change { kind, value: (row.key, row.value, value) }
                })
                .sink("out", handle.sink());
            Ok(())
        }).expect("the job runs");
        let mut greatest = BTreeMap::<(Str, u32), i64>::new();
        for event in splits.iter().flatten() {
            let value = greatest.entry((event.name.clone(), event.group)).or_insert(event.value);
            *value = event.value.max(*value);
        }
        let mut groups = BTreeMap::<u32, Vec<(i64, Str)>>::new();
        greatest.into_iter().for_each(|((name, group), value)| groups.entry(group).or_default().push((value, name)));
        let mut expected = Vec::new();
        for (group, mut rows) in groups {
            rows.sort();
            for place in 0..rows.len() {
                let frame = &rows[place.saturating_sub(preceding)..=place];
                let sum: i64 = frame.iter().map(|(value, _)| value / 100).sum();
                let (value, name) = rows[place].clone();
                expected.push(((name, group), value, (frame.len() as u64, sum)));
            }
        }
        prop_assert_eq!(folded(out.take_per_worker()), sorted(expected));
    }

    #[test]
    fn the_latest_record_of_a_key_is_the_last_that_passes(splits in some_splits(120), on in on()) {
        let out = Collected::<Event>::new();
        let (handle, input) = (out.clone(), Arc::clone(&splits));
        on.run(move |t| {
            events(t, "events", &input).key_by(|e| e.name()).latest("latest").sink("out", handle.sink());
            Ok(())
        }).expect("the job runs");
        let mut last = BTreeMap::<Str, Event>::new();
        for (at, event) in out.take_per_worker().into_iter().flatten() {
            prop_assert_eq!(at, event.at);
            if let Some(before) = last.insert(event.name.clone(), event.clone()) {
                prop_assert!(before.at <= event.at, "what passes is no older");
            }
        }
        let mut expected = BTreeMap::<Str, Event>::new();
        for event in splits.iter().flatten() {
            let latest = expected.entry(event.name.clone()).or_insert_with(|| event.clone());
            if event.at >= latest.at {
                *latest = event.clone();
            }
        }
        prop_assert!(last.keys().eq(expected.keys()));
        for (name, event) in last {
            prop_assert_eq!(event.at, expected[&name].at);
            // Which of several splits is read first is a matter of timing.
            if splits.len() == 1 {
                prop_assert_eq!(&event, &expected[&name]);
            }
        }
    }

    #[test]
    fn distinct_counts_are_those_of_sets(splits in one_split(200), on in on()) {
        let out = Collected::new();
        let (handle, input) = (out.clone(), Arc::clone(&splits));
        on.run(move |t| {
            events(t, "events", &input)
                .key_by_value(|e| e.group())
                .process("distinct", || CountNames)
                .sink("out", handle.sink());
            Ok(())
        }).expect("the job runs");
        let mut seen = BTreeMap::<u32, [std::collections::BTreeSet<Str>; 3]>::new();
        let expected = splits[0].iter().map(|event| {
            let sets = seen.entry(event.group).or_default();
            sets[0].insert(event.name.clone());
            sets[1 + usize::from(event.value < 0)].insert(event.name.clone());
            (event.id, sets.each_ref().map(|set| set.len() as u64))
        });
        let expected: Vec<_> = expected.collect();
        prop_assert_eq!(sorted(out.take()), expected);
    }
}

#[derive(State)]
struct Names {
    names: Distinct<Str>,
}

/// Counts the names of a group: all, those with a value of zero or more, and those with one below.
struct CountNames;

impl KeyedProcess for CountNames {
    type Key = u32;
    type In = Event;
    type Out = (u64, [u64; 3]);
    type State = Names;
    type Timer = NoTimers;
    type Side = NoSide;

    fn on_event(&mut self, cx: &mut Cx<'_, Self>, event: &Rec<Event>) -> Result<(), OperatorFault> {
        cx.state.names.add(event.name(), 1 | 2 << u32::from(event.value() < 0));
        let [all, positive, negative, ..] = cx.state.names.counts();
        cx.out.emit(&(event.id(), [all, positive, negative]));
        Ok(())
    }
}

/// What a job is refused for.
fn refusal(job: impl Fn(&mut Topology) -> Result<()> + Send + Sync + 'static) -> String {
    let error = Engine::builder().build().plan(job).expect_err("the job is refused");
    let JobError::Build(errors) = error else { panic!("{error:?}") };
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn numbers(t: &mut Topology, name: &str) -> thalweg::api::Stream<u64> {
    t.source(name, Items::of(vec![1_u64])).without_event_time()
}

#[test]
fn joins_that_cannot_be_are_refused_with_what_to_do() {
    let join = |t: &mut Topology, ttl: Duration| {
        let right = numbers(t, "right").key_by_value(|n| n.to_native());
        numbers(t, "left").key_by_value(|n| n.to_native()).regular_join("pairs", right).ttl(ttl)
    };
    let message = refusal(move |t| {
        join(t, Duration::ZERO).apply(|a, b| (a.to_native(), b.to_native())).sink("out", Blackhole);
        Ok(())
    });
    assert_eq!(message, "setting of \"pairs\": a join remembers its records for longer than zero");
    let message = refusal(move |t| {
        let rows = join(t, 1.hours()).left_outer(|a, b| (a.to_native(), b.map(|b| b.to_native())));
        rows.sink("out", Blackhole);
        Ok(())
    });
    assert_eq!(
        message,
        "setting of \"pairs\": a left outer join keeps its records for as long as the job runs; leave out ttl(), or use interval_join()"
    );
}

#[test]
fn a_right_side_that_has_a_key_twice_is_found_out() {
    let error = Engine::builder()
        .driver(Driver::Plain)
        .build()
        .run("test", |t| {
            let right = t.source("right", Items::of(vec![7_u64, 7])).without_event_time();
            numbers(t, "left")
                .key_by_value(|n| n.to_native())
                .regular_join("pairs", right.key_by_value(|n| n.to_native()))
                .many_to_one(|a, b| Some((a.to_native(), b.to_native())))
                .sink("out", Blackhole);
            Ok(())
        })
        .expect_err("the key is there twice");
    let JobError::Operator { operator, source } = error else { panic!("{error:?}") };
    assert_eq!(operator, "pairs");
    assert_eq!(
        source.to_string(),
        "a second record of the right side has the same key: a many-to-one join needs a right side in which each key is once; use apply()"
    );
}

#[test]
fn a_ranking_of_too_many_places_is_refused() {
    let message = refusal(|t| {
        let numbers = numbers(t, "numbers").key_by_value(|n| n.to_native());
        numbers.top_n_places("best", 257, |n| n.to_native()).sink("out", Blackhole);
        Ok(())
    });
    assert_eq!(message, "setting of \"best\": a ranking has at most 256 places");
}

#[test]
fn a_changelog_that_was_dealt_apart_is_found_out() {
    let error = Engine::builder()
        .driver(Driver::Plain)
        .build()
        .run("test", |t| {
            let changes = vec![Change::insert(1_u64), Change::delete(2)];
            t.source("changes", Items::of(changes))
                .without_event_time()
                .key_by_value(|c| c.value())
                .aggregate_changes("counts", |of| of.count())
                .sink("out", Blackhole);
            Ok(())
        })
        .expect_err("there is nothing to take back");
    let JobError::Operator { operator, source } = error else { panic!("{error:?}") };
    assert_eq!(operator, "counts");
    assert_eq!(
        source.to_string(),
        "a change takes back a row that is not there: changes of one row have to come in order, from one worker"
    );
}
