//! Writing a segment of 256 MiB with its checksums, beside the same bytes by plain `O_DIRECT` writes and beside copying them in memory.
//!
//! ```text
//! cargo run --release -p thalweg-bench --bin segments -- [--chunks 128] [--rounds 5] [--directory /tmp]
//! ```
//!
//! The bytes lie in frozen chunks of 2 MiB. In turn, round by round, printed are medians:
//!
//! * memory: a copy of all chunks, and a CRC32C over all of them;
//! * raw: `pwrite` with `O_DIRECT`, a MiB at a time, one after the other, then `fdatasync`; into a file that was just allocated, and again into the one that was written;
//! * segment: [`SegmentWriter`] over io_uring, checksums included, sync and footer too; into a new file and into a recycled one, whose header was made ready before the clock starts;
//! * the same over plain system calls on a thread;
//! * back: every byte checked through reads; and through the map, when it is in the page cache and when its blocks are known already.
#![expect(clippy::print_stdout, reason = "a measurement is printed")]
#![expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]

use std::error::Error;
use std::fs::{File, OpenOptions};
use std::hint::black_box;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use clap::Parser;
use thalweg_storage::format::checksum::crc32c;
use thalweg_storage::format::extent::{self, Tag};
use thalweg_storage::format::header::Header;
use thalweg_storage::format::{Generation, Identity, SegmentId};
use thalweg_storage::io::{Access, Answer, Blocking, Bytes, Disk, Operation, Uring, drive, run};
use thalweg_storage::raw::Region;
use thalweg_storage::segment::{
    Image, Life, MappedSegment, Prepare, SegmentReader, SegmentRef, SegmentWriter, Verification,
};

const CHUNK_BYTES: usize = 2 << 20;
const WRITE_BYTES: usize = 1 << 20;

/// Measures what a segment costs beside raw writes and beside memory
#[derive(Debug, Parser)]
struct Options {
    /// Chunks of 2 MiB
    #[arg(long, default_value_t = 128)]
    chunks: usize,
    /// How often everything is measured
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Where the files go
    #[arg(long, default_value_os_t = std::env::temp_dir())]
    directory: PathBuf,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let place = tempdir(&options.directory)?;
    let result = measure(&options, &place);
    std::fs::remove_dir_all(&place)?;
    result
}

fn tempdir(directory: &Path) -> std::io::Result<PathBuf> {
    let place = directory.join(format!("thalweg-segments-{}", std::process::id()));
    std::fs::create_dir_all(&place)?;
    Ok(place)
}

fn measure(options: &Options, place: &Path) -> Result<(), Box<dyn Error>> {
    let mut chunks: Vec<Region> = (0..options.chunks).map(filled).collect();
    let bytes = (options.chunks * CHUNK_BYTES) as f64;
    let capacity = (options.chunks * CHUNK_BYTES + (1 << 20)) as u64;
    let mut target = Region::zeroed(options.chunks * CHUNK_BYTES);
    target.populate(0..options.chunks * CHUNK_BYTES);
    let mut uring = Uring::new(128)?;
    let mut blocking = Blocking::on_a_thread();
    let raw_path = place.join("raw");
    let mut rows = Rows::new(bytes);
    let mut generations = [1u64; 2];
    let mut whole: Option<SegmentRef> = None;
    for round in 0..options.rounds {
        rows.time("memcpy", || {
            for (chunk, place) in chunks.iter().zip(target.chunks_mut(CHUNK_BYTES)) {
                place.copy_from_slice(chunk);
            }
            black_box(&target);
        });
        rows.time("crc32c, chunks of 2 MiB", || {
            for chunk in &chunks {
                black_box(crc32c(chunk));
            }
        });
        rows.time("crc32c, blocks of 64 KiB", || {
            for block in chunks.iter().flat_map(|chunk| chunk.chunks(64 << 10)) {
                black_box(crc32c(block));
            }
        });
        allocate(&mut uring, &raw_path, capacity)?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_DIRECT)
            .open(&raw_path)?;
        rows.try_time("raw, new file", || raw(&file, &chunks))?;
        rows.try_time("raw, written file", || raw(&file, &chunks))?;
        drop(file);
        std::fs::remove_file(&raw_path)?;
        for (number, disk) in [&mut uring as &mut dyn Disk, &mut blocking].into_iter().enumerate() {
            let names = [
                ["segment by io_uring, new file", "segment by io_uring, recycled"],
                ["segment by a thread, new file", "segment by a thread, recycled"],
            ][number];
            let id = 2 * round as u64 + number as u64;
            let path = place.join(SegmentId(id).file_name());
            generations[number] = 1;
            for (name, life) in names.into_iter().zip([Life::New, Life::Recycled]) {
                let identity =
                    Identity { id: SegmentId(id), generation: Generation(generations[number]) };
                generations[number] += 1;
                let header = Header { identity, layout: 1, capacity };
                let mut writer = Prepare::now(disk, path.clone(), header, life)?;
                rows.try_time(name, || segment(disk, &mut writer, &mut chunks))?;
                whole = Some(writer.durable());
            }
            let whole = whole.as_ref().ok_or("a segment was written")?;
            if number == 0 {
                rows.try_time("verified by reads", || {
                    let reader = SegmentReader::open_as(disk, &path, whole)?;
                    reader.verify(disk)?;
                    reader.close(disk);
                    Ok(())
                })?;
                let map = MappedSegment::open(disk, &path, whole, Verification::OnTouch)?;
                map.populate(0, usize::try_from(whole.end)?)?;
                for name in ["verified in the map, cached", "map, verified before"] {
                    rows.try_time(name, || {
                        for number in 0..map.entries().len() {
                            black_box(map.extent(number)?);
                        }
                        Ok(())
                    })?;
                }
            }
            run(disk, Operation::Remove { path })?;
        }
    }
    rows.print();
    Ok(())
}

fn allocate(disk: &mut dyn Disk, path: &Path, bytes: u64) -> Result<(), Box<dyn Error>> {
    let create = Operation::Create { path: path.to_path_buf(), bytes };
    let Answer::Opened { file, direct, .. } = run(disk, create)? else {
        return Err("a created file is open".into());
    };
    if !direct {
        println!("(this file system does not pass the page cache by)");
    }
    run(disk, Operation::Close { file })?;
    let open = Operation::Open { path: path.to_path_buf(), access: Access::Write };
    let Answer::Opened { file, .. } = run(disk, open)? else {
        return Err("an opened file is open".into());
    };
    run(disk, Operation::Sync { file, scope: thalweg_storage::io::Scope::All })?;
    run(disk, Operation::Close { file })?;
    Ok(())
}

fn raw(file: &File, chunks: &[Region]) -> Result<(), Box<dyn Error>> {
    let mut offset = 4096;
    for part in chunks.iter().flat_map(|chunk| chunk.chunks(WRITE_BYTES)) {
        file.write_all_at(part, offset)?;
        offset += part.len() as u64;
    }
    file.sync_data()?;
    Ok(())
}

/// As a worker freezes and writes its chunks: checksums, then all of them in flight, then one sync.
fn segment(
    disk: &mut dyn Disk,
    writer: &mut SegmentWriter,
    chunks: &mut Vec<Region>,
) -> Result<(), Box<dyn Error>> {
    let header_bytes = u32::try_from(extent::header_bytes(CHUNK_BYTES))?;
    let mut frozen = Vec::with_capacity(chunks.len());
    let mut completions = Vec::new();
    for (number, mut chunk) in chunks.drain(..).enumerate() {
        let tag = Tag { table: 1, chunk: number as u64, layout: 1 };
        let placed = writer.place(&mut chunk, Image { tag, header_bytes, used: CHUNK_BYTES })?;
        let chunk = Arc::new(chunk);
        writer.write(disk, placed, &Bytes::of_region(Arc::clone(&chunk), 0..CHUNK_BYTES));
        frozen.push(chunk);
        disk.poll(&mut completions);
        for completion in completions.drain(..) {
            let stranger = thalweg_storage::io::Work::take(writer, disk, completion);
            assert!(stranger.is_none(), "nothing else is under way");
        }
    }
    writer.seal(disk);
    drive(disk, writer);
    if let Some(error) = writer.error() {
        return Err(error.to_string().into());
    }
    chunks.extend(frozen.into_iter().filter_map(Arc::into_inner));
    Ok(())
}

fn filled(number: usize) -> Region {
    let mut chunk = Region::zeroed(CHUNK_BYTES);
    let mut state = number as u64 + 1;
    for word in chunk.chunks_exact_mut(8) {
        state = state.wrapping_mul(0xd129_42cc_9a86_30a5).rotate_left(23) ^ 0x9e37_79b9_7f4a_7c15;
        word.copy_from_slice(&state.to_le_bytes());
    }
    chunk
}

/// What was measured, by name, in the order of the first round.
struct Rows {
    bytes: f64,
    rows: Vec<(&'static str, Vec<f64>)>,
}

impl Rows {
    fn new(bytes: f64) -> Self {
        Self { bytes, rows: Vec::new() }
    }

    fn time(&mut self, name: &'static str, work: impl FnOnce()) {
        let start = Instant::now();
        work();
        self.add(name, start.elapsed().as_secs_f64());
    }

    fn try_time(
        &mut self,
        name: &'static str,
        work: impl FnOnce() -> Result<(), Box<dyn Error>>,
    ) -> Result<(), Box<dyn Error>> {
        let start = Instant::now();
        work()?;
        self.add(name, start.elapsed().as_secs_f64());
        Ok(())
    }

    fn add(&mut self, name: &'static str, seconds: f64) {
        match self.rows.iter_mut().find(|(row, _)| *row == name) {
            Some((_, times)) => times.push(seconds),
            None => self.rows.push((name, vec![seconds])),
        }
    }

    fn median(&self, name: &str) -> f64 {
        let times = self.rows.iter().find(|(row, _)| *row == name).map(|(_, times)| times.clone());
        let mut times = times.expect("invariant: it was measured");
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    }

    fn print(&self) {
        println!("{:<34} {:>9} {:>10} {:>12}", "", "GB/s", "ms per GB", "of raw, new");
        let raw = self.median("raw, new file");
        for (name, times) in &self.rows {
            let median = self.median(name);
            let best = times.iter().copied().fold(f64::INFINITY, f64::min);
            println!(
                "{name:<34} {:>9.2} {:>10.0} {:>12.2}   best {:.2} GB/s",
                self.bytes / median / 1e9,
                median / self.bytes * 1e12,
                raw / median,
                self.bytes / best / 1e9,
            );
        }
    }
}
