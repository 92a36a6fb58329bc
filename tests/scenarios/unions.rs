//! Unions of any number of streams, of which some are much faster than others.

use proptest::prelude::*;
use thalweg::prelude::*;
use thalweg_tests::oracle::{NEVER_LATE, tumbling_of_all, unordered};
use thalweg_tests::random::{Splits, on, some_splits, span};
use thalweg_tests::records::{Event, Summary, Totals};
use thalweg_tests::run::{On, Settings, source};

fn everywhere() -> impl Strategy<Value = On> {
    prop_oneof![4 => on(), 1 => (1..=4_usize).prop_map(|w| On::Plain(Settings::tight(w)))]
}

fn all(splits: &Splits) -> impl Iterator<Item = &Event> + Clone {
    splits.iter().flatten()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(50) })]

    #[test]
    fn union_of_sources_has_every_record_of_each_in_its_order(
        sources in proptest::collection::vec(some_splits(80), 1..6), on in everywhere(),
    ) {
        let out = Collected::new();
        let (handle, inputs) = (out.clone(), sources.clone());
        on.run(move |t| {
            let mut streams = inputs.iter().enumerate().map(|(number, splits)| {
                let name = format!("source {number}");
                let number = number as u64;
                let events = source(t, &name, splits).watermarks(Monotonic);
                events.map(move |e| (number, e.id())).boxed()
            }).collect::<Vec<_>>();
            let first = streams.remove(0);
            first.filter(|_| true).union_all(streams).sink("out", handle.sink());
            Ok(())
        }).expect("the job runs");
        let per_worker = out.take_per_worker();
        for (number, splits) in sources.iter().enumerate() {
            for (split, events) in splits.iter().enumerate() {
                // A split is read by one worker, and nothing is dealt anew.
                let of_split = |(_, (source, id)): &&(EventTime, (u64, u64))| {
                    *source == number as u64 && id >> 32 == split as u64
                };
                let found: Vec<u64> =
                    per_worker.iter().flatten().filter(of_split).map(|(_, (_, id))| *id).collect();
                prop_assert_eq!(found, events.iter().map(|e| e.id).collect::<Vec<_>>());
            }
        }
        let count: usize = sources.iter().map(|splits| all(splits).count()).sum();
        prop_assert_eq!(per_worker.iter().flatten().count(), count);
    }

    #[test]
    fn event_time_of_a_union_is_that_of_the_slowest(
        sources in proptest::collection::vec(some_splits(60), 2..5), width in span(), on in everywhere(),
    ) {
        let out = Collected::new();
        let (handle, inputs) = (out.clone(), sources.clone());
        on.run(move |t| {
            let mut streams = inputs.iter().enumerate().map(|(number, splits)| {
                source(t, &format!("source {number}"), splits)
                    .watermarks(BoundedOutOfOrderness::of(NEVER_LATE))
            }).collect::<Vec<_>>();
            let first = streams.remove(0);
            let windowed = first
                .union_all(streams)
                .key_by(|e| e.name())
                .window("windows", Tumbling::of(width))
                .aggregate(|totals: &mut Totals, e| totals.add(e.id(), e.value()));
            windowed.late.inspect(|e, _| panic!("{e:?} is late")).sink("late", Blackhole);
            windowed.on_time
                .map(|w| {
                    let w = w.to_value();
                    Summary { start: w.start, end: w.end, name: w.key, totals: w.value }
                })
                .sink("out", handle.sink());
            Ok(())
        }).expect("the job runs");
        let events = sources.iter().flat_map(all);
        prop_assert_eq!(unordered(&out.take()), unordered(&tumbling_of_all(events, width)));
    }
}

/// Sources of 40, 4,000 and 400,000 numbers that are always ready, before a sink that holds them back.
#[test]
fn a_slow_stream_is_not_starved_by_fast_ones() {
    for workers in 1..=3 {
        let out = Collected::new();
        let handle = out.clone();
        let settings = Settings { batch_records: 1_024, ring_pages: 2, ..Settings::tight(workers) };
        On::Plain(settings)
            .run(move |t| {
                let mut streams = [400_000_u64, 4_000, 40].map(|count| {
                    let numbers = Items::per_split(4, move |_| (0..count).map(move |n| (count, n)));
                    t.source(&format!("numbers to {count}"), numbers).without_event_time()
                });
                let [fast, medium, slow] = &mut streams;
                fast.clone().union_all([medium.clone(), slow.clone()]).sink("out", handle.sink());
                Ok(())
            })
            .unwrap();
        for worker in out.take_per_worker() {
            let numbers: Vec<u64> = worker.into_iter().map(|(_, (count, _))| count).collect();
            let last = |count| numbers.iter().rposition(|found| *found == count).unwrap();
            assert!(last(40) < numbers.len() / 20, "{} of {}", last(40), numbers.len());
            assert!(last(4_000) < numbers.len() / 4, "{} of {}", last(4_000), numbers.len());
        }
    }
}

#[test]
fn a_union_of_one_is_that_one() {
    let plan = Engine::builder().build().plan(|t| {
        let numbers = t.source("numbers", Items::of(vec![1_u64])).without_event_time();
        numbers.union_all([]).sink("out", Blackhole);
        Ok(())
    });
    let expected = "\
source \"numbers\": items in 1 split(s)
  └ [u64] same worker ⇒ union \"union\"
union \"union\"
  └ [u64] same worker ⇒ sink \"out\"
sink \"out\": blackhole
";
    assert_eq!(plan.unwrap().explain(), expected);
}
