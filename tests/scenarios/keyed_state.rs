//! `filter_map_with_state`: one value a key, updated in the order of the key's records.

use std::sync::Arc;

use proptest::prelude::*;
use thalweg::prelude::*;
use thalweg_tests::oracle::{self, NEVER_LATE, sorted};
use thalweg_tests::random::{Splits, on, one_split, some_splits};
use thalweg_tests::records::{Event, Totals};
use thalweg_tests::run::{On, source};

fn patient() -> BoundedOutOfOrderness {
    BoundedOutOfOrderness::of(NEVER_LATE)
}

/// Totals so far, after each record with an odd value.
fn count(totals: &mut Totals, id: u64, value: i64) -> Option<(u64, Totals)> {
    totals.add(id, value);
    (value % 2 != 0).then(|| (id, totals.clone()))
}

/// All values so far; now and then the key starts again.
fn list(values: &mut Vec<i64>, id: u64, value: i64) -> Option<(u64, Vec<i64>)> {
    values.push(value);
    if value % 32 == 0 {
        values.clear();
    }
    id.is_multiple_of(3).then(|| (id, values.clone()))
}

/// All texts so far.
fn note(texts: &mut String, id: u64, text: &str) -> Option<(u64, String)> {
    texts.push_str(text);
    if texts.len() > 20_000 {
        texts.clear();
    }
    Some((id, texts.chars().rev().take(20).collect()))
}

fn run_totals(on: On, splits: &Splits) -> Vec<(u64, Totals)> {
    let out = Collected::new();
    let (handle, splits) = (out.clone(), Arc::clone(splits));
    on.run(move |t| {
        source(t, "events", &splits)
            .watermarks(patient())
            .key_by(|e| e.name())
            .filter_map_with_state("totals", |totals: &mut Totals, e| {
                count(totals, e.id(), e.value())
            })
            .sink("out", handle.sink());
        Ok(())
    })
    .expect("the job runs");
    sorted(out.take())
}

fn run_lists(on: On, splits: &Splits) -> Vec<(u64, Vec<i64>)> {
    let out = Collected::new();
    let (handle, splits) = (out.clone(), Arc::clone(splits));
    on.run(move |t| {
        source(t, "events", &splits)
            .watermarks(patient())
            .key_by_value(|e| (e.group(), Str::from(e.name())))
            .filter_map_with_state("lists", |values: &mut Vec<i64>, e| {
                list(values, e.id(), e.value())
            })
            .sink("out", handle.sink());
        Ok(())
    })
    .expect("the job runs");
    sorted(out.take())
}

fn run_notes(on: On, splits: &Splits) -> Vec<(u64, String)> {
    let out = Collected::new();
    let (handle, splits) = (out.clone(), Arc::clone(splits));
    on.run(move |t| {
        source(t, "events", &splits)
            .watermarks(patient())
            .key_by_value(|e| e.group())
            .filter_map_with_state("notes", |texts: &mut String, e| note(texts, e.id(), e.text()))
            .sink("out", handle.sink());
        Ok(())
    })
    .expect("the job runs");
    sorted(out.take())
}

/// Records of all splits, told apart by split as well: order holds within a split only.
fn keyed_by_split(splits: &Splits) -> Splits {
    let rename = |event: &Event| Event {
        name: format!("{}/{}", event.id >> 32, event.name).into(),
        ..event.clone()
    };
    Arc::new(splits.iter().map(|split| split.iter().map(rename).collect()).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(120) })]

    #[test]
    fn state_of_fixed_size_is_folded_in_the_order_of_each_key(splits in one_split(500), on in on()) {
        let expected = oracle::fold(&splits[0], |e| e.name.clone(), |v, e| count(v, e.id, e.value));
        prop_assert_eq!(run_totals(on, &splits), expected);
    }

    #[test]
    fn order_of_a_split_survives_the_company_of_others(splits in some_splits(200), on in on()) {
        let splits = keyed_by_split(&splits);
        let all = splits.iter().flatten();
        let expected = oracle::fold(all, |e| e.name.clone(), |v, e| count(v, e.id, e.value));
        prop_assert_eq!(run_totals(on, &splits), expected);
    }

    #[test]
    fn lists_grow_and_shrink_under_keys_of_two_parts(splits in one_split(500), on in on()) {
        let key = |e: &Event| (e.group, e.name.clone());
        let expected = oracle::fold(&splits[0], key, |v, e| list(v, e.id, e.value));
        prop_assert_eq!(run_lists(on, &splits), expected);
    }

    #[test]
    fn strings_grow_past_every_page(splits in one_split(300), on in on()) {
        let expected = oracle::fold(&splits[0], |e| e.group, |v, e| note(v, e.id, &e.text));
        prop_assert_eq!(run_notes(on, &splits), expected);
    }
}
