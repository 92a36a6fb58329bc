//! Counting by a random key on key-value stores, with everything durable each so many milliseconds: the update stream of `thalweg-bench --bin checkpoint`, elsewhere.
//!
//! ```text
//! thalweg-peer-stores --store fjall|redb|rocksdb|thalweg [--keys 1000000] [--seconds 10] [--every-ms 1000] [--skewed] [--directory /tmp]
//! ```
//!
//! One thread reads the count of a key, adds one and puts it back; then, each so many milliseconds, waits until all of it is durable, in the way that costs the store least:
//!
//! * `rocksdb`: no write-ahead log, as Flink has it; the memtable is flushed to synced tables, which compact in the background.
//! * `fjall`: its journal is synced.
//! * `redb`: one write transaction an interval, committed with its default durability.
//! * `thalweg`: a freeze and the archive, in place, with a manifest; the table goes on meanwhile only in `--bin checkpoint`.
//!
//! Printed: updates a second, bytes written to the disk by bytes of distinct entries that changed, and bytes of files by bytes of live entries.

mod stores;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use stores::Counts;

/// Bytes of an entry in a table: a key and a count of eight bytes, as Thalweg lays them out.
const ENTRY_BYTES: u64 = 32;

/// Records between looks at the clock.
const PAGE: u64 = 113;

/// Measures what counting durably costs
#[derive(Debug, Parser)]
struct Options {
    /// Which store
    #[arg(long)]
    store: Which,
    /// Keys
    #[arg(long, default_value_t = 1_000_000)]
    keys: u64,
    /// How long it counts
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// From one durable moment to the next
    #[arg(long, default_value_t = 1000)]
    every_ms: u64,
    /// Nine of ten records are of a tenth of the keys
    #[arg(long)]
    skewed: bool,
    /// Where the files go
    #[arg(long, default_value_os_t = std::env::temp_dir())]
    directory: PathBuf,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Which {
    Fjall,
    Redb,
    #[cfg(feature = "rocksdb")]
    Rocksdb,
    Thalweg,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let place = options.directory.join(format!("thalweg-peer-stores-{}", std::process::id()));
    std::fs::create_dir_all(&place)?;
    let result = open(&options, &place).and_then(|store| measure(&options, &place, store));
    std::fs::remove_dir_all(&place)?;
    result
}

fn open(options: &Options, place: &Path) -> Result<Box<dyn Counts>, Box<dyn Error>> {
    Ok(match options.store {
        Which::Fjall => Box::new(stores::fjall::Fjall::open(place)?),
        Which::Redb => Box::new(stores::redb::Redb::open(place)?),
        #[cfg(feature = "rocksdb")]
        Which::Rocksdb => Box::new(stores::rocksdb::Rocks::open(place)?),
        Which::Thalweg => Box::new(stores::thalweg::Thalweg::open(place, options.keys)?),
    })
}

fn measure(
    options: &Options,
    place: &Path,
    mut store: Box<dyn Counts>,
) -> Result<(), Box<dyn Error>> {
    for key in 0..options.keys {
        store.add(key)?;
        if key % 1_000_000 == 999_999 {
            store.make_durable()?;
        }
    }
    store.make_durable()?;
    let before = written_bytes()?;
    let mut changed = vec![0u64; usize::try_from(options.keys)?.div_ceil(64)];
    let (mut random, mut records, mut distinct, mut waits) = (1, 0, 0, Vec::new());
    let every = Duration::from_millis(options.every_ms);
    let (started, mut next) = (Instant::now(), every);
    while started.elapsed() < Duration::from_secs(options.seconds) {
        let keys: [u64; PAGE as usize] = std::array::from_fn(|_| draw(&mut random, options));
        store.add_all(&keys)?;
        for key in keys {
            let word = &mut changed[usize::try_from(key / 64)?];
            distinct += !(*word >> (key % 64)) & 1;
            *word |= 1 << (key % 64);
        }
        records += PAGE;
        if started.elapsed() >= next {
            let wait = Instant::now();
            store.make_durable()?;
            waits.push(wait.elapsed());
            changed.fill(0);
            next = started.elapsed() + every;
        }
    }
    store.make_durable()?;
    let seconds = started.elapsed().as_secs_f64();
    let written = written_bytes()? - before;
    println!(
        "{:?}: {} keys, {:.3} M updates/s, {} durable moments, the longest {:.0} ms",
        options.store,
        options.keys,
        records as f64 / seconds / 1e6,
        waits.len(),
        waits.iter().max().map_or(0.0, |wait| wait.as_secs_f64() * 1e3)
    );
    println!(
        "written by distinct changed entry {:.2}, files by live bytes {:.2}",
        written as f64 / (distinct * ENTRY_BYTES) as f64,
        used_bytes(place)? as f64 / (options.keys * ENTRY_BYTES) as f64
    );
    Ok(())
}

fn draw(random: &mut u64, options: &Options) -> u64 {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    let draw = random.wrapping_mul(0x2545_f491_4f6c_dd1d);
    let is_hot = options.skewed && !random.is_multiple_of(10);
    let keys = if is_hot { options.keys / 10 } else { options.keys };
    ((u128::from(draw) * u128::from(keys)) >> 64) as u64
}

/// What this process had written to disks.
fn written_bytes() -> Result<u64, Box<dyn Error>> {
    let all = std::fs::read_to_string("/proc/self/io")?;
    let line = all.lines().find_map(|line| line.strip_prefix("write_bytes: "));
    Ok(line.ok_or("the kernel counts what is written")?.parse()?)
}

/// Blocks of all files under a folder.
fn used_bytes(place: &Path) -> Result<u64, Box<dyn Error>> {
    use std::os::unix::fs::MetadataExt as _;
    let mut bytes = 0;
    for entry in std::fs::read_dir(place)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes +=
            if metadata.is_dir() { used_bytes(&entry.path())? } else { metadata.blocks() * 512 };
    }
    Ok(bytes)
}
