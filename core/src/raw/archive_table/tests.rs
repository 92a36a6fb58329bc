//! Typed state against maps: values that keep, grow and shrink; panes; lists; closures that panic.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use proptest::collection::vec;
use proptest::prelude::*;
use thalweg_storage::{Panes, Store, StoreConfig, TableConfig, TableName};

use super::*;
use crate::raw::page::PageBuf;
use crate::raw::timed_lists::TimedListPanes;
use crate::raw::window_panes::SlicePanes;
use crate::record::Str;
use crate::time::EventTime;

/// A value whose default has out-of-line parts.
#[thalweg::record]
struct Diary {
    pages: u64,
    title: Str,
    entries: Vec<Str>,
}

impl Default for Diary {
    fn default() -> Self {
        let title = "a title of more than eight bytes".into();
        Self { pages: 1, title, entries: vec!["first".into()] }
    }
}

fn store() -> Store {
    Store::new(StoreConfig::default())
}

fn table<V: Record>() -> ArchiveTable<V> {
    let name = TableName::new("test", "value");
    ArchiveTable::new(store().table(name, TableConfig::default()).unwrap())
}

fn panes() -> Panes {
    store().panes(TableName::new("test", "panes"), TableConfig::default()).unwrap()
}

fn hash(key: &[u8]) -> KeyHash {
    // Few hashes, so that keys share them: the table has to compare keys.
    KeyHash(u64::from(key[0] % 3) << 56)
}

/// What the table holds for a key now; an update that changes nothing.
fn get<V: Record + Clone>(table: &mut ArchiveTable<V>, key: &[u8]) -> Option<V> {
    let mut found = None;
    let was_there = catch_unwind(AssertUnwindSafe(|| {
        table.update(hash(key), key, || panic!("not there"), |value| found = Some(value.clone()));
    }));
    was_there.is_ok().then_some(found).flatten()
}

fn config() -> ProptestConfig {
    let cases = if cfg!(miri) { 2 } else { 200 };
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

const OPS: usize = if cfg!(miri) { 12 } else { 150 };

#[derive(Clone, Debug)]
enum Op {
    Count,
    Title(usize),
    Append(usize),
    Truncate,
    Remove,
    Panic,
}

fn op() -> impl Strategy<Value = (u8, Op)> {
    let op = prop_oneof![
        4 => Just(Op::Count),
        2 => (0..40usize).prop_map(Op::Title),
        // Now and then larger than the scratch page.
        2 => prop_oneof![9 => 0..30usize, 1 => 1000..3000usize].prop_map(Op::Append),
        1 => Just(Op::Truncate),
        1 => Just(Op::Remove),
        1 => Just(Op::Panic),
    ];
    (0..8u8, op)
}

/// Does to a value what the operation says.
fn change(value: &mut Diary, op: &Op) {
    match op {
        Op::Count => value.pages += 1,
        Op::Title(bytes) => value.title = "t".repeat(*bytes).into(),
        Op::Append(bytes) => value.entries.push("e".repeat(*bytes).into()),
        Op::Truncate => value.entries.truncate(1),
        Op::Remove | Op::Panic => {}
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn values_are_those_of_a_map(ops in vec(op(), 0..OPS)) {
        let mut table = table::<Diary>();
        let mut model: BTreeMap<[u8; 1], Diary> = BTreeMap::new();
        for (key, op) in ops {
            let key = [key];
            match op {
                Op::Remove => {
                    assert_eq!(table.remove(hash(&key), &key), model.remove(&key).is_some());
                }
                Op::Panic => {
                    let result = catch_unwind(AssertUnwindSafe(|| {
                        table.update(hash(&key), &key, Diary::default, |value| {
                            value.entries.push("half done".into());
                            panic!("in the middle");
                        })
                    }));
                    assert!(result.is_err());
                    // A key that was there is as before; one that was not may have come with its default.
                    let now = get(&mut table, &key);
                    match model.get(&key) {
                        Some(value) => assert_eq!(now.as_ref(), Some(value)),
                        None => assert!(now.is_none_or(|value| value == Diary::default())),
                    }
                    table.remove(hash(&key), &key);
                    model.remove(&key);
                }
                op => {
                    table.bucket(hash(&key));
                    table.entry(hash(&key));
                    let pages = table.update(hash(&key), &key, Diary::default, |value| {
                        change(value, &op);
                        value.pages
                    });
                    let value = model.entry(key).or_default();
                    change(value, &op);
                    assert_eq!(pages, value.pages);
                }
            }
        }
        for (key, value) in &model {
            assert_eq!(get(&mut table, key).as_ref(), Some(value));
        }
    }

    #[test]
    fn panes_are_those_of_a_map_of_maps(ops in vec((0..3i64, op()), 0..OPS)) {
        let mut panes = SlicePanes::<Diary>::new(panes());
        let mut model: BTreeMap<i64, Vec<([u8; 1], Diary)>> = BTreeMap::new();
        for (pane, (key, op)) in ops {
            let key = [key];
            if matches!(op, Op::Remove) {
                panes.drop_below(pane);
                model.retain(|other, _| *other >= pane);
                continue;
            }
            panes.bucket((pane, hash(&key)));
            panes.entry((pane, hash(&key)));
            panes.update(pane, hash(&key), &key, Diary::default, |value| change(value, &op));
            let keys = model.entry(pane).or_default();
            let index = keys.iter().position(|(other, _)| *other == key).unwrap_or_else(|| {
                keys.push((key, Diary::default()));
                keys.len() - 1
            });
            change(&mut keys[index].1, &op);
        }
        for (pane, keys) in model {
            assert_eq!(panes.first_from(pane), Some(pane));
            let mut cursor = Cursor::default();
            let mut found = Vec::new();
            while let Some((_, key, value)) = panes.pane(pane).unwrap().next(&mut cursor) {
                found.push((<[u8; 1]>::try_from(key).unwrap(), value.to_value()));
            }
            found.sort_by_key(|(key, _)| *key);
            let mut keys = keys;
            keys.sort_by_key(|(key, _)| *key);
            assert_eq!(found, keys);
            panes.drop_below(pane + 1);
        }
        assert_eq!(panes.first_from(i64::MIN), None);
    }

    #[test]
    fn lists_keep_their_records_in_order(ops in vec((0..3i64, 0..5u8, 0..60usize), 0..OPS)) {
        let mut lists = TimedListPanes::<Str>::new(panes());
        let mut model: BTreeMap<(i64, u8), Vec<Str>> = BTreeMap::new();
        let mut page = PageBuf::<Str>::new(1024);
        for (index, (pane, key, bytes)) in ops.iter().enumerate() {
            let value = Str::from(format!("{index}{}", "v".repeat(*bytes)));
            page.clear();
            assert!(page.push(&value, EventTime::MIN, KeyHash(0)));
            let at = EventTime::from_nanos(*pane - 7);
            lists.append(*pane, hash(&[*key]), &[*key], page.view().record(0), at);
            model.entry((*pane, *key)).or_default().push(value);
        }
        let list = |lists: &TimedListPanes<Str>, pane: i64, key: u8| {
            let mut found = Vec::new();
            lists.for_each((pane, pane), hash(&[key]), &[key], |value, at| {
                assert_eq!(at, EventTime::from_nanos(pane - 7));
                found.push(value.to_value());
            });
            found
        };
        for ((pane, key), values) in &model {
            assert_eq!(&list(&lists, *pane, *key), values);
        }
        lists.drop_below(2);
        for ((pane, key), values) in &model {
            let left: &[Str] = if *pane <= 1 { &[] } else { values };
            assert_eq!(list(&lists, *pane, *key), left);
        }
    }
}

#[test]
fn a_value_of_fixed_size_is_changed_in_place() {
    let mut table = table::<(u64, u8)>();
    for round in 1..=100u64 {
        let count = table.update(KeyHash(5), b"key", Default::default, |(count, byte)| {
            *byte = byte.wrapping_mul(3);
            *count += 1;
            *count
        });
        assert_eq!(count, round);
    }
    assert!(table.remove(KeyHash(5), b"key"));
    assert!(!table.remove(KeyHash(5), b"key"));
}

#[test]
fn a_default_that_panics_leaves_nothing_behind() {
    let mut table = table::<Diary>();
    for _ in 0..2 {
        let result = catch_unwind(AssertUnwindSafe(|| {
            table.update(KeyHash(1), b"key", || panic!("no default"), |_: &mut Diary| {});
        }));
        assert!(result.is_err(), "a value came out of nowhere");
    }
    assert!(!table.remove(KeyHash(1), b"key"));
}
