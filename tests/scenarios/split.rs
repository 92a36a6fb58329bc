//! One stream into several of different types, and what cannot be.

use std::sync::Arc;

use proptest::prelude::*;
use thalweg::prelude::*;
use thalweg_tests::oracle::sorted;
use thalweg_tests::random::{Splits, on, one_split, some_splits};
use thalweg_tests::records::Event;
use thalweg_tests::run::{On, Settings, source};

fn everywhere() -> impl Strategy<Value = On> {
    prop_oneof![4 => on(), 1 => (1..=4_usize).prop_map(|w| On::Plain(Settings::tight(w)))]
}

fn all(splits: &Splits) -> impl Iterator<Item = &Event> + Clone {
    splits.iter().flatten()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(60) })]

    #[test]
    fn each_output_gets_what_was_sent_to_it(splits in some_splits(150), on in everywhere()) {
        let outs = (Collected::new(), Collected::new(), Collected::new());
        let (handles, input) = (outs.clone(), Arc::clone(&splits));
        on.run(move |t| {
            let (even, names, copies) = source(t, "events", &input)
                .watermarks(Monotonic)
                .filter(|e| e.value() % 5 != 0)
                .split::<(Event, Str, (u64, u64)), _>("kinds", |e, (mut even, mut names, mut copies)| {
                    if e.value() % 2 == 0 {
                        even.forward(e);
                    } else {
                        names.emit(&e.name().into());
                    }
                    (0..e.id() % 4).for_each(|copy| copies.emit(&(e.id(), copy)));
                });
            even.inspect(|e, at| assert_eq!(e.at(), at)).sink("even", handles.0.sink());
            names.sink("names", handles.1.sink());
            copies.sink("copies", handles.2.sink());
            Ok(())
        }).expect("the job runs");
        let events = || all(&splits).filter(|e| e.value % 5 != 0);
        let even = events().filter(|e| e.value % 2 == 0);
        prop_assert_eq!(sorted(outs.0.take()), sorted(even.cloned()));
        let odd = events().filter(|e| e.value % 2 != 0);
        prop_assert_eq!(sorted(outs.1.take()), sorted(odd.map(|e| e.name.clone())));
        let copies = events().flat_map(|e| (0..e.id % 4).map(move |copy| (e.id, copy)));
        prop_assert_eq!(sorted(outs.2.take()), sorted(copies));
    }

    /// Streams that part and meet again keep nothing back, though one of them gets nothing.
    #[test]
    fn an_output_without_records_does_not_hold_event_time_back(
        splits in one_split(300), on in everywhere(),
    ) {
        let out = Collected::new();
        let (handle, input) = (out.clone(), Arc::clone(&splits));
        on.run(move |t| {
            let (some, none) = source(t, "events", &input)
                .watermarks(Monotonic)
                .split::<(u64, u64), _>("all and nothing", |e, (mut some, _)| some.emit(&e.id()));
            some.union(none).sink("out", handle.sink());
            Ok(())
        }).expect("the job runs");
        prop_assert_eq!(out.take(), splits[0].iter().map(|e| e.id).collect::<Vec<_>>());
    }
}

#[test]
fn an_output_that_nobody_reads_is_refused() {
    let refused = Engine::builder().build().plan(|t| {
        let numbers = t.source("numbers", Items::of(vec![1_u64])).without_event_time();
        let (small, large) =
            numbers.split::<(u64, u64), _>("by size", |n, (mut small, mut large)| {
                if n.to_native() < 10 { small.forward(n) } else { large.forward(n) }
            });
        drop(large);
        small.drop_counted();
        Ok(())
    });
    assert_eq!(
        refused.unwrap_err().to_string(),
        "the job cannot be built\n  output `1` of operator \"by size\" is not used; send it to a sink or call drop_counted()"
    );
}

#[test]
fn a_split_names_its_outputs_in_the_plan() {
    let plan = Engine::builder().build().plan(|t| {
        let numbers = t.source("numbers", Items::of(vec![1_u64])).without_event_time();
        let (numbers, texts) =
            numbers.split::<(u64, Str), _>("two", |n, (mut numbers, mut texts)| {
                numbers.forward(n);
                texts.emit(&n.to_string().into());
            });
        numbers.sink("numbers out", Blackhole);
        texts.filter(|_| true).sink("texts out", Blackhole);
        Ok(())
    });
    let expected = "\
source \"numbers\": items in 1 split(s)
  └ [u64] same worker ⇒ split \"two\"
split \"two\"
  └ 0 [u64] same worker ⇒ sink \"numbers out\"
  └ 1 [Str] filter → same worker ⇒ sink \"texts out\"
sink \"numbers out\": blackhole
sink \"texts out\": blackhole
";
    assert_eq!(plan.unwrap().explain(), expected);
}
