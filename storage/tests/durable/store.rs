//! Tables that go to disk and come back: what was frozen is what is restored, on as many workers as one likes.

use std::collections::BTreeMap;
use std::path::Path;

use thalweg_storage::checkpoint::{Manifest, Part, newest};
use thalweg_storage::io::{Disk, Memory, Operation, Publish, run};
use thalweg_storage::segment::Verification;
use thalweg_storage::{
    Archive, ArchiveConfig, Cursor, Frozen, Hint, KeyGroups, Panes, RestoredParts, Store,
    StoreConfig, StoreError, Table, TableConfig, TableName, TimedTable,
};

const GROUPS: u32 = 64;

pub(crate) fn directory() -> &'static Path {
    Path::new("state")
}

pub(crate) fn hash(key: u64) -> u64 {
    let mixed = key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ mixed >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93)
}

pub(crate) struct Worker {
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
    pub(crate) fn start(disk: &mut dyn Disk, worker: u32, workers: u32) -> Self {
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

    pub(crate) fn work(&mut self, from: u64, to: u64) {
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

    pub(crate) fn checkpoint(&mut self, disk: &mut dyn Disk, epoch: u64) -> Part {
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

pub(crate) fn publish(disk: &mut dyn Disk, epoch: u64, parts: Vec<Part>) -> Manifest {
    let manifest = Manifest {
        epoch,
        parent: None,
        time_ns: 0,
        key_groups: GROUPS,
        schemas: Vec::new(),
        parts,
    };
    let path = directory().join(Manifest::file_name(epoch));
    Publish::now(disk, path, manifest.encode()).unwrap();
    manifest
}

/// By table, pane or deadline, and key: what is there.
pub(crate) type Contents = BTreeMap<(u8, i64, Vec<u8>), Vec<Vec<u8>>>;

pub(crate) fn contents(workers: &mut [Worker]) -> Contents {
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
                run(&mut disk, Operation::Remove { path }).unwrap();
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

/// One table, its archive and the manifests that are kept.
struct Single {
    disk: Memory,
    store: Store,
    table: Table,
    archive: Archive,
    retained: Vec<Manifest>,
}

impl Single {
    fn start(disk: Memory, retained: Vec<Manifest>, segment_bytes: u64) -> Self {
        let (mut disk, groups) = (disk, KeyGroups::all(GROUPS));
        let config = ArchiveConfig::new(groups).segment_bytes(segment_bytes).workers(1);
        let archive = Archive::open(&mut disk, directory(), 0, config, &retained).unwrap();
        let parts = retained
            .last()
            .map(|manifest| RestoredParts::open(&mut disk, directory(), manifest, groups).unwrap());
        let mut store = Store::restore(StoreConfig::default(), parts.unwrap_or_default());
        let table = store.table(TableName::new("a", "b"), TableConfig::default()).unwrap();
        Self { disk, store, table, archive, retained }
    }

    fn add(&mut self, key: u64) {
        let (value, _) = self.table.upsert(hash(key), &key.to_le_bytes(), 8, |_| {});
        let count = u64::from_le_bytes((&*value).try_into().unwrap()) + 1;
        value.copy_from_slice(&count.to_le_bytes());
    }

    fn freeze(&mut self, epoch: u64) -> Frozen {
        let mut freezer = self.store.freezer(epoch);
        freezer.table(&mut self.table);
        freezer.finish(&self.store)
    }

    fn checkpoint(&mut self, epoch: u64) -> u64 {
        let frozen = self.freeze(epoch);
        let before = self.archive.usage().written_bytes;
        let part = self.archive.write(&mut self.disk, frozen).unwrap();
        let manifest = publish(&mut self.disk, epoch, vec![part]);
        self.retained.push(manifest);
        if self.retained.len() > 2 {
            let path = directory().join(Manifest::file_name(self.retained.remove(0).epoch));
            run(&mut self.disk, Operation::Remove { path }).unwrap();
        }
        self.archive.retire(&mut self.disk, &self.retained).unwrap();
        self.archive.usage().written_bytes - before
    }

    fn contents(&self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let (mut cursor, mut found) = (Cursor::default(), BTreeMap::new());
        while let Some((_, key, value)) = self.table.next(&mut cursor) {
            assert!(found.insert(key.to_vec(), value.to_vec()).is_none());
        }
        found
    }

    fn sizes(&self) -> Vec<(std::path::PathBuf, u64)> {
        let bytes = |path: &std::path::PathBuf| self.disk.peek(path).unwrap().len() as u64;
        self.disk.paths().into_iter().map(|path| (path.clone(), bytes(&path))).collect()
    }

    fn files(&self) -> u64 {
        self.sizes().iter().map(|(_, bytes)| bytes).sum()
    }

    fn again(self, segment_bytes: u64) -> Self {
        let retained = self.retained[self.retained.len() - 1..].to_vec();
        Self::start(self.disk.beside(), retained, segment_bytes)
    }
}

#[test]
fn a_checkpoint_writes_what_changed_and_little_more() {
    let mut job = Single::start(Memory::new(), Vec::new(), 1 << 20);
    (0..200_000).for_each(|key| job.add(key));
    let all = job.checkpoint(1);
    // What is beyond the youngest 4 MiB is listed, with 8 bytes an entry.
    assert!((6_400_000..7_600_000).contains(&all), "{all} bytes for 200,000 entries");
    for round in 0..3 {
        for key in 0..20_000 {
            (0..=round).for_each(|_| job.add(key * 7 + 100 * round));
        }
        let frozen_before = job.archive.usage().moved_bytes;
        let written = job.checkpoint(2 + round) - (job.archive.usage().moved_bytes - frozen_before);
        assert!(written <= 20_000 * 32 * 13 / 10, "{written} bytes for 20,000 entries");
    }
    assert_eq!(job.freeze(9).bytes(), 0);
    // What was restored is on disk already.
    let expected = job.contents();
    let mut job = job.again(1 << 20);
    assert_eq!(job.contents(), expected);
    job.add(5);
    let written = job.checkpoint(10);
    assert!(written < 150_000, "{written} bytes for an entry, and for what was dead before");
}

#[test]
fn over_a_long_skewed_run_memory_files_and_what_is_written_stay_in_bounds() {
    let mut job = Single::start(Memory::new(), Vec::new(), 1 << 20);
    let keys = 150_000u64;
    (0..keys).for_each(|key| job.add(key));
    job.checkpoint(1);
    let (mut changed, mut written, mut random) = (0u64, 0u64, 1u64);
    for epoch in 2..150 {
        let mut distinct = std::collections::BTreeSet::new();
        for _ in 0..8_000 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let draw = random >> 33;
            let key = if draw % 10 < 8 { draw / 10 % (keys / 10) } else { draw / 10 % keys };
            job.add(key);
            distinct.insert(key);
        }
        // A tenth comes and goes.
        for key in 0..300 {
            let key = keys + (epoch * 300 + key) % 3000;
            if !job.table.remove(hash(key), &key.to_le_bytes()) {
                job.add(key);
            }
        }
        changed += distinct.len() as u64 + 300;
        written += job.checkpoint(epoch);
        let live = job.table.len() as u64 * 32;
        let memory = job.table.bytes() as u64;
        assert!(memory < 3 * live + (8 << 20), "epoch {epoch}: {memory} for {live} bytes");
        let files = job.files();
        assert!(files < 5 * live + (12 << 20), "epoch {epoch}: {files} for {live} bytes");
    }
    let amplification = written as f64 / (changed * 32) as f64;
    assert!(amplification < 4.0, "{amplification:.2} bytes are written for each that changed");
    let expected = job.contents();
    let again = job.again(1 << 20);
    assert_eq!(again.contents(), expected);
}

#[test]
fn values_larger_than_a_chunk_and_a_segment_come_back() {
    let mut job = Single::start(Memory::new(), Vec::new(), 64 << 10);
    let large = |fill: u8| vec![fill; 5 << 20];
    job.table.put(1, b"large", &large(1));
    job.table.put(2, b"small", b"small");
    job.table.append(3, b"list", &large(3));
    job.checkpoint(1);
    job.table.put(1, b"large", &large(2));
    job.table.append(3, b"list", b"and a small one");
    job.checkpoint(2);
    let mut job = job.again(64 << 10);
    assert_eq!(job.table.get(1, b"large"), Some(&large(2)[..]));
    assert_eq!(job.table.get(2, b"small"), Some(&b"small"[..]));
    let mut lengths = Vec::new();
    job.table.for_each_value(3, b"list", |value| lengths.push(value.len()));
    assert_eq!(lengths, [5 << 20, 15]);
    assert!(job.table.remove(1, b"large") && job.table.remove(3, b"list"));
    // The blocks of a list that was removed are released by what comes after.
    job.add(9);
    job.checkpoint(3);
    job.add(9);
    job.checkpoint(4);
    assert!(job.files() < 1 << 20, "files that hold nothing are let go: {:?}", job.sizes());
    assert_eq!(job.again(64 << 10).table.len(), 2);
}

#[test]
fn state_that_every_worker_has_is_given_whole_to_each() {
    let mut disk = Memory::new();
    let name = TableName::new("rules", "all");
    let config = TableConfig::default().is_copied(true);
    let start = |parts, (worker, workers), disk: &mut Memory, retained: &[Manifest]| {
        let groups = KeyGroups::of_worker(GROUPS, worker, workers);
        let archive_config = self::config(groups);
        let archive = Archive::open(disk, directory(), worker, archive_config, retained).unwrap();
        (Store::restore(StoreConfig::default(), parts), archive)
    };
    let mut manifests: Vec<Manifest> = Vec::new();
    for (epoch, workers) in [(1u64, 2), (2, 3), (3, 1), (4, 2)] {
        let mut parts = Vec::new();
        for worker in 0..workers {
            let groups = KeyGroups::of_worker(GROUPS, worker, workers);
            let restored = manifests.last().map(|manifest| {
                RestoredParts::open(&mut disk, directory(), manifest, groups).unwrap()
            });
            let restored = restored.unwrap_or_default();
            let (mut store, mut archive) =
                start(restored, (worker, workers), &mut disk, &manifests);
            let mut table = store.table(name.clone(), config).unwrap();
            assert_eq!(table.len() as u64, 100 * (epoch - 1));
            for key in 100 * (epoch - 1)..100 * epoch {
                table.put(hash(key), &key.to_le_bytes(), b"rule");
            }
            let mut freezer = store.freezer(epoch);
            freezer.table(&mut table);
            parts.push(archive.write(&mut disk, freezer.finish(&store)).unwrap());
        }
        manifests.push(publish(&mut disk, epoch, parts));
    }
}

#[test]
#[should_panic(expected = "everything that is frozen reaches its archive, in order")]
fn what_was_frozen_and_lost_is_noticed() {
    let mut job = Single::start(Memory::new(), Vec::new(), 1 << 20);
    job.add(1);
    drop(job.freeze(1));
    job.add(2);
    job.checkpoint(2);
}
