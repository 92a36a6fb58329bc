//! Streams that are dealt to the workers by something other than a key.

use std::sync::Arc;

use proptest::prelude::*;
use thalweg::prelude::*;
use thalweg_tests::oracle::{NEVER_LATE, sorted, tumbling_of_all, unordered};
use thalweg_tests::random::{Splits, on, one_split, some_splits, span};
use thalweg_tests::records::{Event, Summary, Totals};
use thalweg_tests::run::{On, Settings, source};

fn all(splits: &Splits) -> impl Iterator<Item = &Event> + Clone {
    splits.iter().flatten()
}

/// What each worker gets, in its order.
fn per_worker(
    on: On,
    splits: &Splits,
    deal: impl Fn(Stream<Event>) -> Stream<Event> + Send + Sync + 'static,
) -> Vec<Vec<Event>> {
    let out = Collected::new();
    let (handle, input) = (out.clone(), Arc::clone(splits));
    on.run(move |t| {
        deal(source(t, "events", &input).watermarks(Monotonic)).sink("out", handle.sink());
        Ok(())
    })
    .expect("the job runs");
    let untimed = |worker: Vec<(EventTime, Event)>| {
        worker.into_iter().map(|(at, event)| {
            assert_eq!(at, event.at);
            event
        })
    };
    out.take_per_worker().into_iter().map(|worker| untimed(worker).collect()).collect()
}

/// Tight rings on threads, or whatever the seed draws.
fn everywhere() -> impl Strategy<Value = On> {
    prop_oneof![4 => on(), 1 => (1..=4_usize).prop_map(|w| On::Plain(Settings::tight(w)))]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(60) })]

    #[test]
    fn every_worker_gets_every_record_of_a_broadcast(splits in some_splits(150), on in everywhere()) {
        let found = per_worker(on, &splits, Stream::broadcast);
        prop_assert_eq!(found.len(), on.workers());
        for worker in found {
            // The order of each split is kept; between them there is none.
            for (number, split) in splits.iter().enumerate() {
                let of_split = worker.iter().filter(|e| e.id >> 32 == number as u64);
                prop_assert!(of_split.eq(split.iter()));
            }
            prop_assert_eq!(worker.len(), all(&splits).count());
        }
    }

    #[test]
    fn broadcast_after_a_chain_sends_what_the_chain_makes(splits in some_splits(100), on in everywhere()) {
        let found = per_worker(on, &splits, |events| {
            events
                .filter(|e| e.value() % 2 == 0)
                .flat_map(|e, out| (0..3).for_each(|copy| out.emit(&Event { value: copy, ..e.to_value() })))
                .broadcast()
        });
        let copies = |e: &Event| { let e = e.clone(); (0..3).map(move |copy| Event { value: copy, ..e.clone() }) };
        let expected = sorted(all(&splits).filter(|e| e.value % 2 == 0).flat_map(copies));
        for worker in found {
            prop_assert_eq!(sorted(worker), expected.clone());
        }
    }

    #[test]
    fn event_time_of_a_broadcast_closes_windows_on_every_worker(
        splits in some_splits(100), width in span(), on in everywhere(),
    ) {
        let out = Collected::new();
        let (handle, input) = (out.clone(), Arc::clone(&splits));
        on.run(move |t| {
            let windowed = source(t, "events", &input)
                .watermarks(BoundedOutOfOrderness::of(NEVER_LATE))
                .broadcast()
                .key_by(|e| e.name())
                .window("windows", Tumbling::of(width))
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
        // Every worker has sent its copy of every record.
        let copies = (0..on.workers()).flat_map(|_| all(&splits));
        prop_assert_eq!(unordered(&out.take()), unordered(&tumbling_of_all(copies, width)));
    }

    #[test]
    fn rebalanced_records_are_spread_evenly_and_none_is_lost(splits in some_splits(150), on in everywhere()) {
        let found = per_worker(on, &splits, Stream::rebalance);
        let lengths: Vec<usize> = found.iter().map(Vec::len).collect();
        // Each of the senders may be one record ahead of its turn.
        let spread = lengths.iter().max().unwrap() - lengths.iter().min().unwrap();
        prop_assert!(spread <= on.workers(), "{:?}", lengths);
        prop_assert_eq!(sorted(found.into_iter().flatten()), sorted(all(&splits).cloned()));
    }

    #[test]
    fn one_split_is_dealt_in_turn_from_its_own_worker_on(splits in one_split(300), on in everywhere()) {
        let found = per_worker(on, &splits, Stream::rebalance);
        for (worker, records) in found.iter().enumerate() {
            let expected = splits[0].iter().skip(worker).step_by(on.workers());
            prop_assert!(records.iter().eq(expected), "worker {worker}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(40) })]

    #[test]
    fn partitioner_decides_which_worker_gets_a_record(splits in some_splits(150), on in everywhere()) {
        let partition = |e: &Rec<Event>, workers: usize| e.group() as usize % workers;
        let found = per_worker(on, &splits, move |events| {
            events.filter(|e| e.value() % 2 == 0).map(|e| e.to_value()).partition_by("by group", partition)
        });
        for (worker, events) in found.into_iter().enumerate() {
            let here = |e: &&Event| e.value % 2 == 0 && e.group as usize % on.workers() == worker;
            prop_assert_eq!(sorted(events), sorted(all(&splits).filter(here).cloned()));
        }
    }

    #[test]
    fn shuffled_records_are_scattered_alike_each_time(splits in one_split(300), on in everywhere()) {
        let found = per_worker(on, &splits, Stream::shuffle);
        let again = per_worker(on, &splits, Stream::shuffle);
        prop_assert_eq!(&found, &again);
        let fair = splits[0].len() / on.workers();
        for worker in &found {
            prop_assert!(worker.len() <= fair + fair / 2 + 20, "{} of {}", worker.len(), splits[0].len());
        }
        prop_assert_eq!(sorted(found.into_iter().flatten()), sorted(all(&splits).cloned()));
    }
}

#[test]
fn a_worker_that_there_is_not_ends_the_job_and_names_the_partitioner() {
    for workers in 1..=3 {
        let error =
            On::Plain(Settings::tight(workers)).run(move |t| {
                let numbers = Items::per_split(2, |split| (0..).map(move |n| (split as u64, n)));
                t.source("numbers", numbers)
                    .without_event_time()
                    .partition_by("odd ones out", |r: &Rec<(u64, u64)>, workers| {
                        if r.to_value() == (0, 500) { workers } else { 0 }
                    })
                    .sink("out", Blackhole);
                Ok(())
            });
        let error = error.unwrap_err();
        assert_eq!(error.to_string(), "operator \"odd ones out\" failed");
        assert_eq!(
            std::error::Error::source(&error).unwrap().to_string(),
            format!("the partitioner chose worker {workers}; there are {workers}, numbered from 0")
        );
    }
}

#[test]
fn plan_shows_how_records_are_dealt() {
    let plan = Engine::builder().build().plan(|t| {
        let numbers = t.source("numbers", Items::of(vec![1_u64])).without_event_time();
        numbers.clone().filter(|_| true).broadcast().sink("everywhere", Blackhole);
        numbers.rebalance().rebalance().sink("anywhere", Blackhole);
        Ok(())
    });
    let expected = "\
source \"numbers\": items in 1 split(s)
  └ [u64] filter → to all workers ⇒ broadcast \"broadcast\"
  └ [u64] in turn ⇒ rebalance \"rebalance\"
broadcast \"broadcast\"
  └ [u64] same worker ⇒ sink \"everywhere\"
sink \"everywhere\": blackhole
rebalance \"rebalance\"
  └ [u64] in turn ⇒ rebalance \"rebalance 2\"
rebalance \"rebalance 2\"
  └ [u64] same worker ⇒ sink \"anywhere\"
sink \"anywhere\": blackhole
";
    assert_eq!(plan.unwrap().explain(), expected);
}
