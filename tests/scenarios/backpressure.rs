//! Full rings everywhere: pages of 256 bytes, one to a ring, streams that part and meet again, records that become a hundred, slow
//! sinks. The jobs end, and lose nothing.

use std::sync::Arc;

use proptest::prelude::*;
use thalweg::prelude::*;
use thalweg_tests::oracle::{self, NEVER_LATE, sorted};
use thalweg_tests::random::{Splits, some_splits, span};
use thalweg_tests::records::{Event, Pair, Totals};
use thalweg_tests::run::{On, Settings, source};

fn patient() -> BoundedOutOfOrderness {
    BoundedOutOfOrderness::of(NEVER_LATE)
}

/// Tight rings on threads, and whatever the seed draws on the simulator.
fn everywhere() -> impl Strategy<Value = On> {
    (any::<u64>(), 1..=4_usize, any::<bool>()).prop_map(|(seed, workers, plain)| match plain {
        true => On::Plain(Settings::tight(workers)),
        false => On::Sim { seed, workers },
    })
}

fn all(splits: &Splits) -> impl Iterator<Item = &Event> + Clone {
    splits.iter().flatten()
}

/// Longer than any spin, so that senders fill their rings and sleep.
fn dawdle(turn: &mut u32) {
    *turn += 1;
    if turn.is_multiple_of(64) {
        std::thread::sleep(std::time::Duration::from_micros(300));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(40) })]

    #[test]
    fn hundredfold_records_pass_through_one_small_page(splits in some_splits(100), on in everywhere()) {
        let out = Collected::new();
        let (handle, input) = (out.clone(), Arc::clone(&splits));
        on.run(move |t| {
            source(t, "events", &input)
                .watermarks(patient())
                .flat_map(|e, out| {
                    (0..100_u64).for_each(|copy| out.emit(&(e.id(), copy, Str::from(e.name()))));
                })
                .key_by_value(|r: &Rec<(u64, u64, Str)>| r.to_value().1)
                .filter_map_with_state("counts", |n: &mut u64, r| {
                    *n += 1;
                    let (id, copy, _) = r.to_value();
                    (id % 8 == 0).then_some((id, copy))
                })
                .sink("out", handle.sink());
            Ok(())
        }).expect("the job runs");
        let copies = |e: &Event| { let id = e.id; (0..100).map(move |copy| (id, copy)) };
        let expected = all(&splits).flat_map(copies).filter(|(id, _)| id % 8 == 0);
        prop_assert_eq!(sorted(out.take()), sorted(expected));
    }

    #[test]
    fn streams_that_part_meet_again_in_a_join(
        splits in some_splits(80), width in span(), on in everywhere(),
    ) {
        let out = Collected::new();
        let (handle, input) = (out.clone(), Arc::clone(&splits));
        on.run(move |t| {
            let events = source(t, "events", &input).watermarks(patient());
            // One branch is longer than the other, and has fewer records.
            let few = events
                .clone()
                .filter(|e| e.value() % 4 == 0)
                .key_by_value(|e| e.id())
                .filter_map_with_state("few", |totals: &mut Totals, e| {
                    totals.add(e.id(), e.value());
                    Some(e.to_value())
                })
                .boxed();
            let joined = events
                .key_by(|e| e.name())
                .join("diamond", few.key_by(|e| e.name()), Tumbling::of(width))
                .apply(|left, right| Pair { left: left.id(), right: right.id() });
            joined.late_left.drop_counted();
            joined.late_right.drop_counted();
            joined.on_time.sink("out", handle.sink());
            Ok(())
        }).expect("the job runs");
        let few = all(&splits).filter(|e| e.value % 4 == 0);
        prop_assert_eq!(sorted(out.take()), oracle::join(all(&splits), few, width));
    }

    #[test]
    fn streams_that_part_meet_again_in_a_union_before_a_slow_sink(
        splits in some_splits(120), on in everywhere(),
    ) {
        let out = Collected::new();
        let (handle, input) = (out.clone(), Arc::clone(&splits));
        let is_plain = matches!(on, On::Plain(_));
        on.run(move |t| {
            let events = source(t, "events", &input).watermarks(patient());
            let counted = events
                .clone()
                .key_by(|e| e.name())
                .filter_map_with_state("counted", |n: &mut u64, e| {
                    *n += 1;
                    Some((e.id(), n.saturating_sub(*n)))
                });
            let many = events.flat_map(|e, out| (1..=5_u64).for_each(|copy| out.emit(&(e.id(), copy))));
            let mut turn = 0;
            many.union(counted)
                .inspect(move |_, _| if is_plain { dawdle(&mut turn) })
                .sink("out", handle.sink());
            Ok(())
        }).expect("the job runs");
        let copies = |e: &Event| { let id = e.id; (0..=5).map(move |copy| (id, copy)) };
        prop_assert_eq!(sorted(out.take()), sorted(all(&splits).flat_map(copies)));
    }

    #[test]
    fn window_of_many_keys_fires_through_one_small_page(splits in some_splits(300), on in everywhere()) {
        let out = Collected::new();
        let (handle, input) = (out.clone(), Arc::clone(&splits));
        on.run(move |t| {
            let windowed = source(t, "events", &input)
                .watermarks(patient())
                .key_by_value(|e| e.id())
                .window("windows", Tumbling::of(1.days()))
                .aggregate(|totals: &mut Totals, e| totals.add(e.id(), e.value()));
            windowed.late.drop_counted();
            windowed
                .on_time
                .flat_map(|w, out| (0..10_u64).for_each(|copy| out.emit(&(w.key(), copy))))
                .key_by_value(|r: &Rec<(u64, u64)>| r.to_value().1)
                .filter_map_with_state("copies", |n: &mut u64, r| {
                    *n += 1;
                    Some(r.to_value())
                })
                .sink("out", handle.sink());
            Ok(())
        }).expect("the job runs");
        let copies = |e: &Event| { let id = e.id; (0..10).map(move |copy| (id, copy)) };
        prop_assert_eq!(sorted(out.take()), sorted(all(&splits).flat_map(copies)));
    }
}
