//! Timed tables against a sorted map: whatever is set, put off, cancelled and removed, entries come out once, in order, when they are due.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::{Cursor, Hint, Store, TableConfig, TableName};

fn table() -> TimedTable {
    let name = TableName::new("tests", "timers");
    Store::default().timed(name, TableConfig::default()).unwrap()
}

fn hash(key: u8) -> u64 {
    // Few values: some keys share theirs and are told apart by their last byte.
    u64::from(key % 40).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[derive(Clone, Debug)]
enum Op {
    Set(u8, i64),
    SetDeadline(u8, i64),
    Put(u8, i64, usize),
    Live(u8, i64, i64),
    Cancel(u8),
    Remove(u8),
    /// To a time this much later, with budgets of so much.
    Advance(i64, usize),
    Freeze,
}

/// Times near, in ticks, in hours, and at the ends.
fn time() -> impl Strategy<Value = i64> {
    prop_oneof![0..300i64, 0..300_000_000i64, 0..300_000_000_000_000i64, any::<i64>()]
}

fn op() -> impl Strategy<Value = Op> {
    let key = || any::<u8>().prop_map(|key| key % 60);
    prop_oneof![
        6 => (key(), time()).prop_map(|(key, at)| Op::Set(key, at)),
        2 => (key(), time()).prop_map(|(key, at)| Op::SetDeadline(key, at)),
        2 => (key(), time(), 0..200usize).prop_map(|(key, at, len)| Op::Put(key, at, len)),
        2 => (key(), time(), time()).prop_map(|(key, now, until)| Op::Live(key, now, until)),
        2 => key().prop_map(Op::Cancel),
        2 => key().prop_map(Op::Remove),
        3 => (prop_oneof![0..300i64, 0..300_000_000i64, 0..300_000_000_000_000i64], 1..9usize)
            .prop_map(|(by, budget)| Op::Advance(by, budget)),
        1 => Just(Op::Freeze),
    ]
}

type Model = BTreeMap<u8, (i64, usize)>;

/// What should come out, in order.
fn due(model: &Model, to: i64) -> Vec<(i64, u64, u8)> {
    let due = model.iter().filter(|(_, (at, _))| *at <= to);
    let due: BTreeSet<_> = due.map(|(&key, &(at, _))| (at, hash(key), key)).collect();
    due.into_iter().collect()
}

fn pop_all(table: &mut TimedTable, to: i64, budget: usize) -> Vec<(i64, u64, u8)> {
    let (mut popped, mut taken) = (Vec::new(), Taken::default());
    loop {
        let mut left = budget;
        loop {
            match table.take_due(to, &mut left, &mut taken) {
                Popped::Due { hash, at } => popped.push((at, hash, taken.key[0])),
                Popped::Budget => break,
                Popped::Nothing => return popped,
            }
        }
        assert_eq!(left, 0);
    }
}

fn contents(table: &TimedTable) -> Model {
    let (mut cursor, mut found) = (Cursor::default(), Model::new());
    while let Some((_, key, at, payload)) = table.next(&mut cursor) {
        assert!(found.insert(key[0], (at, payload.len())).is_none());
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 3 } else { 400 }, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn entries_come_out_once_in_order_when_they_are_due(
        ops in proptest::collection::vec(op(), 1..if cfg!(miri) { 40 } else { 300 })
    ) {
        let (mut table, mut model, mut now) = (table(), Model::new(), 0i64);
        for op in ops {
            match op {
                Op::Set(key, at) => {
                    let before = table.set(Hint::default(), hash(key), &[key], at);
                    let at = at.max(i64::MIN + 1);
                    prop_assert_eq!(before, model.get(&key).map(|&(at, _)| at));
                    let len = model.get(&key).map(|&(_, len)| len);
                    // What was cancelled may have kept its payload; timers have none.
                    let len = len.or_else(|| table.get(hash(key), &[key]).map(|(_, p)| p.len()));
                    model.insert(key, (at, len.unwrap()));
                }
                Op::SetDeadline(key, at) => {
                    let before = table.set_deadline(Hint::default(), hash(key), &[key], at);
                    prop_assert_eq!(before, model.get(&key).map(|&(at, _)| at));
                    if let Some(entry) = model.get_mut(&key) {
                        entry.0 = at.max(i64::MIN + 1);
                    }
                }
                Op::Put(key, at, len) => {
                    table.put(hash(key), &[key], at, &vec![key; len]);
                    let before = model.get(&key).map_or(i64::MIN + 1, |&(at, _)| at);
                    model.insert(key, (at.max(before), len));
                }
                Op::Live(key, now, until) => {
                    let is_live = table
                        .live_mut_at((Hint::default(), hash(key)), &[key], now, until)
                        .is_some();
                    let entry = model.get_mut(&key).filter(|(at, _)| *at > now);
                    prop_assert_eq!(is_live, entry.is_some());
                    if let Some((at, _)) = entry {
                        *at = until.max(*at);
                    }
                }
                Op::Cancel(key) => {
                    let before = table.cancel(hash(key), &[key]);
                    prop_assert_eq!(before, model.remove(&key).map(|(at, _)| at));
                }
                Op::Remove(key) => {
                    let was_there = table.remove(hash(key), &[key]);
                    prop_assert_eq!(was_there, model.remove(&key).is_some());
                }
                Op::Advance(by, budget) => {
                    now = now.saturating_add(by);
                    let expected = due(&model, now);
                    prop_assert_eq!(pop_all(&mut table, now, budget), expected);
                    model.retain(|_, (at, _)| *at > now);
                }
                Op::Freeze => table.freeze(),
            }
            prop_assert_eq!(table.len(), model.len());
            let first = model.values().map(|&(at, _)| at).min();
            prop_assert!(first.is_none_or(|first| table.next_due().unwrap() <= first));
            for (key, (at, len)) in &model {
                let payload = table.get(hash(*key), &[*key]).map(|(at, p)| (at, p.len()));
                prop_assert_eq!(payload, Some((*at, *len)));
            }
            prop_assert_eq!(&contents(&table), &model);
        }
        let expected = due(&model, i64::MAX);
        prop_assert_eq!(pop_all(&mut table, i64::MAX, 5), expected);
        prop_assert!(table.is_empty());
        prop_assert_eq!((table.references(), table.next_due()), (0, None));
    }
}

#[test]
fn what_is_set_while_it_is_due_comes_in_its_place() {
    let mut table = table();
    for at in [10, 20, 30] {
        table.set(Hint::default(), 1, &[at], i64::from(at));
    }
    let (mut taken, mut budget, mut met) = (Taken::default(), 1_000, Vec::new());
    while let Popped::Due { at, .. } = table.take_due(100, &mut budget, &mut taken) {
        met.push(at);
        if at == 10 {
            table.set(Hint::default(), 1, &[25], 25);
            table.set(Hint::default(), 1, &[5], 5);
            table.set(Hint::default(), 1, &[200], 200);
            table.cancel(1, &[30]);
        }
    }
    assert_eq!(met, [10, 5, 20, 25]);
    assert_eq!(table.len(), 1);
}

#[test]
fn putting_off_and_cancelling_over_and_over_leaves_nothing_behind() {
    let mut table = table();
    for round in 0..100_000i64 {
        for key in 0..10u8 {
            table.set(Hint::default(), hash(key), &[key], 1 << 40 | round);
            if key % 2 == 0 {
                table.cancel(hash(key), &[key]);
            }
        }
    }
    assert_eq!((table.len(), table.references()), (5, 10));
    assert_eq!(pop_all(&mut table, i64::MAX, 10).len(), 5);
}

#[test]
fn deadlines_that_come_nearer_and_entries_that_are_removed_do_not_pile_up_references() {
    let (mut table, mut most) = (table(), 0);
    for round in 0..200_000i64 {
        let key = u8::try_from(round % 100).unwrap();
        table.set(Hint::default(), hash(key), &[key], (1 << 40) - round * 1_000);
        if round % 7 == 0 {
            table.remove(hash(key), &[key]);
        }
        most = most.max(table.references());
    }
    assert!(most < 4_000, "{most} references for 100 entries");
    assert!(pop_all(&mut table, i64::MAX, 10).len() <= 100);
}

#[test]
fn memory_is_accounted_for_until_the_table_is_gone() {
    let mut store = Store::default();
    let name = TableName::new("tests", "timers");
    let mut table = store.timed(name, TableConfig::default()).unwrap();
    for key in 0..50_000u64 {
        let hash = key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let at = i64::try_from(key).unwrap() * 10_000_000;
        table.set(Hint::default(), hash, &key.to_le_bytes(), at);
    }
    assert_eq!(store.bytes(), table.bytes());
    assert!(table.bytes() < 50_000 * 130, "{} bytes a timer", table.bytes() / 50_000);
    drop(table);
    assert_eq!(store.bytes(), 0);
}
