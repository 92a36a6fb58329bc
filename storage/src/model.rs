//! Tables, lists, cursors and panes against the slow, obviously right thing: a map in memory.
//!
//! Hashes are drawn badly on purpose: many keys share one, or its bucket, or its tag.

use crate::{Cursor, Panes, Store, StoreConfig, Table, TableConfig, TableName};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// What a key holds.
#[derive(Clone, Debug, PartialEq)]
enum Held {
    Value(Vec<u8>),
    List(Vec<Vec<u8>>),
}

type Model = BTreeMap<Vec<u8>, Held>;

#[derive(Clone, Debug)]
enum Step {
    Put(u16, Vec<u8>),
    Upsert(u16, usize),
    UpsertAt(u16, u16),
    GetMut(u16),
    Remove(u16),
    Append(u16, Vec<u8>),
    /// That many fresh keys, so that the index grows midway.
    Burst(u16),
    Freeze,
    Clear,
}

fn steps(count: usize) -> impl Strategy<Value = Vec<Step>> {
    let key = || 0u16..60;
    let value = || vec(any::<u8>(), 0..70);
    let step = prop_oneof![
        6 => (key(), value()).prop_map(|(key, value)| Step::Put(key, value)),
        4 => (key(), 0usize..40).prop_map(|(key, len)| Step::Upsert(key, len)),
        4 => (key(), key()).prop_map(|(key, hinted)| Step::UpsertAt(key, hinted)),
        3 => key().prop_map(Step::GetMut),
        6 => key().prop_map(Step::Remove),
        8 => (key(), value()).prop_map(|(key, value)| Step::Append(key, value)),
        1 => (1u16..300).prop_map(Step::Burst),
        1 => Just(Step::Freeze),
    ];
    let clear = 1..2u32;
    vec(prop_oneof![60 => step, clear.start => Just(Step::Clear)], 1..count)
}

/// How hashes are made of keys.
#[derive(Clone, Copy, Debug)]
enum Hashing {
    Good,
    AllEqual,
    SameBucket,
    SameTag,
    FewBuckets,
}

fn hashings() -> impl Strategy<Value = Hashing> {
    prop_oneof![
        3 => Just(Hashing::Good),
        1 => Just(Hashing::AllEqual),
        1 => Just(Hashing::SameBucket),
        1 => Just(Hashing::SameTag),
        1 => Just(Hashing::FewBuckets),
    ]
}

fn hash(hashing: Hashing, key: &[u8]) -> u64 {
    let mut good = 0x9e37_79b9_7f4a_7c15u64;
    for byte in key {
        good = (good ^ u64::from(*byte)).wrapping_mul(0xd6e8_feb8_6659_fd93);
        good ^= good >> 32;
    }
    match hashing {
        Hashing::Good => good,
        Hashing::AllEqual => 0x0123_4567_89ab_cdef,
        Hashing::SameBucket => good & !(0xffff << 24),
        Hashing::SameTag => good & !0xff,
        Hashing::FewBuckets => (good & 3) << 38,
    }
}

/// Keys of several lengths, the usual 8 among them, and none at all.
fn key(number: u16) -> Vec<u8> {
    match number % 4 {
        0 => u64::from(number).to_le_bytes().to_vec(),
        1 => number.to_le_bytes().to_vec(),
        2 => format!("a key that is longer than eight bytes: {number}").into_bytes(),
        _ if number == 3 => Vec::new(),
        _ => [number.to_le_bytes(); 4].concat(),
    }
}

fn table(config: TableConfig) -> Table {
    Store::new(StoreConfig::default().copied_bytes(0))
        .table(TableName::new("model", "table"), config)
        .unwrap()
}

/// One step on both; `serial` makes values and fresh keys differ.
fn apply(table: &mut Table, model: &mut Model, hashing: Hashing, serial: usize, step: Step) {
    let fill = u8::try_from(serial % 251).unwrap();
    let is_list = |model: &Model, key: &[u8]| matches!(model.get(key), Some(Held::List(_)));
    let is_value = |model: &Model, key: &[u8]| matches!(model.get(key), Some(Held::Value(_)));
    match step {
        Step::Put(number, value) => {
            let key = key(number);
            if !is_list(model, &key) {
                let new = table.put(hash(hashing, &key), &key, &value);
                assert_eq!(new, model.insert(key, Held::Value(value)).is_none());
            }
        }
        Step::Upsert(number, len) => upsert(table, model, hashing, key(number), None, len, fill),
        Step::UpsertAt(number, hinted) => {
            upsert(table, model, hashing, key(number), Some(key(hinted)), 8, fill)
        }
        Step::GetMut(number) => {
            let key = key(number);
            if !is_list(model, &key) {
                let found = table.get_mut(hash(hashing, &key), &key).map(|value| {
                    value.fill(fill);
                    value.to_vec()
                });
                if let Some(Held::Value(value)) = model.get_mut(&key) {
                    value.fill(fill);
                    assert_eq!(found.as_ref(), Some(&*value));
                } else {
                    assert_eq!(found, None);
                }
            }
        }
        Step::Remove(number) => {
            let key = key(number);
            assert_eq!(table.remove(hash(hashing, &key), &key), model.remove(&key).is_some());
        }
        Step::Append(number, value) => {
            let key = key(number);
            if !is_value(model, &key) {
                let new = table.append(hash(hashing, &key), &key, &value);
                assert_eq!(new, !model.contains_key(&key));
                if let Held::List(list) = model.entry(key).or_insert(Held::List(Vec::new())) {
                    list.push(value);
                }
            }
        }
        Step::Burst(count) => {
            for at in 0..count {
                let key = [&serial.to_le_bytes()[..], &at.to_le_bytes()].concat();
                assert!(table.put(hash(hashing, &key), &key, &[fill]));
                model.insert(key, Held::Value(vec![fill]));
            }
        }
        Step::Freeze => table.log.freeze(0),
        Step::Clear => {
            table.clear();
            model.clear();
        }
    }
}

fn upsert(
    table: &mut Table,
    model: &mut Model,
    hashing: Hashing,
    key: Vec<u8>,
    hinted: Option<Vec<u8>>,
    len: usize,
    fill: u8,
) {
    if matches!(model.get(&key), Some(Held::List(_))) {
        return;
    }
    let hash_of = hash(hashing, &key);
    let init = |value: &mut [u8]| {
        assert!(value.iter().all(|byte| *byte == 0), "a new value is zero");
        value.fill(fill);
    };
    let (value, new) = match hinted {
        Some(other) => {
            let other = hash(hashing, &other);
            table.prefetch_bucket(other);
            let hint = table.prefetch_entry(other);
            table.upsert_at(hint, hash_of, &key, len, init)
        }
        None => table.upsert(hash_of, &key, len, init),
    };
    assert_eq!(new, !model.contains_key(&key));
    let Held::Value(expected) = model.entry(key).or_insert(Held::Value(vec![fill; len])) else {
        unreachable!()
    };
    assert_eq!(value, expected);
    if let (Some(first), Some(expected)) = (value.first_mut(), expected.first_mut()) {
        *first = first.wrapping_add(1);
        *expected = expected.wrapping_add(1);
    }
}

/// Everything that can be read agrees with the model.
fn compare(table: &Table, model: &Model, hashing: Hashing, align: usize) {
    assert_eq!(table.len(), model.len());
    assert_eq!(table.is_empty(), model.is_empty());
    for (key, held) in model {
        let hash = hash(hashing, key);
        match held {
            Held::Value(value) => {
                let found = table.get(hash, key).expect("the key is there");
                assert_eq!(found, value);
                assert_eq!(found.as_ptr().addr() % align, 0);
            }
            Held::List(list) => {
                let mut found = Vec::new();
                let count = table.for_each_value(hash, key, |value| {
                    assert_eq!(value.as_ptr().addr() % align, 0);
                    found.push(value.to_vec());
                });
                assert_eq!(&found, list);
                assert_eq!((count, table.count_values(hash, key)), (list.len(), list.len()));
            }
        }
    }
    for absent in (0..80).map(key).filter(|key| !model.contains_key(key)) {
        assert_eq!(table.get(hash(hashing, &absent), &absent), None);
        assert_eq!(table.for_each_value(hash(hashing, &absent), &absent, |_| {}), 0);
    }
    let mut met = walk(table);
    met.sort();
    let expected: Vec<_> = model
        .iter()
        .map(|(key, held)| match held {
            Held::Value(value) => (hash(hashing, key), key.clone(), value.clone()),
            Held::List(_) => (hash(hashing, key), key.clone(), Vec::new()),
        })
        .collect();
    let mut expected = expected;
    expected.sort();
    assert_eq!(met, expected);
}

type Entry = (u64, Vec<u8>, Vec<u8>);

fn walk(table: &Table) -> Vec<Entry> {
    let mut cursor = Cursor::default();
    std::iter::from_fn(|| {
        table.next(&mut cursor).map(|(hash, key, value)| (hash, key.to_vec(), value.to_vec()))
    })
    .collect()
}

const CASES: u32 = if cfg!(miri) { 3 } else { 200 };
const STEPS: usize = if cfg!(miri) { 60 } else { 400 };

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_table_is_a_map_whatever_the_hashes(
        steps in steps(STEPS), hashing in hashings(), align in prop_oneof![Just(8usize), Just(16)], expected_keys in 0usize..100
    ) {
        let mut table = table(TableConfig::default().value_align(align).expected_keys(expected_keys));
        let mut model = Model::new();
        for (serial, step) in steps.into_iter().enumerate() {
            let cleared = matches!(step, Step::Clear);
            apply(&mut table, &mut model, hashing, serial, step);
            if cleared || serial % 64 == 0 {
                compare(&table, &model, hashing, align);
            }
        }
        compare(&table, &model, hashing, align);
    }

    #[test]
    fn equal_operations_make_equal_orders(steps in steps(STEPS), hashing in hashings()) {
        let run = |noise: usize| {
            // Allocations that differ between the runs, so that addresses do too.
            let noise: Vec<Vec<u8>> = (0..noise).map(|at| vec![0; at * 100 + 1]).collect();
            let mut table = table(TableConfig::default());
            let mut model = Model::new();
            for (serial, step) in steps.iter().cloned().enumerate() {
                apply(&mut table, &mut model, hashing, serial, step);
            }
            drop(noise);
            walk(&table)
        };
        prop_assert_eq!(run(0), run(7));
    }

    #[test]
    fn a_cursor_meets_each_key_once_while_values_change_in_place(
        count in 1u64..if cfg!(miri) { 30 } else { 2000 }, slice in 1usize..50
    ) {
        let mut table = table(TableConfig::default());
        for number in 0..count {
            let key = number.to_le_bytes();
            table.put(hash(Hashing::Good, &key), &key, &[0; 8]);
        }
        let (mut cursor, mut met) = (Cursor::default(), Vec::new());
        while table.scan(&mut cursor, slice, |_, key, _| met.push(key.to_vec())) {
            for number in 0..count {
                let key = number.to_le_bytes();
                let _ = table.get_mut(hash(Hashing::Good, &key), &key).map(|value| value[0] = value[0].wrapping_add(1));
            }
        }
        // No removal, so in the order of insertion.
        let expected: Vec<_> = (0..count).map(|number| number.to_le_bytes().to_vec()).collect();
        prop_assert_eq!(met, expected);
    }

    #[test]
    fn panes_are_maps_by_pane(
        steps in vec((0..6u8, -4i64..4, 0u64..40), 1..STEPS)
    ) {
        let mut store = Store::default();
        let mut panes = store.panes(TableName::new("model", "panes"), TableConfig::default()).unwrap();
        let mut model: BTreeMap<i64, BTreeMap<u64, u64>> = BTreeMap::new();
        for (action, pane, number) in steps {
            let bytes = number.to_le_bytes();
            match action {
                0 => prop_assert_eq!(panes.drop_pane(pane), model.remove(&pane).is_some()),
                1 => {
                    let found = panes.get_mut(pane).map(|table| table.remove(hash(Hashing::Good, &bytes), &bytes));
                    let expected = model.get_mut(&pane).map(|counts| counts.remove(&number).is_some());
                    prop_assert_eq!(found, expected);
                }
                2 => prop_assert_eq!(panes.first_pane(), model.keys().next().copied()),
                _ => {
                    count(panes.pane(pane), number);
                    *model.entry(pane).or_default().entry(number).or_default() += 1;
                }
            }
            prop_assert_eq!(panes.len(), model.len());
        }
        let found: Vec<_> = panes.iter().map(|(pane, table)| (pane, counts(table))).collect();
        let expected: Vec<_> = model.clone().into_iter().collect();
        prop_assert_eq!(found, expected);
        let within: Vec<_> = panes.range(-2..2).map(|(pane, _)| pane).collect();
        let expected: Vec<_> = model.range(-2..2).map(|(pane, _)| *pane).collect();
        prop_assert_eq!(within, expected);
        prop_assert_eq!(store.bytes(), panes.bytes());
    }
}

fn count(table: &mut Table, number: u64) {
    let key = number.to_le_bytes();
    let (value, _) = table.upsert(hash(Hashing::Good, &key), &key, 8, |_| {});
    value[0] = value[0].checked_add(1).unwrap();
}

fn counts(table: &Table) -> BTreeMap<u64, u64> {
    let word = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().unwrap());
    walk(table).into_iter().map(|(_, key, value)| (word(&key), word(&value))).collect()
}

#[test]
fn a_frozen_entry_is_copied_before_it_is_changed() {
    let mut table = table(TableConfig::default());
    table.put(1, b"one", b"before");
    table.append(2, b"list", b"before");
    table.put(3, b"it stays", b"so its chunk does");
    let (_, old) = table.find(1, b"one").unwrap();
    table.log.freeze(0);
    table.get_mut(1, b"one").unwrap().copy_from_slice(b"after!");
    table.append(2, b"list", b"after");
    let frozen = table.log.at(old);
    assert!(frozen[..64].windows(6).any(|bytes| bytes == b"before"));
    assert_eq!(table.get(1, b"one"), Some(&b"after!"[..]));
    let mut list = Vec::new();
    table.for_each_value(2, b"list", |value| list.push(value.to_vec()));
    assert_eq!(list, [&b"before"[..], b"after"]);
    assert_eq!(walk(&table).len(), 3);
}

#[test]
fn removed_keys_leave_room_for_later_ones() {
    let mut table = table(TableConfig::default());
    let rounds = if cfg!(miri) { 5 } else { 300 };
    let mut held = 0;
    for round in 0..rounds {
        for number in 0..100u64 {
            let key = (round * 1000 + number).to_le_bytes();
            table.put(hash(Hashing::Good, &key), &key, &[1; 40]);
            table.append(
                hash(Hashing::Good, &[key[0], 1]),
                &[&key[..], b"list"].concat(),
                &[2; 100],
            );
        }
        for number in 0..100u64 {
            let key = (round * 1000 + number).to_le_bytes();
            assert!(table.remove(hash(Hashing::Good, &key), &key));
            assert!(table.remove(hash(Hashing::Good, &[key[0], 1]), &[&key[..], b"list"].concat()));
        }
        assert!(table.is_empty());
        if round == 2 {
            held = table.bytes();
        }
    }
    assert_eq!(table.bytes(), held, "memory does not grow with churn");
}

#[test]
fn a_long_list_is_read_in_order_and_its_removal_is_spread() {
    let mut table = table(TableConfig::default().value_align(16));
    let values = if cfg!(miri) { 300 } else { 50_000u32 };
    for value in 0..values {
        table.append(7, b"key", &value.to_le_bytes());
    }
    let mut next = 0u32;
    table.for_each_value(7, b"key", |value| {
        assert_eq!(value, next.to_le_bytes());
        next += 1;
    });
    assert_eq!(next, values);
    assert!(table.remove(7, b"key"));
    let held = table.bytes();
    for value in 0..values {
        table.append(7, b"key", &value.to_le_bytes());
    }
    assert!(table.bytes() <= held + held / 2, "the space of the first list serves the second");
}

#[test]
fn values_larger_than_a_chunk_are_kept_whole() {
    if cfg!(miri) {
        return;
    }
    let mut table = table(TableConfig::default());
    let large = vec![7; 5 << 20];
    table.put(1, b"small", b"1");
    table.put(2, b"large", &large);
    table.put(3, b"after", b"3");
    table.append(4, b"list", &large);
    table.append(4, b"list", b"and a small one");
    assert_eq!(table.get(2, b"large"), Some(&large[..]));
    assert_eq!(table.get(3, b"after"), Some(&b"3"[..]));
    assert_eq!(walk(&table).len(), 4);
    let mut lengths = Vec::new();
    table.for_each_value(4, b"list", |value| lengths.push(value.len()));
    assert_eq!(lengths, [5 << 20, 15]);
    assert!(table.remove(2, b"large"));
    table.put(5, b"again", &large);
    assert_eq!(table.get(5, b"again"), Some(&large[..]));
}

#[test]
#[should_panic(expected = "either one value or a list")]
fn a_list_is_not_a_value() {
    let mut table = table(TableConfig::default());
    table.append(1, b"key", b"value");
    let _ = table.get(1, b"key");
}

#[test]
fn tiny_tables_are_tiny() {
    let mut store = Store::default();
    let mut panes = store.panes(TableName::new("tiny", "panes"), TableConfig::default()).unwrap();
    for pane in 0..300 {
        (0..3).for_each(|number| count(panes.pane(pane), number));
    }
    assert!(store.bytes() <= 300 * 400, "{} bytes", store.bytes());
}

#[test]
fn a_dropped_pane_is_reused_with_its_memory() {
    let mut store = Store::default();
    let mut panes = store.panes(TableName::new("reuse", "panes"), TableConfig::default()).unwrap();
    let keys = if cfg!(miri) { 100 } else { 100_000 };
    let fill =
        |panes: &mut Panes, pane| (0..keys).for_each(|number| count(panes.pane(pane), number));
    fill(&mut panes, 0);
    let held = store.bytes();
    for pane in 1..5 {
        assert!(panes.drop_pane(pane - 1));
        while panes.maintain(1 << 16) {}
        fill(&mut panes, pane);
        assert_eq!(panes.get(pane).map(Table::len), Some(usize::try_from(keys).unwrap()));
        assert!(store.bytes() <= held, "pane {pane}: {} of {held} bytes", store.bytes());
    }
}

#[test]
fn a_stale_or_foreign_hint_misleads_nobody() {
    let mut store = Store::default();
    let mut make =
        |state: &str| store.table(TableName::new("hints", state), TableConfig::default()).unwrap();
    let (mut table, mut other) = (make("one"), make("two"));
    let keys: Vec<[u8; 8]> = (0..100u64).map(u64::to_le_bytes).collect();
    let hash = |key: &[u8]| hash(Hashing::Good, key);
    for key in &keys {
        table.put(hash(key), key, key);
        other.put(hash(key), key, b"foreign!");
    }
    let hints: Vec<_> = keys
        .iter()
        .map(|key| (table.prefetch_entry(hash(key)), other.prefetch_entry(hash(key))))
        .collect();
    // Half of the entries die; lists, and values that look like entries, take their places.
    for key in keys.iter().step_by(2) {
        assert!(table.remove(hash(key), key));
        table.append(hash(key), key, &[*key; 4].concat());
    }
    for (key, (stale, foreign)) in keys.iter().zip(&hints).skip(1).step_by(2) {
        assert_eq!(table.get_mut_at(*stale, hash(key), key), Some(&mut { *key }[..]));
        assert_eq!(table.get_mut_at(*foreign, hash(key), key), Some(&mut { *key }[..]));
    }
    table.clear();
    for (key, (stale, foreign)) in keys.iter().zip(&hints) {
        assert_eq!(table.get_mut_at(*stale, hash(key), key), None);
        let (value, new) = table
            .upsert_at(*foreign, hash(key), key, 8, |value| value.copy_from_slice(b"fresh!!!"));
        assert_eq!((&*value, new), (&b"fresh!!!"[..], true));
    }
    for (key, (stale, _)) in keys.iter().zip(&hints) {
        assert_eq!(table.get_mut_at(*stale, hash(key), key), Some(&mut { *b"fresh!!!" }[..]));
        assert_eq!(other.get(hash(key), key), Some(&b"foreign!"[..]));
    }
}
