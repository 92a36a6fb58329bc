//! Keyed operators that give results with every record, against folds over lists.
//!
//! Keys include the split, so that the order of a key's records is that of its split, whatever the schedule.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use thalweg::agg::Aggregator;
use thalweg::prelude::*;
use thalweg_tests::oracle::{NEVER_LATE, sorted, watermarks};
use thalweg_tests::random::{Splits, bound, on, one_split, some_splits, span};
use thalweg_tests::records::{Event, Totals};
use thalweg_tests::run::{On, Settings, source};

fn patient() -> BoundedOutOfOrderness {
    BoundedOutOfOrderness::of(NEVER_LATE)
}

/// Whatever the seed draws, threads, and the tightest rings there are.
fn everywhere() -> impl Strategy<Value = On> {
    prop_oneof![6 => on(), 1 => (1..=4_usize).prop_map(|w| On::Plain(Settings::tight(w)))]
}

/// The key of a record within its split.
type Key = (u64, Str);

fn key(event: &Event) -> Key {
    (event.id >> 32, event.name.clone())
}

fn key_of(event: &Rec<Event>) -> Key {
    (event.id() >> 32, event.name().into())
}

/// The records of each key, in order.
fn by_key(splits: &Splits) -> BTreeMap<Key, Vec<Event>> {
    let mut keys: BTreeMap<Key, Vec<Event>> = BTreeMap::new();
    for event in splits.iter().flatten() {
        keys.entry(key(event)).or_default().push(event.clone());
    }
    keys
}

/// An aggregate of one's own: the longest run of values that do not fall.
struct LongestClimb;

#[record]
#[derive(Default)]
struct Climb {
    first: i64,
    last: i64,
    /// At the start, at the end, and the longest.
    lengths: [u64; 3],
    count: u64,
}

impl Aggregator<Event> for LongestClimb {
    type Accumulator = Climb;
    type Result = u64;

    fn create(&self) -> Climb {
        Climb::default()
    }

    fn add(&self, climb: &mut Climb, event: &Rec<Event>, _: EventTime) {
        let value = event.value();
        self.merge(climb, Climb { first: value, last: value, lengths: [1; 3], count: 1 });
    }

    fn merge(&self, climb: &mut Climb, later: Climb) {
        if climb.count == 0 || later.count == 0 {
            if climb.count == 0 {
                *climb = later;
            }
            return;
        }
        let goes_on = climb.last <= later.first;
        let [head, tail, longest] = climb.lengths;
        let [later_head, later_tail, later_longest] = later.lengths;
        let joined = if goes_on { tail + later_head } else { 0 };
        climb.lengths = [
            if goes_on && head == climb.count { head + later_head } else { head },
            if goes_on && later_tail == later.count { tail + later_tail } else { later_tail },
            longest.max(later_longest).max(joined),
        ];
        climb.last = later.last;
        climb.count += later.count;
    }

    fn result(&self, climb: &Climb) -> u64 {
        climb.lengths[2]
    }
}

fn longest_climb(values: &[i64]) -> u64 {
    let climbs = values.chunk_by(|a, b| a <= b);
    climbs.map(|climb| climb.len() as u64).max().unwrap_or(0)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(60) })]

    #[test]
    fn reduce_gives_what_the_records_so_far_come_to(splits in some_splits(150), on in everywhere()) {
        let out = Collected::new();
        let (handle, input) = (out.clone(), Arc::clone(&splits));
        on.run(move |t| {
            source(t, "events", &input)
                .watermarks(patient())
                .key_by_value(key_of)
                .reduce("sums", |sum, e| Event {
                    value: sum.value.wrapping_add(e.value()),
                    // Grows, so that the accumulator does not keep its length.
                    text: format!("{}{}", sum.text, e.id() % 10).into(),
                    ..e.to_value()
                })
                .sink("out", handle.sink());
            Ok(())
        }).expect("the job runs");
        let mut expected = Vec::new();
        for events in by_key(&splits).into_values() {
            let mut sum: Option<Event> = None;
            for event in events {
                let next = match sum {
                    None => event,
                    Some(sum) => Event {
                        value: sum.value.wrapping_add(event.value),
                        text: format!("{}{}", sum.text, event.id % 10).into(),
                        ..event
                    },
                };
                expected.push(next.clone());
                sum = Some(next);
            }
        }
        prop_assert_eq!(sorted(out.take()), sorted(expected));
    }

    #[test]
    fn aggregates_of_a_tuple_run_side_by_side(splits in some_splits(120), on in everywhere()) {
        let out = Collected::new();
        let (handle, input) = (out.clone(), Arc::clone(&splits));
        on.run(move |t| {
            source(t, "events", &input)
                .watermarks(patient())
                .key_by_value(key_of)
                .aggregate("stats", |of| (
                    of.count(),
                    of.sum(|e| e.value()),
                    of.max_by(|e| e.value(), |e| e.id()),
                    of.top_k(3, |e| e.value()),
                    LongestClimb,
                    of.fold(|totals: &mut Totals, e| totals.add(e.id(), e.value()), |totals, later| totals.merge(&later)),
                ))
                .map(|running| {
                    let running = running.to_value();
                    (running.key, running.value)
                })
                .sink("out", handle.sink());
            Ok(())
        }).expect("the job runs");
        let mut expected = Vec::new();
        for (key, events) in by_key(&splits) {
            for n in 1..=events.len() {
                let so_far = &events[..n];
                let values: Vec<i64> = so_far.iter().map(|e| e.value).collect();
                let best = so_far.iter().rev().max_by_key(|e| e.value).expect("one at least");
                let mut top = values.clone();
                top.sort_by_key(|value| std::cmp::Reverse(*value));
                top.truncate(3);
                let mut totals = Totals::default();
                so_far.iter().for_each(|e| totals.add(e.id, e.value));
                let climb = longest_climb(&values);
                expected.push((key.clone(), (n as u64, values.iter().sum::<i64>(), best.id, top, climb, totals)));
            }
        }
        prop_assert_eq!(sorted(out.take()), sorted(expected));
    }

    #[test]
    fn top_n_tells_of_every_change_and_of_nothing_else(
        splits in some_splits(120), n in 1..5_usize, on in everywhere(),
    ) {
        let out = Collected::new();
        let (handle, input) = (out.clone(), Arc::clone(&splits));
        on.run(move |t| {
            source(t, "events", &input)
                .watermarks(patient())
                .key_by_value(key_of)
                .top_n("best", n, |e| e.value() % 50)
                .map(|ranking| {
                    let ranking = ranking.to_value();
                    (ranking.key, ranking.top)
                })
                .sink("out", handle.sink());
            Ok(())
        }).expect("the job runs");
        let mut expected = Vec::new();
        for (key, events) in by_key(&splits) {
            let mut last: Vec<Event> = Vec::new();
            for end in 1..=events.len() {
                let mut ranked = events[..end].to_vec();
                ranked.sort_by_key(|e| std::cmp::Reverse(e.value % 50));
                ranked.truncate(n);
                if ranked != last {
                    expected.push((key.clone(), ranked.clone()));
                }
                last = ranked;
            }
        }
        prop_assert_eq!(sorted(out.take()), sorted(expected));
    }

    /// One split, so which records are late is exact.
    #[test]
    fn deduplicate_passes_what_nothing_near_it_has_passed_before(
        splits in one_split(400), bound in bound(), time_to_live in span(), on in everywhere(),
    ) {
        let (unique, late) = (Collected::new(), Collected::new());
        let (handles, input) = ((unique.clone(), late.clone()), Arc::clone(&splits));
        on.run(move |t| {
            let deduplicated = source(t, "events", &input)
                .watermarks(BoundedOutOfOrderness::of(bound))
                .key_by(|e| e.name())
                .deduplicate("once", time_to_live);
            deduplicated.unique.sink("unique", handles.0.sink());
            deduplicated.late.sink("late", handles.1.sink());
            Ok(())
        }).expect("the job runs");
        let mut passed: BTreeMap<Str, Vec<EventTime>> = BTreeMap::new();
        let (mut expected, mut expected_late) = (Vec::new(), Vec::new());
        for (event, watermark) in splits[0].iter().zip(watermarks(&splits[0], bound)) {
            let near = |at: &EventTime| at.since(event.at).max(event.at.since(*at)) < time_to_live;
            let of_key = passed.entry(event.name.clone()).or_default();
            if event.at.floor(time_to_live) + time_to_live <= watermark {
                expected_late.push(event.clone());
            } else if !of_key.iter().any(near) {
                of_key.push(event.at);
                expected.push(event.clone());
            }
        }
        prop_assert_eq!(sorted(unique.take()), sorted(expected));
        prop_assert_eq!(sorted(late.take()), sorted(expected_late));
    }
}

#[test]
fn without_event_time_a_key_is_never_forgotten() {
    let out = Collected::new();
    let handle = out.clone();
    On::Sim { seed: 7, workers: 3 }
        .run(move |t| {
            let numbers = Items::of((0..500_u64).map(|n| n % 40).collect::<Vec<_>>());
            let deduplicated = t
                .source("numbers", numbers)
                .without_event_time()
                .key_by_value(|n: &Rec<u64>| n.to_native())
                .deduplicate("once", 1.secs());
            deduplicated.late.drop_counted();
            deduplicated.unique.sink("out", handle.sink());
            Ok(())
        })
        .unwrap();
    assert_eq!(sorted(out.take()), (0..40).collect::<Vec<u64>>());
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let refused = Engine::builder().build().plan(|t| {
        let keyed =
            |stream: &Stream<u64>| stream.clone().key_by_value(|n: &Rec<u64>| n.to_native());
        let numbers = t.source("numbers", Items::of(vec![1_u64])).without_event_time();
        let deduplicated = keyed(&numbers).deduplicate("once", Duration::ZERO);
        deduplicated.late.drop_counted();
        deduplicated.unique.drop_counted();
        keyed(&numbers).top_n("best", 0, |n| n.to_native()).drop_counted();
        keyed(&numbers).reduce("best", |old, _| old).drop_counted();
        drop(keyed(&numbers).aggregate("counts", |of| of.count()));
        Ok(())
    });
    assert_eq!(
        refused.unwrap_err().to_string(),
        "the job cannot be built\
         \n  setting of \"once\": keys are remembered for longer than zero\
         \n  setting of \"best\": a ranking has at least one place\
         \n  two operators are named \"best\"; names address state, so each must differ\
         \n  output `stream` of operator \"counts\" is not used; send it to a sink or call drop_counted()"
    );
}

#[test]
fn a_sum_that_does_not_fit_ends_the_job_and_names_the_operator() {
    let error = On::Plain(Settings::tight(2))
        .run(|t| {
            t.source("numbers", Items::of(vec![i64::MAX, 1]))
                .without_event_time()
                .key_by_value(|_| 0_u32)
                .aggregate("total", |of| of.sum(|n| n.to_native()))
                .sink("out", Blackhole);
            Ok(())
        })
        .unwrap_err();
    assert_eq!(error.to_string(), "operator \"total\" panicked: a sum of i64 exceeds i64");
}
