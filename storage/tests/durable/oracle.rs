//! A job with every kind of table against maps in memory: random operations, checkpoints that succeed, are given up or fail, crashes, and restores on more or fewer workers. The state
//! that a checkpoint gives back is that of the maps when it was frozen, and the job goes on from there.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use thalweg_storage::checkpoint::{Manifest, newest, read};
use thalweg_storage::io::{Answer, Disk, Fault, Faulty, Operation, Publish, Rates, What, run};
use thalweg_storage::segment::Verification;
use thalweg_storage::{
    Archive, ArchiveConfig, Cursor, Freezer, Frozen, Hint, KeyGroups, Panes, Popped, RestoredParts,
    Store, StoreConfig, Table, TableConfig, TableName, Taken, TimedTable,
};

use crate::store::hash;

const GROUPS: u32 = 32;
/// How many checkpoints are kept.
const RETAINED: usize = 2;

fn directory() -> &'static Path {
    Path::new("state")
}

/// What the tables should hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Model {
    values: BTreeMap<u64, Vec<u8>>,
    lists: BTreeMap<u64, Vec<Vec<u8>>>,
    panes: BTreeMap<(i64, u64), Vec<u8>>,
    timers: BTreeMap<u64, (i64, Vec<u8>)>,
    /// Up to when timers were taken out.
    now: i64,
}

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Put(u64, usize, u8),
    Touch(u64, u8),
    Remove(u64),
    Append(u64, usize, u8),
    RemoveList(u64),
    PutInPane(i64, u64, u8),
    RemoveFromPane(i64, u64),
    DropPane(i64),
    Set(u64, i64),
    PutTimed(u64, i64, usize),
    Cancel(u64),
    RemoveTimed(u64),
    Pop(i64),
    /// Puts that many keys, from the number on.
    Burst(u64, u64),
    /// Removes every second of them.
    Thin(u64, u64),
    Checkpoint,
    /// A checkpoint that is given up when all is frozen.
    GiveUp,
    /// A checkpoint of which only the first tables are frozen.
    Begin(usize),
    /// The next operation but so many fails.
    Fail(u64, bool),
    /// All stops, with or without power, and starts again on so many workers.
    Restart(bool, u32),
}

fn steps(count: usize) -> impl Strategy<Value = Vec<Step>> {
    let key = || 0u64..40;
    let pane = || -2i64..3;
    let time = || 0i64..1 << 30;
    let step = prop_oneof![
        6 => (key(), 0usize..300, any::<u8>()).prop_map(|(k, n, fill)| Step::Put(k, n, fill)),
        6 => (key(), any::<u8>()).prop_map(|(k, fill)| Step::Touch(k, fill)),
        3 => key().prop_map(Step::Remove),
        8 => (key(), 0usize..200, any::<u8>()).prop_map(|(k, n, fill)| Step::Append(k, n, fill)),
        2 => key().prop_map(Step::RemoveList),
        6 => (pane(), key(), any::<u8>()).prop_map(|(p, k, fill)| Step::PutInPane(p, k, fill)),
        2 => (pane(), key()).prop_map(|(p, k)| Step::RemoveFromPane(p, k)),
        1 => pane().prop_map(Step::DropPane),
        4 => (key(), time()).prop_map(|(k, at)| Step::Set(k, at)),
        4 => (key(), time(), 0usize..90).prop_map(|(k, at, n)| Step::PutTimed(k, at, n)),
        2 => key().prop_map(Step::Cancel),
        2 => key().prop_map(Step::RemoveTimed),
        1 => (0i64..1 << 27).prop_map(Step::Pop),
        2 => (100u64..400, 1u64..150).prop_map(|(from, n)| Step::Burst(from, n)),
        2 => (100u64..400, 1u64..150).prop_map(|(from, n)| Step::Thin(from, n)),
        8 => Just(Step::Checkpoint),
        1 => Just(Step::GiveUp),
        1 => (0usize..5).prop_map(Step::Begin),
        1 => (0u64..40, any::<bool>()).prop_map(|(n, full)| Step::Fail(n, full)),
        2 => (any::<bool>(), 1u32..4).prop_map(|(cut, n)| Step::Restart(cut, n)),
    ];
    vec(step, 1..count)
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) copied_bytes: usize,
    pub(crate) segment_bytes: u64,
    pub(crate) align: usize,
}

fn settings() -> impl Strategy<Value = Settings> {
    let copied = prop_oneof![Just(0usize), Just(300), Just(16 << 10)];
    let segment = prop_oneof![Just(16u64 << 10), Just(256 << 10)];
    (copied, segment, prop_oneof![Just(8usize), Just(16)]).prop_map(
        |(copied_bytes, segment_bytes, align)| Settings { copied_bytes, segment_bytes, align },
    )
}

struct Worker {
    store: Store,
    groups: KeyGroups,
    archive: Archive,
    values: Table,
    lists: Table,
    panes: Panes,
    timers: TimedTable,
}

/// A job and what it should hold.
pub(crate) struct Job {
    pub(crate) disk: Faulty,
    settings: Settings,
    workers: Vec<Worker>,
    model: Model,
    epoch: u64,
    acknowledged: u64,
    snapshots: BTreeMap<u64, Model>,
    retained: VecDeque<Manifest>,
}

type Failure = Box<dyn std::error::Error>;

impl Worker {
    fn start(
        disk: &mut dyn Disk,
        settings: Settings,
        (worker, workers): (u32, u32),
        retained: &[Manifest],
    ) -> Result<Self, Failure> {
        let groups = KeyGroups::of_worker(GROUPS, worker, workers);
        let config = ArchiveConfig::new(groups)
            .segment_bytes(settings.segment_bytes)
            .spare_segments(2)
            .workers(workers);
        let archive = Archive::open(disk, directory(), worker, config, retained)?;
        let parts = match retained.last() {
            Some(manifest) => RestoredParts::open(disk, directory(), manifest, groups)?,
            None => RestoredParts::default(),
        };
        let config = StoreConfig::default().copied_bytes(settings.copied_bytes);
        let mut store = Store::restore(config, parts);
        let config = TableConfig::default().value_align(settings.align);
        let values = store.table(TableName::new("oracle", "values"), config)?;
        let lists = store.table(TableName::new("oracle", "lists"), config)?;
        let panes = store.panes(TableName::new("oracle", "panes"), config)?;
        let timers = store.timed(TableName::new("oracle", "timers"), config)?;
        Ok(Self { store, groups, archive, values, lists, panes, timers })
    }

    fn freeze(&mut self, freezer: &mut Freezer, tables: usize) {
        let freeze: [&mut dyn FnMut(&mut Freezer); 4] = [
            &mut |freezer| freezer.table(&mut self.values),
            &mut |freezer| freezer.table(&mut self.lists),
            &mut |freezer| freezer.panes(&mut self.panes),
            &mut |freezer| freezer.timed(&mut self.timers),
        ];
        freeze.into_iter().take(tables).for_each(|freeze| freeze(freezer));
    }

    fn frozen(&mut self, epoch: u64) -> Frozen {
        let mut freezer = self.store.freezer(epoch);
        self.freeze(&mut freezer, 4);
        freezer.finish(&self.store)
    }
}

impl Job {
    pub(crate) fn start(disk: Faulty, settings: Settings, workers: u32) -> Result<Self, Failure> {
        let mut job = Self {
            disk,
            settings,
            workers: Vec::new(),
            model: Model::default(),
            epoch: 0,
            acknowledged: 0,
            snapshots: BTreeMap::new(),
            retained: VecDeque::new(),
        };
        job.restore(workers)?;
        Ok(job)
    }

    /// Starts from the newest checkpoint.
    pub(crate) fn restore(&mut self, workers: u32) -> Result<(), Failure> {
        self.workers.clear();
        let restored = newest(&mut self.disk, directory(), Verification::AtOpen)?;
        assert!(restored.passed.is_empty(), "{:?}", restored.passed);
        let next = restored.next_epoch();
        let epoch = restored.manifest.as_ref().map_or(0, |manifest| manifest.epoch);
        assert!(epoch >= self.acknowledged, "checkpoint {} is lost", self.acknowledged);
        let mut retained = Vec::new();
        let Answer::Names(names) =
            run(&mut self.disk, Operation::List { path: directory().into() })?
        else {
            panic!("a listing gives names")
        };
        for older in names.iter().filter_map(|name| Manifest::of_file_name(name)) {
            if older < epoch {
                retained.push(read(&mut self.disk, directory(), older)?);
            }
        }
        retained.extend(restored.manifest);
        for worker in 0..workers {
            let worker = (worker, workers);
            self.workers.push(Worker::start(&mut self.disk, self.settings, worker, &retained)?);
        }
        self.retained = retained.into();
        self.model = self.snapshots.get(&epoch).cloned().unwrap_or_default();
        (self.epoch, self.acknowledged) = (next - 1, epoch);
        self.check();
        Ok(())
    }

    fn owner(&mut self, key: u64) -> &mut Worker {
        let hash = hash(key);
        self.workers.iter_mut().find(|worker| worker.groups.hold(hash)).expect("a key has an owner")
    }

    pub(crate) fn checkpoint(&mut self) -> Result<(), Failure> {
        self.epoch += 1;
        let epoch = self.epoch;
        self.snapshots.insert(epoch, self.model.clone());
        let frozen: Vec<Frozen> =
            self.workers.iter_mut().map(|worker| worker.frozen(epoch)).collect();
        let mut parts = Vec::new();
        let mut failure = None;
        for (worker, frozen) in self.workers.iter_mut().zip(frozen) {
            if failure.is_some() {
                worker.archive.absorb(frozen);
                continue;
            }
            match worker.archive.write(&mut self.disk, frozen) {
                Ok(part) => parts.push(part),
                Err(error) => failure = Some(error),
            }
        }
        if let Some(failure) = failure {
            return Err(failure.into());
        }
        let manifest = Manifest {
            epoch,
            parent: None,
            time_ns: 0,
            key_groups: GROUPS,
            schemas: Vec::new(),
            parts,
        };
        let path = directory().join(Manifest::file_name(epoch));
        Publish::now(&mut self.disk, path, manifest.encode())?;
        self.acknowledged = epoch;
        self.retained.push_back(manifest);
        self.let_go()
    }

    /// Manifests first, durably; then what only they named.
    fn let_go(&mut self) -> Result<(), Failure> {
        while self.retained.len() > RETAINED {
            let path = directory().join(Manifest::file_name(self.retained[0].epoch));
            match run(&mut self.disk, Operation::Remove { path }) {
                Err(error) if !error.is_missing() => return Err(error.into()),
                _ => self.retained.pop_front(),
            };
        }
        run(&mut self.disk, Operation::SyncDirectory { path: directory().into() })?;
        let retained = self.retained.make_contiguous();
        for worker in &mut self.workers {
            worker.archive.retire(&mut self.disk, retained)?;
        }
        Ok(())
    }

    /// What is known of the disk after an error: it may be one that passes, or power is gone, or the state of the directory is not known.
    fn recover(&mut self) {
        self.disk.chance(Rates::default());
        self.disk.kill();
        let workers = u32::try_from(self.workers.len()).unwrap().max(1);
        for _ in 0..4 {
            if self.restore(workers).is_ok() {
                return;
            }
            self.disk.cut();
        }
        self.restore(workers).unwrap();
    }

    pub(crate) fn step(&mut self, serial: usize, step: Step) {
        match step {
            Step::Checkpoint => {
                if self.checkpoint().is_err() {
                    // Half of the time the job goes on as if nothing had happened.
                    if serial.is_multiple_of(2) {
                        self.recover();
                    }
                }
            }
            Step::GiveUp => {
                self.epoch += 1;
                for worker in &mut self.workers {
                    let frozen = worker.frozen(self.epoch);
                    worker.archive.absorb(frozen);
                }
            }
            Step::Begin(tables) => {
                self.epoch += 1;
                for worker in &mut self.workers {
                    let mut freezer = worker.store.freezer(self.epoch);
                    worker.freeze(&mut freezer, tables);
                }
            }
            Step::Fail(after, full) => {
                let what = What::Error(if full { 28 } else { 5 });
                let at = self.disk.operations() + after;
                self.disk.plan(Fault { at, lasting: false, what });
            }
            Step::Restart(cut, workers) => {
                if cut {
                    self.disk.cut();
                } else {
                    self.disk.kill();
                }
                if self.restore(workers).is_err() {
                    self.recover();
                }
            }
            step => self.operate(step),
        }
    }

    fn operate(&mut self, step: Step) {
        match step {
            Step::Put(key, len, fill) => self.put(key, vec![fill; len]),
            Step::Touch(key, fill) => {
                let worker = self.owner(key);
                let hint = worker.values.prefetch_entry(hash(key));
                let bytes = key.to_le_bytes();
                let init = |value: &mut [u8]| value.fill(1);
                let (value, _) = worker.values.upsert_at(hint, hash(key), &bytes, 9, init);
                let _ = value.first_mut().map(|byte| *byte = fill);
                let expected = self.model.values.entry(key).or_insert_with(|| vec![1; 9]);
                let _ = expected.first_mut().map(|byte| *byte = fill);
            }
            Step::Remove(key) => self.remove(key),
            Step::Append(key, len, fill) => {
                let value = vec![fill; len];
                self.owner(key).lists.append(hash(key), &key.to_le_bytes(), &value);
                self.model.lists.entry(key).or_default().push(value);
            }
            Step::RemoveList(key) => {
                self.owner(key).lists.remove(hash(key), &key.to_le_bytes());
                self.model.lists.remove(&key);
            }
            Step::PutInPane(pane, key, fill) => {
                let table = self.owner(key).panes.pane(pane);
                table.put(hash(key), &key.to_le_bytes(), &[fill; 12]);
                self.model.panes.insert((pane, key), vec![fill; 12]);
            }
            Step::RemoveFromPane(pane, key) => {
                if let Some(table) = self.owner(key).panes.get_mut(pane) {
                    table.remove(hash(key), &key.to_le_bytes());
                }
                self.model.panes.remove(&(pane, key));
            }
            Step::DropPane(pane) => {
                for worker in &mut self.workers {
                    worker.panes.drop_pane(pane);
                }
                self.model.panes.retain(|(other, _), _| *other != pane);
            }
            Step::Set(key, at) => {
                let (key, at) = (key % 20, at + self.model.now);
                let worker = self.owner(key);
                worker.timers.set(Hint::default(), hash(key), &key.to_le_bytes(), at);
                self.model.timers.insert(key, (at, Vec::new()));
            }
            Step::PutTimed(key, at, len) => {
                let (key, at) = (20 + key % 20, at + self.model.now);
                let payload = vec![3; len];
                self.owner(key).timers.put(hash(key), &key.to_le_bytes(), at, &payload);
                let before = self.model.timers.get(&key).map_or(at, |(before, _)| *before);
                self.model.timers.insert(key, (at.max(before), payload));
            }
            Step::Cancel(key) => {
                let key = key % 20;
                self.owner(key).timers.cancel(hash(key), &key.to_le_bytes());
                self.model.timers.remove(&key);
            }
            Step::RemoveTimed(key) => {
                let key = 20 + key % 20;
                self.owner(key).timers.remove(hash(key), &key.to_le_bytes());
                self.model.timers.remove(&key);
            }
            Step::Pop(by) => self.pop(by),
            Step::Burst(from, count) => {
                (from..from + count).for_each(|key| self.put(key, vec![(key % 250) as u8; 40]));
            }
            Step::Thin(from, count) => {
                (from..from + count).step_by(2).for_each(|key| self.remove(key));
            }
            _ => unreachable!("it is no operation"),
        }
    }

    fn put(&mut self, key: u64, value: Vec<u8>) {
        self.owner(key).values.put(hash(key), &key.to_le_bytes(), &value);
        self.model.values.insert(key, value);
    }

    fn remove(&mut self, key: u64) {
        let was_there = self.owner(key).values.remove(hash(key), &key.to_le_bytes());
        assert_eq!(was_there, self.model.values.remove(&key).is_some());
    }

    fn pop(&mut self, by: i64) {
        self.model.now += by;
        let to = self.model.now;
        for worker in &mut self.workers {
            let due = self
                .model
                .timers
                .iter()
                .filter(|(key, (at, _))| *at <= to && worker.groups.hold(hash(**key)));
            let due: BTreeSet<_> =
                due.map(|(key, (at, payload))| (*at, hash(*key), *key, payload.clone())).collect();
            let (mut taken, mut popped) = (Taken::default(), Vec::new());
            loop {
                let mut budget = 3;
                match worker.timers.take_due(to, &mut budget, &mut taken) {
                    Popped::Due { hash, at } => {
                        let key = u64::from_le_bytes(taken.key[..].try_into().unwrap());
                        popped.push((at, hash, key, taken.payload.clone()));
                    }
                    Popped::Budget => {}
                    Popped::Nothing => break,
                }
            }
            assert_eq!(popped, due.into_iter().collect::<Vec<_>>());
        }
        self.model.timers.retain(|_, (at, _)| *at > to);
    }

    /// What the tables hold.
    fn held(&self) -> Model {
        let mut held = Model { now: self.model.now, ..Model::default() };
        let number = |key: &[u8]| u64::from_le_bytes(key.try_into().unwrap());
        for worker in &self.workers {
            let mut cursor = Cursor::default();
            while let Some((_, key, value)) = worker.values.next(&mut cursor) {
                assert_eq!(held.values.insert(number(key), value.to_vec()), None);
            }
            let mut cursor = Cursor::default();
            while let Some((hash, key, _)) = worker.lists.next(&mut cursor) {
                let mut values = Vec::new();
                worker.lists.for_each_value(hash, key, |value| values.push(value.to_vec()));
                assert_eq!(worker.lists.count_values(hash, key), values.len());
                assert_eq!(held.lists.insert(number(key), values), None);
            }
            for (pane, table) in worker.panes.iter() {
                let mut cursor = Cursor::default();
                while let Some((_, key, value)) = table.next(&mut cursor) {
                    assert_eq!(held.panes.insert((pane, number(key)), value.to_vec()), None);
                }
            }
            let mut cursor = Cursor::default();
            while let Some((_, key, at, payload)) = worker.timers.next(&mut cursor) {
                assert_eq!(held.timers.insert(number(key), (at, payload.to_vec())), None);
            }
        }
        held
    }

    pub(crate) fn check(&self) {
        assert_eq!(self.held(), self.model);
        for worker in &self.workers {
            let owned = |key: &&u64| worker.groups.hold(hash(**key));
            assert_eq!(worker.values.len(), self.model.values.keys().filter(owned).count());
            assert_eq!(worker.lists.len(), self.model.lists.keys().filter(owned).count());
            assert_eq!(worker.timers.len(), self.model.timers.keys().filter(owned).count());
            for key in self.model.values.keys().filter(owned) {
                let value = worker.values.get(hash(*key), &key.to_le_bytes());
                assert_eq!(value, self.model.values.get(key).map(|value| &value[..]));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_a_checkpoint_gives_back_is_what_was_there_whatever_happened_between(
        steps in steps(300), settings in settings(), workers in 1u32..4, seed in any::<u64>()
    ) {
        let mut job = Job::start(Faulty::new(seed), settings, workers).unwrap();
        for (serial, step) in steps.into_iter().enumerate() {
            job.step(serial, step);
        }
        job.check();
        job.recover();
        job.checkpoint().unwrap();
        job.restore(2).unwrap();
    }
}
