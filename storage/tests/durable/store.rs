//! Tables that go to disk and come back: what was frozen is what is restored, on as many workers as one likes.

use std::collections::BTreeMap;
use std::path::Path;

use thalweg_storage::checkpoint::{Manifest, Part, newest};
use thalweg_storage::io::{Disk, Memory, Publish};
use thalweg_storage::segment::Verification;
use thalweg_storage::{
    Archive, ArchiveConfig, Cursor, Hint, KeyGroups, Panes, RestoredParts, Store, StoreConfig,
    StoreError, Table, TableConfig, TableName, TimedTable,
};

const GROUPS: u32 = 64;

fn directory() -> &'static Path {
    Path::new("state")
}

pub(crate) fn hash(key: u64) -> u64 {
    let mixed = key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ mixed >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93)
}

struct Worker {
    store: Store,
    groups: KeyGroups,
    archive: Archive,
    counts: Table,
    lists: Table,
    panes: Panes,
    timers: TimedTable,
}

fn config(groups: KeyGroups) -> ArchiveConfig {
    ArchiveConfig::new(groups).segment_bytes(256 << 10)
}

impl Worker {
    fn start(disk: &mut dyn Disk, worker: u32, workers: u32) -> Self {
        let groups = KeyGroups::of_worker(GROUPS, worker, workers);
        let restored = newest(disk, directory(), Verification::AtOpen).unwrap();
        let retained: Vec<Manifest> = restored.manifest.into_iter().collect();
        let archive = Archive::open(disk, directory(), worker, config(groups), &retained).unwrap();
        let parts = match retained.first() {
            Some(manifest) => RestoredParts::open(disk, directory(), manifest, groups).unwrap(),
            None => RestoredParts::default(),
        };
        let mut store = Store::restore(StoreConfig::default(), parts);
        let config = TableConfig::default();
        let counts = store.table(TableName::new("count", "total"), config).unwrap();
        let lists = store.table(TableName::new("join", "left"), config.value_align(16)).unwrap();
        let panes = store.panes(TableName::new("window", "panes"), config).unwrap();
        let timers = store.timed(TableName::new("window", "timers"), config).unwrap();
        Self { store, groups, archive, counts, lists, panes, timers }
    }

    fn work(&mut self, from: u64, to: u64) {
        for key in (from..to).filter(|key| self.groups.hold(hash(*key))) {
            let (hash, bytes) = (hash(key), key.to_le_bytes());
            let (count, _) = self.counts.upsert(hash, &bytes, 8, |_| {});
            count[0] += 1;
            self.lists.append(hash, &bytes, &bytes[..(key % 8) as usize]);
            self.panes.pane((key % 5) as i64 - 2).put(hash, &bytes, &[7; 20]);
            self.timers.set(Hint::default(), hash, &bytes, 1000 - key as i64);
            if key % 3 == 0 {
                self.counts.remove(hash, &bytes);
                self.lists.remove(hash, &bytes);
                self.timers.cancel(hash, &bytes);
            }
        }
    }

    fn checkpoint(&mut self, disk: &mut dyn Disk, epoch: u64) -> Part {
        let mut freezer = self.store.freezer(epoch);
        freezer.table(&mut self.counts);
        freezer.table(&mut self.lists);
        freezer.panes(&mut self.panes);
        freezer.timed(&mut self.timers);
        let frozen = freezer.finish(&self.store);
        let thread = std::thread::scope(|scope| scope.spawn(move || frozen).join().unwrap());
        self.archive.write(disk, thread).unwrap()
    }
}

fn publish(disk: &mut dyn Disk, epoch: u64, parts: Vec<Part>) -> Manifest {
    let manifest = Manifest { epoch, parent: None, time_ns: 0, key_groups: GROUPS, parts };
    let path = directory().join(Manifest::file_name(epoch));
    Publish::now(disk, path, manifest.encode()).unwrap();
    manifest
}

/// By table, pane or deadline, and key: what is there.
type Contents = BTreeMap<(u8, i64, Vec<u8>), Vec<Vec<u8>>>;

fn contents(workers: &mut [Worker]) -> Contents {
    let mut all = Contents::new();
    let mut add = |which, at, key: &[u8], values: Vec<Vec<u8>>| {
        let twice = all.insert((which, at, key.to_vec()), values);
        assert!(twice.is_none(), "a key is with one worker");
    };
    for worker in workers {
        let mut cursor = Cursor::default();
        while let Some((_, key, value)) = worker.counts.next(&mut cursor) {
            add(0, 0, key, vec![value.to_vec()]);
        }
        let mut cursor = Cursor::default();
        while let Some((hash, key, _)) = worker.lists.next(&mut cursor) {
            let mut values = Vec::new();
            worker.lists.for_each_value(hash, key, |value| values.push(value.to_vec()));
            add(1, 0, key, values);
        }
        for (pane, table) in worker.panes.iter() {
            let mut cursor = Cursor::default();
            while let Some((_, key, value)) = table.next(&mut cursor) {
                add(2, pane, key, vec![value.to_vec()]);
            }
        }
        let mut cursor = Cursor::default();
        while let Some((_, key, at, payload)) = worker.timers.next(&mut cursor) {
            add(3, at, key, vec![payload.to_vec()]);
        }
    }
    all
}

#[test]
fn what_was_frozen_is_what_is_restored_on_as_many_workers_as_one_likes() {
    let mut disk = Memory::new();
    let mut expected = Contents::new();
    for (epoch, workers) in [1, 1, 2, 3, 1, 2].into_iter().enumerate() {
        let epoch = epoch as u64;
        let mut job: Vec<Worker> =
            (0..workers).map(|worker| Worker::start(&mut disk, worker, workers)).collect();
        assert!(contents(&mut job) == expected, "before epoch {epoch}");
        let mut last = None;
        for round in 0..3 {
            let epoch = epoch * 10 + round + 1;
            job.iter_mut().for_each(|worker| worker.work(epoch * 100, epoch * 100 + 300));
            let parts = job.iter_mut().map(|worker| worker.checkpoint(&mut disk, epoch)).collect();
            expected = contents(&mut job);
            let manifest = publish(&mut disk, epoch, parts);
            if let Some(last) = last.replace(manifest) {
                let path = directory().join(Manifest::file_name(last.epoch));
                thalweg_storage::io::run(
                    &mut disk,
                    thalweg_storage::io::Operation::Remove { path },
                )
                .unwrap();
            }
            let retained: Vec<Manifest> = last.iter().cloned().collect();
            job.iter_mut().for_each(|worker| worker.archive.retire(&mut disk, &retained).unwrap());
            // What is done after the freeze is not in the checkpoint.
            job.iter_mut().for_each(|worker| worker.work(epoch * 100 + 50, epoch * 100 + 60));
        }
    }
    assert!(expected.len() > 1000);
}

#[test]
fn a_name_that_nobody_asks_for_is_told_and_one_of_another_kind_is_refused() {
    let mut disk = Memory::new();
    let mut worker = Worker::start(&mut disk, 0, 1);
    worker.work(0, 10);
    let part = worker.checkpoint(&mut disk, 1);
    let manifest = publish(&mut disk, 1, vec![part]);
    let groups = KeyGroups::all(GROUPS);
    let parts = RestoredParts::open(&mut disk, directory(), &manifest, groups).unwrap();
    assert_eq!(parts.names().count(), 4);
    let mut store = Store::restore(StoreConfig::default(), parts);
    let name = TableName::new("window", "panes");
    let error = store.table(name.clone(), TableConfig::default()).unwrap_err();
    assert_eq!(error, StoreError::OtherShape { name: name.clone() });
    assert_eq!(
        error.to_string(),
        "the checkpoint's state \"window/panes\" is of another kind; retire it, or give the new state another name"
    );
    store.table(TableName::new("count", "total"), TableConfig::default()).unwrap();
    let unclaimed: Vec<String> = store.unclaimed().iter().map(TableName::to_string).collect();
    assert_eq!(unclaimed, ["join/left", "window/panes", "window/timers"]);
    assert!(store.forget(&name) && !store.forget(&name));
}

#[test]
#[should_panic(
    expected = "invariant: table \"window/timers\" is frozen before the checkpoint is complete"
)]
fn a_table_that_was_forgotten_is_named() {
    let mut disk = Memory::new();
    let mut worker = Worker::start(&mut disk, 0, 1);
    let mut freezer = worker.store.freezer(1);
    freezer.table(&mut worker.counts);
    freezer.table(&mut worker.lists);
    freezer.panes(&mut worker.panes);
    let _ = freezer.finish(&worker.store);
}

#[test]
fn key_groups_are_dealt_without_gaps() {
    for workers in [1, 2, 3, 7, 64, 100] {
        let shares: Vec<_> =
            (0..workers).map(|worker| KeyGroups::of_worker(GROUPS, worker, workers)).collect();
        for key in 0..500 {
            let owners = shares.iter().filter(|share| share.hold(hash(key))).count();
            assert_eq!(owners, 1, "{workers} workers");
        }
    }
}
