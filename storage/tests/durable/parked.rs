//! State that is restored without being read: whatever is done to it, and in whichever order it is asked for, it is what it was; and what is damaged is never given out.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use proptest::prelude::*;
use thalweg_storage::checkpoint::{Manifest, RestoreError, Restored, newest, newest_noting};
use thalweg_storage::io::{Memory, Operation, Publish, run};
use thalweg_storage::segment::{Suspects, Verification};
use thalweg_storage::{
    Archive, ArchiveConfig, Cursor, KeyGroups, Panes, RestoredParts, Store, StoreConfig, Table,
    TableConfig, TableName,
};

use crate::store::hash;

const GROUPS: u32 = 64;

type Model = BTreeMap<u64, Vec<Vec<u8>>>;

/// A table and panes, their archive, and the manifests that are kept.
struct Job {
    directory: &'static str,
    disk: Memory,
    store: Store,
    table: Table,
    panes: Panes,
    archive: Archive,
    retained: Vec<Manifest>,
    /// What tables may hold in memory; 0: all.
    bound: usize,
}

impl Job {
    fn start(
        directory: &'static str,
        mut disk: Memory,
        retained: Vec<Manifest>,
        (is_checked, bound): (bool, usize),
    ) -> Self {
        let (path, groups) = (Path::new(directory), KeyGroups::all(GROUPS));
        let config = ArchiveConfig::new(groups).segment_bytes(256 << 10).workers(1);
        let config = config.unlisted_bytes(40 << 10);
        let archive = Archive::open(&mut disk, path, 0, config, &retained).unwrap();
        let open = if is_checked { RestoredParts::open_checked } else { RestoredParts::open };
        let parts = retained.last().map(|last| open(&mut disk, path, last, groups).unwrap());
        let config = StoreConfig::default().copied_bytes(1 << 10).resident_bytes(bound);
        let mut store = Store::restore(config, parts.unwrap_or_default());
        let table = store.table(TableName::new("a", "table"), TableConfig::default()).unwrap();
        let panes = store.panes(TableName::new("a", "panes"), TableConfig::default()).unwrap();
        Self { directory, disk, store, table, panes, archive, retained, bound }
    }

    fn again(self, is_checked: bool) -> Self {
        let retained = self.retained[self.retained.len().saturating_sub(1)..].to_vec();
        Self::start(self.directory, self.disk.beside(), retained, (is_checked, self.bound))
    }

    fn checkpoint(&mut self) {
        let epoch = self.retained.last().map_or(1, |last| last.epoch + 1);
        let mut freezer = self.store.freezer(epoch);
        freezer.table(&mut self.table);
        freezer.panes(&mut self.panes);
        let frozen = freezer.finish(&self.store);
        let parts = vec![self.archive.write(&mut self.disk, frozen).unwrap()];
        let manifest = Manifest {
            epoch,
            parent: None,
            time_ns: 0,
            key_groups: GROUPS,
            schemas: Vec::new(),
            parts,
        };
        let path = |epoch| Path::new(self.directory).join(Manifest::file_name(epoch));
        Publish::now(&mut self.disk, path(epoch), manifest.encode()).unwrap();
        self.retained.push(manifest);
        if self.retained.len() > 2 {
            let path = path(self.retained.remove(0).epoch);
            run(&mut self.disk, Operation::Remove { path }).unwrap();
        }
        self.archive.retire(&mut self.disk, &self.retained).unwrap();
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// A run of keys gets values of that many bytes.
    Put(u64, u64, usize),
    Add(u64, u64),
    Remove(u64, u64),
    Append(u64),
    Get(u64),
    Walk,
    DropPane(u64),
    Maintain,
    Checkpoint,
    Restore(bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key = || 0..6000u64;
    let count = || prop_oneof![3 => 1..4u64, 1 => 500..3000u64];
    let step = prop_oneof![
        4 => (key(), count(), 0..60usize).prop_map(|(key, count, len)| Step::Put(key, count, len)),
        4 => (key(), count()).prop_map(|(key, count)| Step::Add(key, count)),
        3 => (key(), count()).prop_map(|(key, count)| Step::Remove(key, count)),
        1 => key().prop_map(Step::Append),
        3 => key().prop_map(Step::Get),
        1 => Just(Step::Walk),
        1 => (0..3u64).prop_map(Step::DropPane),
        1 => Just(Step::Maintain),
        4 => Just(Step::Checkpoint),
        3 => prop_oneof![3 => Just(false), 1 => Just(true)].prop_map(Step::Restore),
    ];
    proptest::collection::vec(step, 1..40)
}

/// Keys of lists have a bit of their own, since a key holds either a value or a list.
const LIST: u64 = 1 << 40;

fn put(table: &mut Table, model: &mut Model, key: u64, value: Vec<u8>) {
    let is_new = table.put(hash(key), &key.to_le_bytes(), &value);
    assert_eq!(is_new, model.insert(key, vec![value]).is_none(), "{key}");
}

fn add(table: &mut Table, model: &mut Model, key: u64) {
    let (value, _) = table.upsert(hash(key), &key.to_le_bytes(), 8, |value| value.fill(9));
    let expected = &mut model.entry(key).or_insert_with(|| vec![vec![9; 8]])[0];
    assert_eq!(value, &expected[..], "{key}");
    if let (Some(value), Some(expected)) = (value.first_mut(), expected.first_mut()) {
        *value = value.wrapping_add(1);
        *expected = expected.wrapping_add(1);
    }
}

fn look(table: &Table, key: u64) -> Option<Vec<Vec<u8>>> {
    if key & LIST == 0 {
        return Some(vec![table.get(hash(key), &key.to_le_bytes())?.to_vec()]);
    }
    let mut values = Vec::new();
    table.for_each_value(hash(key), &key.to_le_bytes(), |value| values.push(value.to_vec()));
    (!values.is_empty()).then_some(values)
}

fn walk(table: &Table) -> Model {
    let (mut cursor, mut found) = (Cursor::default(), Model::new());
    while let Some((hash_of, key, _)) = table.next(&mut cursor) {
        let key = u64::from_le_bytes(key.try_into().unwrap());
        assert_eq!(hash_of, hash(key));
        let values = look(table, key).expect("what a cursor meets is there");
        assert!(found.insert(key, values).is_none(), "{key} is met twice");
    }
    found
}

/// The same on a table and on panes: of three, by the key.
fn play(steps: Vec<Step>, bound: usize) {
    let mut job = Job::start("parked", Memory::new(), Vec::new(), (false, bound));
    let mut models = [Model::new(), Model::new(), Model::new(), Model::new()];
    let mut durable = models.clone();
    for (serial, step) in steps.into_iter().enumerate() {
        let fill = serial as u8;
        let keys = |from: u64, count: u64| (from..from + count).map(|key| key % 6000);
        match step {
            Step::Put(from, count, len) => {
                for key in keys(from, count) {
                    put(&mut job.table, &mut models[0], key, vec![fill; len]);
                    let pane = key % 3;
                    let model = &mut models[1 + pane as usize];
                    put(job.panes.pane(pane as i64), model, key, vec![fill; 8]);
                }
            }
            Step::Add(from, count) => keys(from, count).for_each(|key| {
                add(&mut job.table, &mut models[0], key);
                add(job.panes.pane((key % 3) as i64), &mut models[1 + (key % 3) as usize], key);
            }),
            Step::Remove(from, count) => {
                for key in keys(from, count) {
                    let was_there = job.table.remove(hash(key), &key.to_le_bytes());
                    assert_eq!(was_there, models[0].remove(&key).is_some(), "{key}");
                }
            }
            Step::Append(key) => {
                let key = (key % 50) | LIST;
                job.table.append(hash(key), &key.to_le_bytes(), &[fill]);
                models[0].entry(key).or_default().push(vec![fill]);
            }
            Step::Get(key) => {
                assert_eq!(look(&job.table, key), models[0].get(&key).cloned());
                assert_eq!(look(&job.table, key + 6000), None);
            }
            Step::Walk => assert!(walk(&job.table) == models[0]),
            Step::DropPane(pane) => {
                job.panes.drop_pane(pane as i64);
                models[1 + pane as usize].clear();
            }
            Step::Maintain => _ = job.table.maintain(10_000),
            Step::Checkpoint => {
                job.checkpoint();
                durable = models.clone();
            }
            Step::Restore(is_checked) => {
                job = job.again(is_checked);
                models = durable.clone();
            }
        }
        assert_eq!(job.table.len(), models[0].len());
    }
    job.checkpoint();
    for is_checked in [false, true] {
        job = job.again(is_checked);
        assert!(walk(&job.table) == models[0]);
        for (pane, model) in (0..).zip(&models[1..]) {
            assert!(job.panes.get(pane).map(walk).unwrap_or_default() == *model);
        }
    }
    while job.table.maintain(1 << 20) {}
    assert!(walk(&job.table) == models[0]);
    let keys: Vec<_> = job.store.usage().map(|(_, usage)| usage.keys).collect();
    let of_panes = models[1..].iter().map(Model::len).sum();
    assert_eq!(keys, [of_panes, models[0].len()]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_sleeps_is_what_it_was_in_whichever_order_it_is_woken(steps in steps()) {
        play(steps, 0);
    }

    #[test]
    fn what_memory_has_no_room_for_is_what_it_was(steps in steps(), bound in 1..400_000usize) {
        play(steps, bound);
    }
}

#[test]
fn a_table_of_four_times_the_memory_stays_within_it_and_loses_nothing() {
    let bound = 5 << 20;
    let mut job = Job::start("bounded", Memory::new(), Vec::new(), (false, bound));
    let mut model = Model::new();
    let keys = 60_000u64;
    let mut random = 7u64;
    for key in 0..keys {
        put(&mut job.table, &mut model, key, vec![1; 200]);
        if key % 5_000 == 4_999 {
            job.checkpoint();
        }
    }
    for round in 0..30 {
        for _ in 0..2_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let key = (random >> 33) % keys;
            if random >> 32 & 3 == 0 {
                assert_eq!(look(&job.table, key), model.get(&key).cloned());
            } else {
                add(&mut job.table, &mut model, key);
            }
        }
        job.checkpoint();
        // What one interval writes is beyond it, and what is dead in chunks that are not compacted yet.
        assert!(job.table.bytes() < bound + (4 << 20), "round {round}: {}", job.table.bytes());
        let files: usize =
            job.disk.paths().iter().map(|path| job.disk.peek(path).unwrap().len()).sum();
        assert!(files < 60 << 20, "round {round}: {files} bytes of files");
    }
    assert!(walk(&job.table) == model);
    let job = job.again(false);
    assert!(walk(&job.table) == model && job.table.bytes() < 4 << 20);
}

/// What a panic says.
fn message(panic: &(dyn std::any::Any + Send)) -> String {
    panic.downcast_ref::<String>().cloned().unwrap_or_default()
}

#[test]
fn a_damaged_block_is_never_given_out_and_the_next_start_falls_back() {
    let mut caught = 0;
    let mut job = Job::start("damaged", Memory::new(), Vec::new(), (false, 0));
    let mut model = Model::new();
    (0..20_000).for_each(|key| put(&mut job.table, &mut model, key, vec![1; 8]));
    job.checkpoint();
    let older = model.clone();
    (0..20_000).for_each(|key| add(&mut job.table, &mut model, key));
    job.checkpoint();
    let retained = job.retained.clone();
    let files: Vec<_> = job.disk.paths();
    let segments = files.iter().filter(|path| path.to_string_lossy().ends_with("seg"));
    for path in segments {
        let length = job.disk.peek(path).unwrap().len();
        for block in 0..length.div_ceil(16 << 10) {
            let mut disk = job.disk.beside();
            let byte = (block * (16 << 10) + 5000).min(length - 1);
            disk.flip(path, byte, 3);
            let suspects = Suspects::default();
            let looked = catch_unwind(AssertUnwindSafe(|| {
                let groups = KeyGroups::all(GROUPS);
                let last = retained.last().unwrap();
                let directory = Path::new("damaged");
                let parts =
                    RestoredParts::open_noting(&mut disk, directory, last, groups, &suspects);
                let parts = parts.map_err(|error| error.to_string())?;
                let mut store = Store::restore(StoreConfig::default(), parts);
                let name = TableName::new("a", "table");
                let table = store.table(name, TableConfig::default()).unwrap();
                // Asleep, and then awake.
                let found: Model =
                    (0..20_000).filter_map(|key| Some((key, look(&table, key)?))).collect();
                assert!(found == model, "what is given out is right");
                assert!(walk(&table) == model);
                Ok::<(), String>(())
            }));
            let error = match looked {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error),
                Err(panic) => Some(message(&*panic)),
            };
            if let Some(error) = error {
                let name = path.to_string_lossy();
                let says = format!("segment \"{name}\" cannot be used: ");
                assert!(error.contains(&says), "{error}");
                caught += 1;
                let directory = Path::new("damaged");
                let falls_back = |found: Result<Restored, RestoreError>| match found {
                    Ok(found) => {
                        assert_eq!((found.manifest.unwrap().epoch, found.passed.len()), (1, 1));
                    }
                    // It is in the one before, too.
                    Err(error) => assert!(error.to_string().contains("none of the 2 checkpoints")),
                };
                // Who has the notes looks at the file as a whole; a stranger does when they are written down.
                let found = newest_noting(&mut disk, directory, Verification::OnTouch, &suspects);
                falls_back(found);
                suspects.write_down(&mut disk).unwrap();
                falls_back(newest(&mut disk, directory, Verification::OnTouch));
            }
            disk.flip(path, byte, 3);
        }
    }
    assert!(caught > 50, "{caught}");
    assert_eq!(older.len(), 20_000);
}
