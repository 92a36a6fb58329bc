//! Checkpoints that are whole, and changes to them: an input is a list of changes, made where something is, so that few bytes of it are spent on what is not changed.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use thalweg_storage::checkpoint::Manifest;
use thalweg_storage::format::SegmentId;
use thalweg_storage::io::Memory;
use thalweg_storage::savepoint::{Bootstrap, Entry, FILE, Kind};
use thalweg_storage::{
    Archive, ArchiveConfig, KeyGroups, Panes, Store, Table, TableConfig, TableName, TimedTable,
};

use super::input::{Input, bits};
use super::mend::{self, MANIFEST_BODY};

/// Where all of them lie.
pub const FOLDER: &str = "saved";

/// Key groups of their jobs.
pub const KEY_GROUPS: u32 = 64;

/// Their states, and what each is.
pub const STATES: [(&str, Kind); 4] = [
    ("values", Kind::Table),
    ("lists", Kind::Table),
    ("panes", Kind::Panes),
    ("timers", Kind::Timed),
];

/// The name of a state of theirs.
pub fn name(state: &str) -> TableName {
    TableName::new("fuzzed", state)
}

/// What an extent with a roster has in place of a table's number.
const ROSTER: u32 = u32::MAX - 2;

/// A checkpoint, or savepoint.
#[derive(Debug)]
pub struct Base {
    /// Its manifest.
    pub manifest: Manifest,
    /// Its segments.
    segments: Vec<Vec<u8>>,
}

/// A savepoint, a checkpoint of two workers some of whose chunks are listed and partly dead, and one with large values.
pub static ALL: LazyLock<[Base; 3]> =
    LazyLock::new(|| [savepoint(), checkpoint(200, 0), checkpoint(40, 1000)]);

/// A file of which something is changed.
struct Patched {
    bytes: Vec<u8>,
    /// Where in it there is something.
    places: Vec<Range<usize>>,
}

impl Patched {
    fn of_segment(bytes: &[u8]) -> Self {
        let extents = mend::walk(bytes, u64::MAX);
        let places = extents.iter().map(|extent| {
            let [from, length] = [extent.offset, extent.length]
                .map(|bytes| usize::try_from(bytes).expect("a file in memory"));
            from..from + length
        });
        let footer = mend::is_sealed(bytes).then(|| bytes.len() - 128..bytes.len());
        let places = std::iter::once(0..48).chain(places).chain(footer).collect();
        Self { bytes: bytes.to_vec(), places }
    }

    fn of_manifest(manifest: &Manifest) -> Self {
        let bytes = manifest.encode().to_vec();
        let body = usize::try_from(mend::u64_at(&bytes, 24)).expect("it is short");
        Self { bytes, places: vec![8..32, MANIFEST_BODY..MANIFEST_BODY + body] }
    }

    /// The place with that number, of `bytes` bytes; the numbers go round.
    fn place(&self, number: u32, bytes: usize) -> usize {
        let count: usize = self.places.iter().map(Range::len).sum();
        let mut number = number as usize % count.max(1);
        for place in &self.places {
            if number < place.len() {
                return (place.start + number).min(self.bytes.len() - bytes);
            }
            number -= place.len();
        }
        0
    }

    /// Makes one change: what (1), where (3), and what it takes.
    fn change(&mut self, what: u8, input: &mut Input<'_>) {
        let number = u32::from(input.u16()) | u32::from(input.byte()) << 16;
        let word = |bytes: &[u8], at| mend::u64_at(bytes, at);
        match what {
            0 => {
                let at = self.place(number, 1);
                self.bytes[at] = input.byte();
            }
            1 => {
                let at = self.place(number, 4) & !3;
                mend::set(&mut self.bytes, at, &input.array::<4>());
            }
            2 => {
                let at = self.place(number, 8) & !7;
                mend::set(&mut self.bytes, at, &input.array::<8>());
            }
            3 => {
                let at = self.place(number, 4) & !3;
                let by = i32::from(input.byte().cast_signed());
                let changed = mend::u32_at(&self.bytes, at).wrapping_add_signed(by);
                mend::set(&mut self.bytes, at, &changed.to_le_bytes());
            }
            4 => {
                let at = self.place(number, 8) & !7;
                let [times, by] = input.array().map(|byte| i64::from(byte.cast_signed()));
                let changed = word(&self.bytes, at).wrapping_add_signed(by << (times & 63));
                mend::set(&mut self.bytes, at, &changed.to_le_bytes());
            }
            5 => {
                let at = self.place(number, 1);
                self.bytes[at] ^= 1 << (input.byte() % 8);
            }
            6 => {
                // What lies elsewhere, a word or some.
                let (to, words) = (self.place(number, 64) & !7, usize::from(input.byte() % 8) + 1);
                let from = self.place(u32::from(input.u16()), 64) & !7;
                self.bytes.copy_within(from..from + 8 * words, to);
            }
            _ => {
                let at = self.place(number, 8) & !7;
                let [_, _, small, bit] = input.array::<4>();
                let changed = (1_u64 << (bit & 63)).wrapping_sub(u64::from(small & 3));
                mend::set(&mut self.bytes, at, &changed.to_le_bytes());
            }
        }
    }
}

impl Base {
    /// The checkpoint that an input chooses.
    pub fn chosen(input: &mut Input<'_>) -> &'static Self {
        &ALL[usize::from(input.byte()) % ALL.len()]
    }

    /// A disk with this checkpoint as a savepoint, changed as the input says: what is made right again (1), and changes. Its manifest, if that can still be read.
    pub fn changed(&self, input: &mut Input<'_>) -> (Memory, Option<Manifest>) {
        let [leave_manifest, leave_segments, leave_references] = bits(input.byte());
        let mut files: Vec<Patched> =
            self.segments.iter().map(|bytes| Patched::of_segment(bytes)).collect();
        files.push(Patched::of_manifest(&self.manifest));
        for _ in 0..64 {
            if input.is_empty() {
                break;
            }
            let [what, file] = [input.byte(), input.byte()];
            let count = files.len();
            files[usize::from(file) % count].change(what % 8, input);
        }
        let mut manifest = files.pop().expect("it was just pushed").bytes;
        if !leave_segments {
            for file in &mut files {
                mend::header(&mut file.bytes);
                mend::extents(&mut file.bytes);
                if mend::is_sealed(&file.bytes) {
                    mend::footer(&mut file.bytes);
                }
            }
        }
        if !leave_manifest {
            mend::manifest(&mut manifest);
        }
        let mut read = Manifest::decode(&manifest).ok();
        if let Some(read) = read.as_mut().filter(|_| !leave_references) {
            let file_of = |id: SegmentId| {
                let names = self.names();
                let at = names.iter().position(|name| *name == id)?;
                Some(&files[at].bytes[..])
            };
            mend::references(read, file_of);
            manifest = read.encode().to_vec();
        }
        let mut disk = Memory::new();
        for (name, file) in self.names().into_iter().zip(files) {
            disk.plant(&Path::new(FOLDER).join(name.file_name()), file.bytes);
        }
        disk.plant(&Path::new(FOLDER).join(FILE), manifest);
        (disk, read)
    }

    fn names(&self) -> Vec<SegmentId> {
        self.segments.iter().map(|file| mend::identity(file).id).collect()
    }

    fn of(disk: &Memory, manifest: Manifest) -> Self {
        let is_segment = |path: &PathBuf| path.extension().is_some_and(|end| end == "seg");
        let named: Vec<String> = (manifest.parts.iter().flat_map(|part| &part.segments))
            .map(|segment| segment.identity.id.file_name())
            .collect();
        let paths = disk.paths().into_iter().filter(is_segment);
        let paths = paths.filter(|path| named.iter().any(|name| path.ends_with(name)));
        let segments = paths.map(|path| disk.peek(&path).expect("it is listed")).collect();
        Self { manifest, segments }
    }
}

fn hash_of(number: u64) -> u64 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn savepoint() -> Base {
    let mut bootstrap = Bootstrap::new(KEY_GROUPS);
    for number in 0u64..100 {
        let hash = hash_of(number % 25);
        let (key, at) = ((number % 25).to_le_bytes(), Some(-(number.cast_signed())));
        for (state, kind) in STATES {
            let item = (state == "lists").then_some(0);
            let entry = Entry {
                hash,
                key: &key,
                pane: at.map(|at| at / 40),
                deadline: at,
                item,
                value: &key,
            };
            bootstrap.add(&name(state), kind, entry).expect("each name is of one kind");
        }
    }
    let mut disk = Memory::new();
    let folder = Path::new(FOLDER);
    bootstrap.write(&mut disk, folder).expect("memory does not fail");
    let manifest = disk.peek(&folder.join(FILE)).expect("it was just written");
    Base::of(&disk, Manifest::decode(&manifest).expect("it was just written"))
}

/// The state of one worker, and where it is written.
struct Worker {
    store: Store,
    archive: Archive,
    values: Table,
    lists: Table,
    panes: Panes,
    timers: TimedTable,
}

impl Worker {
    fn new(disk: &mut Memory, number: u32) -> Self {
        let groups = KeyGroups::of_worker(KEY_GROUPS, number, 2);
        let config = ArchiveConfig::new(groups).segment_bytes(256 << 10).unlisted_bytes(0);
        let folder = Path::new(FOLDER);
        let archive = Archive::open(disk, folder, number, config, &[]).expect("memory");
        let mut store = Store::default();
        let config = TableConfig::default();
        let values = store.table(name("values"), config).expect("a new name");
        let lists = store.table(name("lists"), config).expect("a new name");
        let panes = store.panes(name("panes"), config).expect("a new name");
        let timers = store.timed(name("timers"), config).expect("a new name");
        Self { store, archive, values, lists, panes, timers }
    }

    fn put(&mut self, number: u64, value: &[u8]) {
        let (hash, key) = (hash_of(number), number.to_le_bytes());
        self.values.put(hash, &key, value);
        for _ in 0..number % 4 {
            self.lists.append(hash, &key, value);
        }
        self.panes.pane((number % 3).cast_signed()).put(hash, &key, &key);
        self.timers.put(hash, &key, number.cast_signed() << 30, b"due");
    }

    fn remove(&mut self, number: u64) {
        let (hash, key) = (hash_of(number), number.to_le_bytes());
        self.values.remove(hash, &key);
        self.lists.remove(hash, &key);
        self.timers.remove(hash, &key);
    }

    fn write(&mut self, disk: &mut Memory, epoch: u64) -> thalweg_storage::checkpoint::Part {
        let mut freezer = self.store.freezer(epoch);
        freezer.table(&mut self.values);
        freezer.table(&mut self.lists);
        freezer.panes(&mut self.panes);
        freezer.timed(&mut self.timers);
        let frozen = freezer.finish(&self.store);
        self.archive.write(disk, frozen).expect("memory does not fail")
    }
}

fn checkpoint(keys: u64, value_bytes: usize) -> Base {
    let mut disk = Memory::new();
    let groups = |worker| KeyGroups::of_worker(KEY_GROUPS, worker, 2);
    let mut parts = Vec::new();
    for number in 0..2 {
        let mut worker = Worker::new(&mut disk, number);
        let own = |key: &u64| groups(number).hold(hash_of(*key));
        (0..keys).filter(own).for_each(|key| worker.put(key, &vec![7; value_bytes.max(8)]));
        worker.write(&mut disk, 1);
        (0..keys).filter(own).step_by(5).for_each(|key| worker.remove(key));
        (0..keys)
            .filter(own)
            .step_by(7)
            .for_each(|key| worker.put(key, b"a longer value than it had"));
        let mut part = worker.write(&mut disk, 2);
        part.worker = number;
        parts.push(part);
    }
    let manifest = Manifest { epoch: 2, key_groups: KEY_GROUPS, parts, ..Manifest::default() };
    let base = Base::of(&disk, manifest);
    let extents = base.segments.iter().flat_map(|file| mend::walk(file, u64::MAX));
    let rosters = extents.filter(|extent| extent.tag.table == ROSTER).count();
    assert_eq!(rosters > 0, value_bytes > 500, "chunks of 16 KiB are listed");
    base
}

/// Inputs that change nothing or little, behind the settings that a target has of its own.
pub fn seeds(settings: &[&[u8]]) -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for base in 0..3 {
        for settings in settings {
            let front = [&[base], *settings].concat();
            seeds.push([&front[..], &[0]].concat());
            for (number, what) in (0u8..8).enumerate() {
                let place = number * 1777 + 3000 * settings.len();
                let place = u16::try_from(place % 60_000).expect("it is below").to_le_bytes();
                let [low, high] = place;
                let file = what % 3;
                seeds.push([&front[..], &[0, what, file, low, high, 0, 1, 2, 3, 4]].concat());
            }
        }
    }
    seeds
}
