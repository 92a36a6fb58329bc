//! Kinds of state against maps in memory: whatever is done with whichever key, at whatever time, and however expired state is swept away.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use proptest::prelude::*;
use thalweg_storage::{Store, Table, TableConfig, TableName, TimedTable};

use super::*;
use crate::raw::layout::Layout;
use crate::record::{KeyHash, KeyRef, KeyScratch, Str};
use crate::time::{EventTime, ProcessingTime};

struct Tests(Store);

impl Tables for Tests {
    fn table(&mut self, state: &str, _: Layout) -> Claimed<Table> {
        self.0.table(TableName::new("tests", state), TableConfig::default()).unwrap().into()
    }

    fn timed(&mut self, state: &str, _: Layout) -> Claimed<TimedTable> {
        self.0.timed(TableName::new("tests", state), TableConfig::default()).unwrap().into()
    }

    fn operator(&self) -> &str {
        "tests"
    }
}

/// State under test, its scope, and its store.
struct Rig<F> {
    field: F,
    scope: Rc<Scope>,
    store: Tests,
    sweep: Sweep,
    now: i64,
}

impl<F: StateField> Rig<F> {
    fn new(ttl: Option<Ttl>) -> Self {
        let (mut store, scope) = (Tests(Store::default()), Rc::new(Scope::default()));
        let field = F::declare(&mut StateBuilder::new(&mut store, &scope), "field", ttl);
        Self { field, scope, store, sweep: Sweep::default(), now: 0 }
    }

    /// The field, as a call for `key` at `now` finds it.
    fn at(&mut self, key: u8, now: i64) -> &mut F {
        // Keys of several lengths.
        let key = Str::from("k".repeat(usize::from(key)));
        let mut scratch = KeyScratch::new();
        self.scope.set_key(key.hash(), key.bytes(&mut scratch));
        self.scope.set_times(EventTime::from_nanos(now), EventTime::MIN);
        self.scope.set_processing(ProcessingTime::from_nanos(now));
        self.now = now;
        &mut self.field
    }

    /// Asks for what a key holds, which may be asked for much later, or never.
    fn ask(&self, key: u8) {
        let hash = Str::from("k".repeat(usize::from(key))).hash();
        self.field.prefetch_bucket(hash);
        self.field.prefetch_entry(hash);
    }

    /// The keys that have something at `now`, met in pieces of `limit`, by their lengths.
    fn keys(&mut self, now: i64, limit: usize) -> Vec<u8>
    where
        F: Keys,
    {
        let (mut cursor, mut met) = (Cursor::default(), Vec::new());
        let mut each = |hash, key: &[u8]| met.push((hash, u8::try_from(key.len()).unwrap()));
        while self.field.next_keys(&mut cursor, limit, &mut each) {}
        let mut keys = Vec::new();
        for (hash, key) in met {
            let is_there = self.at(key, now).is_there();
            assert_eq!(hash, self.scope.hash());
            keys.extend(is_there.then_some(key));
        }
        keys.sort_unstable();
        keys
    }

    /// Frees what has expired, in pieces of `budget`.
    fn sweep(&mut self, budget: usize) {
        for by in [Expires::Event, Expires::Processing] {
            loop {
                self.sweep.begin(by, self.now, budget);
                self.field.expire(&mut self.sweep);
                if !self.sweep.has_more() {
                    break;
                }
            }
            assert!(self.field.next_expiry(by).is_none_or(|next| next > self.now));
        }
    }
}

fn ttl() -> impl Strategy<Value = Option<Ttl>> {
    let expires = prop_oneof![Just(Expires::Event), Just(Expires::Processing)];
    let refresh = prop_oneof![Just(Refresh::Write), Just(Refresh::ReadWrite)];
    prop_oneof![
        Just(None),
        (1..400_000u64, expires, refresh).prop_map(|(after, expires, refresh)| {
            Some(Ttl { after: Duration::from_nanos(after), expires, refresh })
        }),
    ]
}

#[derive(Clone, Debug)]
enum Op {
    Get,
    Set(usize),
    Update(usize),
    Clear,
    Sweep(usize),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        2 => Just(Op::Get),
        2 => (0..60usize).prop_map(Op::Set),
        2 => (0..60usize).prop_map(Op::Update),
        1 => Just(Op::Clear),
        1 => (1..4usize).prop_map(Op::Sweep),
    ]
}

/// Operations, each with a key, a map's key and the time since the one before.
fn ops() -> impl Strategy<Value = Vec<(Op, u8, u8, i64)>> {
    let later = prop_oneof![0..10i64, 0..100_000i64];
    proptest::collection::vec((op(), 0..5u8, 0..9u8, later), 1..150)
}

/// Values with the time until which they live.
type Model<K, V> = BTreeMap<K, (V, i64)>;

fn until(ttl: Option<Ttl>, now: i64) -> i64 {
    ttl.map_or(i64::MAX, |ttl| now + i64::try_from(ttl.after.as_nanos()).unwrap())
}

fn text(length: usize) -> Str {
    "x".repeat(length).into()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 2 } else { 200 }, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_value_is_what_was_set_last_until_it_expires(ttl in ttl(), ops in ops()) {
        let mut rig = Rig::<Value<Str>>::new(ttl);
        let (mut model, mut now) = (Model::new(), 0);
        for (op, key, asked, later) in ops {
            now += later;
            model.retain(|_, (_, until)| *until > now);
            rig.ask(asked);
            let value = rig.at(key, now);
            match op {
                Op::Get => {
                    prop_assert_eq!(value.get(), model.get(&key).map(|(v, _): &(Str, i64)| v.as_str()));
                    if let Some(entry) = model.get_mut(&key).filter(|_| ttl::refreshes_on_read(ttl)) {
                        entry.1 = until(ttl, now);
                    }
                }
                Op::Set(length) => {
                    value.set(text(length));
                    model.insert(key, (text(length), until(ttl, now)));
                }
                Op::Update(length) if length % 2 == 1 => {
                    let changed = value.update_if_set(|v| v.push_str(&text(length)));
                    let entry = model.get_mut(&key);
                    prop_assert_eq!(changed.is_some(), entry.is_some());
                    if let Some(entry) = entry {
                        entry.0.push_str(&text(length));
                        entry.1 = until(ttl, now);
                    }
                }
                Op::Update(length) => {
                    value.update(|v| v.push_str(&text(length)));
                    let entry = model.entry(key).or_default();
                    entry.0.push_str(&text(length));
                    entry.1 = until(ttl, now);
                }
                Op::Clear => prop_assert_eq!(value.clear(), model.remove(&key).is_some()),
                Op::Sweep(budget) => rig.sweep(budget),
            }
            // Looking is no reading here: the model's lives are not touched.
            if !ttl::refreshes_on_read(ttl) {
                for key in 0..5 {
                    prop_assert_eq!(rig.at(key, now).take_look(), model.get(&key).map(|(v, _)| v.clone()));
                }
            }
            prop_assert_eq!(rig.keys(now, 3), model.keys().copied().collect::<Vec<_>>());
        }
        if ttl.is_some() {
            rig.at(0, i64::MAX - 1);
            rig.sweep(3);
            prop_assert_eq!(rig.field.next_expiry(Expires::Event), None);
        }
    }

    #[test]
    fn a_list_holds_what_was_added_in_order_until_each_expires(ttl in ttl(), ops in ops()) {
        let mut rig = Rig::<List<Str>>::new(ttl);
        let (mut model, mut now) = (BTreeMap::<u8, Vec<(Str, i64)>>::new(), 0);
        for (op, key, _, later) in ops {
            now += later;
            model.values_mut().for_each(|list| list.retain(|(_, until)| *until > now));
            let list = rig.at(key, now);
            match op {
                Op::Get | Op::Set(_) | Op::Update(_) => {
                    let length = if let Op::Set(length) | Op::Update(length) = op { length } else { 0 };
                    list.push(text(length));
                    model.entry(key).or_default().push((text(length), until(ttl, now)));
                }
                Op::Clear => {
                    let was_there = model.remove(&key).is_some_and(|list| !list.is_empty());
                    prop_assert_eq!(list.clear(), was_there);
                }
                Op::Sweep(budget) => rig.sweep(budget),
            }
            for key in 0..5 {
                let expected = model.get(&key).map_or(vec![], |list| list.iter().map(|(v, _)| v.clone()).collect());
                let list = rig.at(key, now);
                prop_assert_eq!(list.len(), expected.len());
                prop_assert_eq!(list.to_vec(), expected);
            }
            let there = model.iter().filter(|(_, list)| !list.is_empty()).map(|(key, _)| *key);
            prop_assert_eq!(rig.keys(now, 3), there.collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_map_holds_what_was_inserted_for_each_key_alone(ttl in ttl(), ops in ops()) {
        let mut rig = Rig::<Map<Str, Str>>::new(ttl);
        let (mut model, mut now) = (BTreeMap::<u8, Model<Str, Str>>::new(), 0);
        for (op, key, map_key, later) in ops {
            now += later;
            model.values_mut().for_each(|map| map.retain(|_, (_, until)| *until > now));
            // Some map keys are the key itself.
            let map_key = Str::from("k".repeat(usize::from(map_key)));
            let map = rig.at(key, now);
            let own = model.entry(key).or_default();
            match op {
                Op::Get => {
                    prop_assert_eq!(map.get(&map_key), own.get(&map_key).map(|(v, _)| v.as_str()));
                    if let Some(entry) = own.get_mut(&map_key).filter(|_| ttl::refreshes_on_read(ttl)) {
                        entry.1 = until(ttl, now);
                    }
                }
                Op::Set(length) => {
                    map.insert(&map_key, text(length));
                    own.insert(map_key, (text(length), until(ttl, now)));
                }
                Op::Update(length) => {
                    map.update_or(&map_key, Str::default, |v| v.push_str(&text(length)));
                    let entry = own.entry(map_key).or_default();
                    entry.0.push_str(&text(length));
                    entry.1 = until(ttl, now);
                }
                Op::Clear if map_key.len() == 3 => {
                    map.clear();
                    own.clear();
                }
                Op::Clear => {
                    let was_there = own.remove(&map_key);
                    if let Some((_, until)) = was_there {
                        prop_assert!(until > now);
                    }
                    prop_assert_eq!(map.remove(&map_key), was_there.is_some());
                }
                Op::Sweep(budget) => rig.sweep(budget),
            }
            for key in 0..5 {
                let expected: BTreeMap<Str, Str> = model.get(&key).into_iter().flatten().map(|(k, (v, _))| (k.clone(), v.clone())).collect();
                let map = rig.at(key, now);
                let found: Vec<_> = map.iter().map(|(k, v)| (k, Str::from(v))).collect();
                prop_assert_eq!((map.len(), map.is_empty()), (expected.len(), expected.is_empty()));
                prop_assert_eq!(found.len(), expected.len(), "no entry twice");
                prop_assert_eq!(found.into_iter().collect::<BTreeMap<_, _>>(), expected);
            }
            let there = model.iter().filter(|(_, map)| !map.is_empty()).map(|(key, _)| *key);
            prop_assert_eq!(rig.keys(now, 3), there.collect::<Vec<_>>());
        }
        for key in 0..5 {
            rig.at(key, now).clear();
        }
        prop_assert_eq!(rig.field.entries(), (0, 0), "nothing is left behind");
    }
}

impl<T: crate::record::Record> Value<T> {
    fn take_look(&mut self) -> Option<T> {
        self.record().map(|record| record.to_value())
    }
}

#[test]
fn a_walk_over_a_map_is_in_the_order_of_insertion_and_a_removed_entry_is_replaced_by_the_last() {
    let mut rig = Rig::<Map<u32, u64>>::new(None);
    let map = rig.at(1, 0);
    for key in [5u32, 3, 9, 1] {
        map.insert(key, u64::from(key) * 10);
    }
    assert_eq!(map.iter().collect::<Vec<_>>(), [(5, 50), (3, 30), (9, 90), (1, 10)]);
    assert!(map.remove(3u32) && !map.remove(3u32));
    assert_eq!(map.iter().collect::<Vec<_>>(), [(5, 50), (1, 10), (9, 90)]);
}

#[test]
fn what_is_reduced_begins_with_the_first_value() {
    let mut rig = Rig::<Reducing<i64>>::new(None);
    let declared = std::mem::replace(&mut rig.field, Rig::new(None).field);
    rig.field = declared.with_reduce(|least, next| *least = (*least).min(next));
    assert_eq!(rig.at(1, 0).get(), None);
    for value in [7, 3, 5] {
        rig.at(1, 0).add(value);
    }
    rig.at(2, 0).add(1);
    assert_eq!((rig.at(1, 0).get(), rig.at(2, 0).take()), (Some(3), Some(1)));
    assert_eq!(rig.at(2, 0).get(), None);
}

#[test]
fn random_numbers_are_fair_those_of_a_key_and_the_same_when_it_begins_anew() {
    let mut rig = Rig::<Random>::new(None);
    let draw = |rig: &mut Rig<Random>, key, count| -> Vec<u64> {
        (0..count).map(|_| rig.at(key, 0).next_u64()).collect()
    };
    let first = draw(&mut rig, 1, 20);
    assert_ne!(first, draw(&mut rig, 2, 20));
    let next = draw(&mut rig, 1, 20);
    assert!(first.iter().all(|number| !next.contains(number)));
    assert!(rig.at(1, 0).clear() && !rig.at(1, 0).clear());
    assert_eq!(draw(&mut rig, 1, 20), first);
    assert_eq!(draw(&mut Rig::new(None), 1, 20), first);
    let mut counts = [0; 6];
    for _ in 0..60_000 {
        counts[usize::try_from(rig.at(3, 0).below(6)).unwrap()] += 1;
    }
    assert!(counts.iter().all(|count| (9_600..10_400).contains(count)), "{counts:?}");
    let units: Vec<_> = (0..10_000).map(|_| rig.at(3, 0).unit()).collect();
    assert!(units.iter().all(|unit| (0.0..1.0).contains(unit)));
    assert!((0.49..0.51).contains(&(units.iter().sum::<f64>() / 10_000.0)));
    assert!((0..100).all(|_| rig.at(3, 0).chance(1.0) && !rig.at(3, 0).chance(0.0)));
    assert!((0..100).all(|_| rig.at(3, 0).below(1) == 0));
}

#[test]
fn defaults_are_those_of_the_field_and_then_of_the_type() {
    let mut rig = Rig::<Value<u64>>::new(None);
    assert_eq!(rig.at(1, 0).get_or_default(), 0);
    let declared = std::mem::replace(&mut rig.field, Rig::new(None).field);
    rig.field = declared.with_default(|| 7);
    assert_eq!(rig.at(1, 0).get_or_default(), 7);
    assert_eq!(rig.at(1, 0).update(|value| std::mem::replace(value, 9)), 7);
    assert_eq!(rig.at(1, 0).get(), Some(9));
}

#[test]
fn expired_state_gives_its_memory_back_without_being_touched() {
    let ttl =
        Ttl { after: Duration::from_secs(1), expires: Expires::Event, refresh: Refresh::Write };
    let mut rig = Rig::<Value<[u64; 8]>>::new(Some(ttl));
    let mut most = 0;
    for round in 0..40i64 {
        for key in 0..250 {
            rig.at(key, round * 1_500_000_000).set([u64::from(key); 8]);
        }
        rig.sweep(100);
        most = most.max(if round < 5 { 0 } else { rig.store.0.bytes() });
        if round == 5 {
            most = rig.store.0.bytes();
        }
        assert!(rig.store.0.bytes() <= most.max(1 << 19), "as much as after the first rounds");
    }
}

#[test]
fn every_part_of_a_keys_state_has_its_key_group() {
    let mut rig = Rig::<Map<Str, Str>>::new(None);
    for key in 0..200 {
        for map_key in ["", "a", "kkk"] {
            rig.at(key, 0).insert(map_key, text(1));
        }
        let group = rig.scope.hash().group();
        let hashes: Vec<KeyHash> = rig.field.hashes(&"k".repeat(usize::from(key)));
        assert_eq!(hashes.len(), 3 + 4);
        assert!(hashes.into_iter().all(|hash| hash.group() == group));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn distinct_values_are_counted_by_mark_until_they_expire(
        ttl in ttl(),
        ops in proptest::collection::vec((0..4u8, 0..6u32, any::<u8>(), 0..60_000i64, 1..20usize), 0..200),
    ) {
        let mut rig = Rig::<Distinct<u32>>::new(ttl);
        let (mut model, mut now) = (BTreeMap::<u8, BTreeMap<u32, (u8, i64)>>::new(), 0);
        for (key, value, marks, later, budget) in ops {
            now += later;
            model.values_mut().for_each(|values| values.retain(|_, (_, until)| *until > now));
            let entry = model.entry(key).or_default().entry(value).or_insert((0, 0));
            let new = marks & !entry.0;
            *entry = (entry.0 | marks, until(ttl, now));
            prop_assert_eq!(rig.at(key, now).add(value, marks), new);
            // What has expired may still be counted until it is freed.
            rig.sweep(budget);
            for key in 0..4 {
                let values = || model.get(&key).into_iter().flat_map(BTreeMap::values);
                let count = |mark: usize| values().filter(|(marks, _)| marks >> mark & 1 == 1).count() as u64;
                prop_assert_eq!(rig.at(key, now).counts(), std::array::from_fn(count));
            }
        }
    }
}
