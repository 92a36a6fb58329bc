//! What checkpoints cost a table: its updates, the stall at a freeze, the bytes that are written, the time of a restore.
//!
//! ```text
//! cargo run --release -p thalweg-bench --bin checkpoint -- [--keys 1000000] [--seconds 6] [--every-ms 1000] [--directory /tmp] [--skewed] [--keep] [--resident MIB]
//! cargo run --release -p thalweg-bench --bin checkpoint -- --restore DIRECTORY [--keys 1000000] [--checked]
//! ```
//!
//! One thread counts by a random key (32 bytes an entry), in pages of 113 records, as `keyed_state` does; with `--skewed`, nine of ten records are of a tenth of the keys.
//! In turn, on the same records:
//!
//! * in memory: no freeze at all;
//! * with a checkpoint each so many milliseconds, or as soon after as the one before is durable: another thread writes it, by io_uring, with a manifest; three are retained.
//!
//! Printed are rates, the longest step (a page of records, or a freeze) and the longest freeze alone; bytes written by each distinct entry that changed; memory and files by what is live;
//! then the newest checkpoint is restored, and the counts are compared.
//!
//! With `--resident` the table may hold so much memory, and printed is what a page of records takes then.
//!
//! With `--keep` the files stay. `--restore` begins from them, as a process that starts anew does, and counts on: printed is when, from the start of the process on,
//! a page of records, a hundred and ten thousand of them were counted; with `--checked` everything is read and checked first.
#![expect(clippy::print_stdout, reason = "a measurement is printed")]
#![expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]

use std::collections::VecDeque;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use clap::Parser;
use thalweg_storage::checkpoint::{Manifest, newest};
use thalweg_storage::io::{Disk, Operation, Publish, open, run};
use thalweg_storage::segment::Verification;
use thalweg_storage::{
    Archive, ArchiveConfig, ArchiveUsage, Cursor, Frozen, Hint, KeyGroups, RestoredParts, Store,
    StoreConfig, Table, TableConfig, TableName, look_ahead,
};

/// Records in a page.
const PAGE: usize = 113;

/// Bytes of an entry with a key and a count of eight bytes.
const ENTRY_BYTES: u64 = 32;

const GROUPS: u32 = 4096;

const RETAINED: usize = 3;

/// Measures what checkpoints cost
#[derive(Clone, Debug, Parser)]
struct Options {
    /// Keys, of 32 bytes each
    #[arg(long, default_value_t = 1_000_000)]
    keys: u64,
    /// How long it counts with checkpoints, and without
    #[arg(long, default_value_t = 6)]
    seconds: u64,
    /// From one checkpoint to the next
    #[arg(long, default_value_t = 1000)]
    every_ms: u64,
    /// Nine of ten records are of a tenth of the keys
    #[arg(long)]
    skewed: bool,
    /// At most so many million records a second; 0: as many as there can be
    #[arg(long, default_value_t = 0)]
    millions: u64,
    /// Where the files go
    #[arg(long, default_value_os_t = std::env::temp_dir())]
    directory: PathBuf,
    /// MiB that the table may hold in memory, its index included; 0: all of it
    #[arg(long, default_value_t = 0)]
    resident: usize,
    /// Leaves the files there, and says where
    #[arg(long)]
    keep: bool,
    /// Goes on from the files that an earlier run has left
    #[arg(long)]
    restore: Option<PathBuf>,
    /// Reads and checks all of them before it goes on
    #[arg(long)]
    checked: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let started = Instant::now();
    let options = Options::parse();
    if let Some(place) = &options.restore {
        return go_on(&options, place, started);
    }
    let place = options.directory.join(format!("thalweg-checkpoint-{}", std::process::id()));
    std::fs::create_dir_all(&place)?;
    let result = measure(&options, &place);
    if options.keep {
        println!("kept: {}", place.display());
    } else {
        std::fs::remove_dir_all(&place)?;
    }
    result
}

/// A table, the keys that come, and what was counted.
struct Counter {
    store: Store,
    table: Table,
    random: u64,
    /// A bit for each key: whether it changed in this epoch.
    changed: Vec<u64>,
}

fn mix(key: u64) -> u64 {
    let mixed = key.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ mixed >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
    mixed ^ mixed >> 32
}

fn name() -> TableName {
    TableName::new("bench", "count")
}

impl Counter {
    fn new(options: &Options) -> Self {
        // Twice: chunks that are half dead wait to be compacted, and some for the disk.
        let bytes = usize::try_from(options.keys * ENTRY_BYTES).expect("it fits memory");
        let reserve = if options.resident > 0 { 64 << 20 } else { 2 * bytes + (64 << 20) };
        let config = StoreConfig::default().reserve_bytes(reserve);
        let mut store = Store::new(config.resident_bytes(options.resident << 20));
        let keys = usize::try_from(options.keys).expect("it fits memory");
        let config = TableConfig::default().expected_keys(keys);
        let table = store.table(name(), config).expect("a fresh store has no table");
        Self { store, table, random: 1, changed: vec![0; keys.div_ceil(64)] }
    }

    /// Puts all keys there; `after` each million of them.
    fn fill(&mut self, options: &Options, mut after: impl FnMut(&mut Self)) {
        for key in 0..options.keys {
            self.table.put(mix(key), &key.to_le_bytes(), &0u64.to_le_bytes());
            if key % 1_000_000 == 999_999 {
                after(self);
            }
        }
    }

    fn draw(&mut self, options: &Options) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let draw = self.random.wrapping_mul(0x2545_f491_4f6c_dd1d);
        let of = |keys: u64| u64::try_from((u128::from(draw) * u128::from(keys)) >> 64);
        let is_hot = options.skewed && !self.random.is_multiple_of(10);
        of(if is_hot { options.keys / 10 } else { options.keys }).expect("it is below the keys")
    }

    /// One page of records.
    fn step(&mut self, options: &Options) -> u64 {
        let mut keys = [0; PAGE];
        for key in &mut keys {
            *key = self.draw(options);
        }
        let mut distinct = 0;
        for key in keys {
            let word = &mut self.changed[usize::try_from(key / 64).expect("it fits memory")];
            distinct += !(*word >> (key % 64)) & 1;
            *word |= 1 << (key % 64);
        }
        let hashes = keys.map(mix);
        let known = keys.iter().zip(&hashes);
        look_ahead(hashes.iter().copied(), known, &mut self.table, |table, hint, (key, hash)| {
            increment(table, hint, *hash, *key);
        });
        distinct
    }

    fn freeze(&mut self, epoch: u64) -> Frozen {
        let mut freezer = self.store.freezer(epoch);
        freezer.table(&mut self.table);
        freezer.finish(&self.store)
    }
}

#[inline(always)]
fn increment(table: &mut Table, hint: Hint, hash: u64, key: u64) {
    let (value, _) = table.upsert_at(hint, hash, &key.to_le_bytes(), 8, |_| {});
    let value: &mut [u8; 8] = value.try_into().expect("counts have eight bytes");
    *value = (u64::from_le_bytes(*value) + 1).to_le_bytes();
}

/// What a run of counting gave.
#[derive(Default)]
struct Run {
    records: u64,
    seconds: f64,
    steps: Vec<Duration>,
    freezes: Vec<Duration>,
    distinct: u64,
}

impl Run {
    fn rate(&self) -> f64 {
        self.records as f64 / self.seconds / 1e6
    }
}

fn measure(options: &Options, place: &Path) -> Result<(), Box<dyn Error>> {
    let mut counter = Counter::new(options);
    println!("{} keys, {} MiB of entries", options.keys, (options.keys * ENTRY_BYTES) >> 20);
    if options.resident > 0 {
        return measure_resident(options, place, counter);
    }
    counter.fill(options, |_| {});
    let before = count(&mut counter, options, None);
    println!(
        "{:<34} {:>9.1} M/s   longest step {}",
        "in memory",
        before.rate(),
        worst(&before.steps)
    );

    let (frozen, to_write) = channel();
    let (written, done) = channel();
    let path = place.to_path_buf();
    let writer = std::thread::spawn(move || write(&path, &to_write, &written));
    let during = count(&mut counter, options, Some((&frozen, &done)));
    drop(frozen);
    let (first, usage) =
        writer.join().expect("the writer does not panic").map_err(|error| error.to_string())?;
    println!(
        "{:<34} {:>9.1} M/s   longest step {}",
        format!("with a checkpoint each {} ms", options.every_ms),
        during.rate(),
        worst(&during.steps)
    );
    println!("ratio {:.2}", during.rate() / before.rate());
    println!("freezes: {}, the longest {}", during.freezes.len(), worst(&during.freezes));
    // The first checkpoint writes everything.
    println!(
        "written by distinct changed entry: {:.2} (of those, moved by the archive {:.2}); by the first checkpoint, by entry: {:.2}",
        (usage.written_bytes - first) as f64 / (during.distinct * ENTRY_BYTES) as f64,
        usage.moved_bytes as f64 / (during.distinct * ENTRY_BYTES) as f64,
        first as f64 / (options.keys * ENTRY_BYTES) as f64,
    );
    let live = (options.keys * ENTRY_BYTES) as f64;
    println!(
        "by live bytes: memory {:.2}, files of the last checkpoint {:.2}",
        counter.table.bytes() as f64 / live,
        usage.file_bytes as f64 / live
    );
    restore(&counter, place)
}

fn count(
    counter: &mut Counter,
    options: &Options,
    writer: Option<(&Sender<Frozen>, &Receiver<()>)>,
) -> Run {
    let mut result = Run::default();
    let mut epoch = 1;
    let mut is_writing = false;
    let every = Duration::from_millis(options.every_ms);
    let started = Instant::now();
    let mut next = every;
    let mut now = started;
    loop {
        let elapsed = now - started;
        let is_over = elapsed.as_secs() >= options.seconds;
        if let Some((frozen, done)) = writer {
            if is_writing && (is_over && done.recv().is_ok() || done.try_recv().is_ok()) {
                is_writing = false;
            }
            if is_over || elapsed >= next && !is_writing {
                let before = Instant::now();
                let taken = counter.freeze(epoch);
                result.freezes.push(before.elapsed());
                frozen.send(taken).expect("the writer is there");
                (is_writing, epoch, next) = (true, epoch + 1, elapsed + every);
                counter.changed.fill(0);
                now = Instant::now();
            }
        }
        if is_over {
            if let Some((_, done)) = writer {
                done.recv().expect("the last checkpoint is written");
            }
            result.seconds = elapsed.as_secs_f64();
            return result;
        }
        let before = now;
        result.distinct += counter.step(options);
        result.records += PAGE as u64;
        now = Instant::now();
        let step = now - before;
        // Those that are longer than any page of the caches' misses.
        if step > Duration::from_micros(20) {
            result.steps.push(step);
        }
        if let Some(due_ns) = (result.records * 1000).checked_div(options.millions) {
            let due = Duration::from_nanos(due_ns);
            while now - started < due {
                now = Instant::now();
            }
        }
    }
}

/// What the checkpoint thread does. How much the first checkpoint wrote, and what there was at last.
fn write(
    place: &Path,
    to_write: &Receiver<Frozen>,
    written: &Sender<()>,
) -> Result<(u64, ArchiveUsage), Box<dyn Error + Send + Sync>> {
    let mut disk = open();
    let config = ArchiveConfig::new(KeyGroups::all(GROUPS)).workers(1).spare_segments(64);
    let mut archive = Archive::open(&mut *disk, place, 0, config, &[])?;
    let mut retained = VecDeque::new();
    let mut first = None;
    while let Ok(frozen) = to_write.recv() {
        let epoch = frozen.epoch();
        let part = archive.write(&mut *disk, frozen)?;
        let parts = vec![part];
        let manifest = Manifest {
            epoch,
            parent: None,
            time_ns: 0,
            key_groups: GROUPS,
            schemas: Vec::new(),
            parts,
        };
        Publish::now(&mut *disk, place.join(Manifest::file_name(epoch)), manifest.encode())?;
        retained.push_back(manifest);
        if retained.len() > RETAINED {
            let old = retained.pop_front().expect("there are several");
            let path = place.join(Manifest::file_name(old.epoch));
            run(&mut *disk, Operation::Remove { path })?;
            run(&mut *disk, Operation::SyncDirectory { path: place.to_path_buf() })?;
        }
        archive.retire(&mut *disk, retained.make_contiguous())?;
        first.get_or_insert(archive.usage().written_bytes);
        written.send(())?;
    }
    Ok((first.unwrap_or_default(), archive.usage()))
}

fn restore(counter: &Counter, place: &Path) -> Result<(), Box<dyn Error>> {
    let started = Instant::now();
    let mut disk: Box<dyn Disk + Send> = open();
    let restored = newest(&mut *disk, place, Verification::OnTouch)?;
    let manifest = restored.manifest.ok_or("there is a checkpoint")?;
    let found = started.elapsed();
    let parts = RestoredParts::open(&mut *disk, place, &manifest, KeyGroups::all(GROUPS))?;
    let read = started.elapsed();
    let mut store = Store::restore(StoreConfig::default(), parts);
    let mut table = store.table(name(), TableConfig::default())?;
    let served = started.elapsed();
    while table.maintain(1 << 20) {}
    println!(
        "restore: found after {:.3} s, opened {:.3} s, served {:.3} s, all in the index {:.3} s",
        found.as_secs_f64(),
        read.as_secs_f64(),
        served.as_secs_f64(),
        started.elapsed().as_secs_f64()
    );
    assert_eq!(table.len(), counter.table.len(), "all keys are there");
    let mut cursor = Cursor::default();
    while let Some((hash, key, value)) = counter.table.next(&mut cursor) {
        assert_eq!(table.get(hash, key), Some(value), "all counts are there");
    }
    Ok(())
}

/// A table that memory has no room for: what its updates cost, by the page.
fn measure_resident(
    options: &Options,
    place: &Path,
    mut counter: Counter,
) -> Result<(), Box<dyn Error>> {
    let (frozen, to_write) = channel();
    let (written, done) = channel();
    let path = place.to_path_buf();
    let writer = std::thread::spawn(move || write(&path, &to_write, &written));
    let mut epoch = 0;
    // What is not durable cannot be let go of, so it is made durable as it comes.
    counter.fill(options, |counter| {
        epoch += 1;
        frozen.send(counter.freeze(epoch)).expect("the writer is there");
        done.recv().expect("it is written");
    });
    let faults = major_faults();
    let every = Duration::from_millis(options.every_ms);
    let (started, mut next, mut is_writing) = (Instant::now(), every, false);
    let mut steps = Vec::new();
    while started.elapsed().as_secs() < options.seconds {
        if is_writing && done.try_recv().is_ok() {
            is_writing = false;
        }
        if started.elapsed() >= next && !is_writing {
            epoch += 1;
            frozen.send(counter.freeze(epoch)).expect("the writer is there");
            (is_writing, next) = (true, started.elapsed() + every);
        }
        let before = Instant::now();
        counter.step(options);
        steps.push(before.elapsed());
    }
    let (seconds, records) = (started.elapsed().as_secs_f64(), steps.len() * PAGE);
    steps.sort_unstable();
    #[expect(clippy::cast_possible_truncation, reason = "a share of the length is an index")]
    let of = |share: f64| steps[((steps.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e6;
    println!(
        "{} MiB resident: {:.3} M/s, {} major faults; a page of {PAGE} records p50 {:.0} us, p99 {:.0} us, p99.9 {:.0} us, longest {:.0} us",
        counter.table.bytes() >> 20,
        records as f64 / seconds / 1e6,
        major_faults() - faults,
        of(0.5),
        of(0.99),
        of(0.999),
        of(1.0)
    );
    if is_writing {
        done.recv().expect("it is written");
    }
    drop(frozen);
    writer.join().expect("the writer does not panic").map_err(|error| error.to_string())?;
    Ok(())
}

/// Faults of this thread that had to wait for a disk.
fn major_faults() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap_or_default();
    // The name, in parentheses, may have spaces; behind it, the tenth.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    fields.split_whitespace().nth(9).and_then(|field| field.parse().ok()).unwrap_or(0)
}

/// Counts on from what is in `place`, in a process that was `started` then.
fn go_on(options: &Options, place: &Path, started: Instant) -> Result<(), Box<dyn Error>> {
    let mut disk: Box<dyn Disk + Send> = open();
    let manifest = newest(&mut *disk, place, Verification::OnTouch)?.manifest;
    let manifest = manifest.ok_or("there is a checkpoint")?;
    let all = KeyGroups::all(GROUPS);
    let open_as = if options.checked { RestoredParts::open_checked } else { RestoredParts::open };
    let parts = open_as(&mut *disk, place, &manifest, all)?;
    let opened = started.elapsed();
    let mut store = Store::restore(StoreConfig::default(), parts);
    let table = store.table(name(), TableConfig::default())?;
    let keys = table.len() as u64;
    let changed = vec![0; table.len().div_ceil(64)];
    let mut counter = Counter { store, table, random: 1, changed };
    let options = Options { keys, ..options.clone() };
    let faults = major_faults();
    println!("{keys} keys, opened after {:.3} s", opened.as_secs_f64());
    let (mut records, mut longest) = (0, Duration::ZERO);
    for pages in [1, 100, 10_000] {
        let until = pages * PAGE as u64;
        while records < until {
            let before = Instant::now();
            counter.step(&options);
            longest = longest.max(before.elapsed());
            records += PAGE as u64;
        }
        println!(
            "{records} records after {:.3} s, the longest step so far {:.0} us, {} major faults",
            started.elapsed().as_secs_f64(),
            longest.as_secs_f64() * 1e6,
            major_faults() - faults
        );
    }
    assert_eq!(counter.table.len() as u64, keys, "every key was there");
    Ok(())
}

/// The longest of them, microseconds.
fn worst(durations: &[Duration]) -> String {
    let longest = durations.iter().max().copied().unwrap_or_default();
    format!("{:.0} us", longest.as_secs_f64() * 1e6)
}
