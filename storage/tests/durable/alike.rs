//! All disks do the same: one script, each disk's answers, compared.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thalweg_storage::io::{
    Access, Answer, Blocking, Buffer, Bytes, Completion, Disk, DiskError, Faulty, Memory,
    Operation, Publish, Rates, Scope, StateLock, read_exactly, run,
};
use thalweg_storage::raw::Region;

use crate::support::payload;

/// What was answered, without what differs from disk to disk: names of files and whether the page cache is passed by.
struct Script<'a> {
    disk: &'a mut dyn Disk,
    directory: PathBuf,
    log: String,
}

impl Script<'_> {
    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn note(&mut self, what: &str, result: &Result<Answer, DiskError>) {
        let told = match result {
            Ok(Answer::Opened { length, .. }) => format!("open, {length} bytes"),
            Ok(Answer::Written { bytes }) => format!("{} bytes written", bytes.len()),
            Ok(Answer::Read { bytes, .. }) => format!("{bytes} bytes read"),
            Ok(other) => format!("{other:?}"),
            Err(error) => {
                let directory = self.directory.display().to_string();
                let source = std::error::Error::source(error).map(ToString::to_string);
                format!("{error}: {source:?}").replace(&directory, "D")
            }
        };
        writeln!(self.log, "{what}: {told}").unwrap();
    }

    fn does(&mut self, what: &str, operation: Operation) -> Option<Answer> {
        let result = run(self.disk, operation);
        self.note(what, &result);
        result.ok()
    }

    fn opens(&mut self, what: &str, operation: Operation) -> thalweg_storage::io::FileId {
        match self.does(what, operation) {
            Some(Answer::Opened { file, .. }) => file,
            other => panic!("{what}: {other:?}\n{}", self.log),
        }
    }
}

/// Runs the script and gives its log.
fn play(disk: &mut dyn Disk, directory: &Path) -> String {
    let mut script = Script { disk, directory: directory.into(), log: String::new() };
    let path = script.path("a");
    script.does(
        "open what is not there",
        Operation::Open { path: path.clone(), access: Access::Read },
    );
    script.does("remove what is not there", Operation::Remove { path: path.clone() });
    script.does("length of what is not there", Operation::Length { path: path.clone() });
    let bytes = 4 << 20;
    let file = script.opens("create", Operation::Create { path: path.clone(), bytes });
    script.does("create again", Operation::Create { path: path.clone(), bytes });
    let small = Bytes::from(Buffer::holding(b"thalweg"));
    script.does("write", Operation::Write { file, offset: 8192, bytes: small });
    let mut region = Region::zeroed(3 << 20);
    let length = region.len().min(3 << 20);
    region[..length].copy_from_slice(&payload(3, length));
    let frozen = Bytes::of_region(Arc::new(region), 0..2 << 20);
    script.does("write much", Operation::Write { file, offset: 1 << 20, bytes: frozen });
    script.does("sync data", Operation::Sync { file, scope: Scope::Data });
    script.does("sync all", Operation::Sync { file, scope: Scope::All });
    for offset in [8192, 0, 1 << 20, 4 << 20, 5 << 20] {
        let buffer = Buffer::zeroed(4096);
        let read = Operation::Read { file, offset, buffer, bytes: 4096 };
        if let Some(Answer::Read { buffer, .. }) = script.does("read", read) {
            writeln!(script.log, "  {:?}", &buffer[..16]).unwrap();
        }
    }
    let (much, count) = read_exactly(script.disk, file, 1 << 20, 3 << 20).unwrap();
    assert_eq!((&much[..2 << 20], count), (&payload(3, 3 << 20)[..2 << 20], 3 << 20));
    assert!(much[2 << 20..].iter().all(|byte| *byte == 0), "what was not written is zero");
    // A read across the end gives what there is.
    let buffer = Buffer::zeroed(8192);
    script.does(
        "read across the end",
        Operation::Read { file, offset: (4 << 20) - 4096, buffer, bytes: 8192 },
    );
    script.does("close", Operation::Close { file });
    script.does("length", Operation::Length { path: path.clone() });
    script.does("sync directory", Operation::SyncDirectory { path: directory.into() });
    for text in [&b"first"[..], b"second"] {
        let path = script.path("published");
        let published = Publish::now(script.disk, path, Buffer::holding(text).into());
        writeln!(script.log, "publish: {published:?}").unwrap();
    }
    let file = script
        .opens("open", Operation::Open { path: script.path("published"), access: Access::Read });
    let (page, count) = read_exactly(script.disk, file, 0, 4096).unwrap();
    writeln!(script.log, "published: {count} {:?}", &page[..8]).unwrap();
    script.does("close", Operation::Close { file });
    script.does("list", Operation::List { path: directory.into() });
    let map = script.disk.map(&path, 1 << 20).unwrap();
    writeln!(script.log, "map: {} {:?}", map.len(), &map[8192..8200]).unwrap();
    drop(map);
    for (name, bytes) in [("a", (4 << 20) + 1), ("nothing", 1)] {
        let error = script.disk.map(&script.path(name), bytes).unwrap_err().to_string();
        let error = error.replace(&directory.display().to_string(), "D");
        writeln!(script.log, "map more than there is: {error}").unwrap();
    }
    script.does("remove", Operation::Remove { path });
    script.does("list", Operation::List { path: directory.into() });
    assert_eq!(script.disk.in_flight(), 0);
    script.log
}

/// Many operations in flight at once: each completes exactly once, with its own memory, whoever polls.
fn many_at_once(disk: &mut dyn Disk, directory: &Path) {
    let path = directory.join("many");
    let bytes = 400 * 4096;
    let create = Operation::Create { path: path.clone(), bytes };
    let Ok(Answer::Opened { file, .. }) = run(disk, create) else { panic!("it can be created") };
    let mut tickets = Vec::new();
    for page in 0..400u64 {
        let bytes = Buffer::holding(&page.to_le_bytes()).into();
        tickets.push(disk.submit(Operation::Write { file, offset: page * 4096, bytes }));
    }
    let last = disk.wait(tickets[399]);
    assert!(last.result.is_ok());
    let mut seen = vec![last.ticket];
    let mut completions: Vec<Completion> = Vec::new();
    while seen.len() < 400 {
        disk.poll(&mut completions);
        for completion in completions.drain(..) {
            assert!(completion.result.is_ok());
            seen.push(completion.ticket);
        }
    }
    seen.sort_unstable();
    assert_eq!(seen, tickets);
    let mut reads = Vec::new();
    for page in 0..400u64 {
        let read = Operation::Read {
            file,
            offset: page * 4096,
            buffer: Buffer::zeroed(4096),
            bytes: 4096,
        };
        reads.push(disk.submit(read));
    }
    for (page, ticket) in reads.into_iter().enumerate() {
        let Ok(Answer::Read { buffer, bytes }) = disk.wait(ticket).result else {
            panic!("page {page} can be read")
        };
        assert_eq!((bytes, &buffer[..8]), (4096, &(page as u64).to_le_bytes()[..]));
    }
    run(disk, Operation::Close { file }).unwrap();
    run(disk, Operation::Remove { path }).unwrap();
}

fn expected() -> String {
    let mut memory = Memory::new();
    let log = play(&mut memory, Path::new("somewhere"));
    many_at_once(&mut memory, Path::new("somewhere"));
    log
}

#[test]
fn system_calls_on_a_thread_and_in_place_do_what_memory_does() {
    let expected = expected();
    for mut disk in [Blocking::on_a_thread(), Blocking::at_once()] {
        let place = tempfile::tempdir().unwrap();
        assert_eq!(play(&mut disk, place.path()), expected);
        many_at_once(&mut disk, place.path());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn io_uring_does_what_memory_does_with_a_long_queue_and_with_a_short_one() {
    use thalweg_storage::io::Uring;
    let expected = expected();
    for depth in [1, 2, 128] {
        let mut disk = match Uring::new(depth) {
            Ok(disk) => disk,
            Err(error) => {
                println!("SKIPPED: no io_uring here: {error}");
                return;
            }
        };
        let place = tempfile::tempdir().unwrap();
        assert_eq!(play(&mut disk, place.path()), expected, "depth {depth}");
        many_at_once(&mut disk, place.path());
    }
}

/// A file system in memory may refuse to pass the page cache by, or not; the answers are the same.
#[cfg(target_os = "linux")]
#[test]
fn a_file_system_without_a_device_gives_the_same_answers() {
    let Ok(place) = tempfile::tempdir_in("/dev/shm") else {
        println!("SKIPPED: no /dev/shm here");
        return;
    };
    let expected = expected();
    assert_eq!(play(&mut Blocking::at_once(), place.path()), expected);
    if let Ok(mut disk) = thalweg_storage::io::Uring::new(8) {
        assert_eq!(play(&mut disk, place.path()), expected);
    }
}

#[test]
fn a_disk_that_could_fail_but_does_not_answers_as_memory_does_late_and_out_of_order_too() {
    let expected = expected();
    for seed in 0..20 {
        let mut disk = Faulty::new(seed);
        disk.chance(Rates { slow: 400, ..Rates::default() });
        assert_eq!(play(&mut disk, Path::new("somewhere")), expected, "seed {seed}");
        many_at_once(&mut disk, Path::new("somewhere"));
    }
}

#[test]
fn short_reads_are_put_together() {
    for seed in 0..50 {
        let mut disk = Faulty::new(seed);
        disk.plant(Path::new("a"), payload(1, 40_960));
        let open = Operation::Open { path: "a".into(), access: Access::Read };
        let Ok(Answer::Opened { file, .. }) = run(&mut disk, open) else { panic!("it is there") };
        disk.chance(Rates { short: 700, ..Rates::default() });
        let (buffer, bytes) = read_exactly(&mut disk, file, 4096, 32_768).unwrap();
        assert_eq!((bytes, &buffer[..]), (32_768, &payload(1, 40_960)[4096..36_864]));
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = |seed| {
        let mut disk = Faulty::new(seed);
        disk.chance(Rates { error: 30, rot: 30, short: 30, slow: 300, lie: 30 });
        let mut log = String::new();
        for round in 0..200u64 {
            let name = PathBuf::from(format!("{}", round % 7));
            let result =
                Publish::now(&mut disk, name, Buffer::holding(&round.to_le_bytes()).into());
            writeln!(log, "{result:?}").unwrap();
            if round % 50 == 49 {
                disk.cut();
                for path in disk.paths() {
                    writeln!(log, "{path:?} {:?}", disk.peek(&path)).unwrap();
                }
            }
        }
        log
    };
    assert_eq!(run(5), run(5));
    assert_ne!(run(5), run(6));
}

/// Sixteen threads fight for one directory: exactly one at a time has it.
#[test]
fn a_state_directory_has_one_owner_at_a_time() {
    let place = tempfile::tempdir().unwrap();
    let directory = place.path().join("state");
    let holders = std::sync::atomic::AtomicU32::new(0);
    let taken = std::sync::atomic::AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                use std::sync::atomic::Ordering::SeqCst;
                for _ in 0..50 {
                    if let Ok(lock) = StateLock::acquire(&directory) {
                        assert_eq!(holders.fetch_add(1, SeqCst), 0, "two have it");
                        taken.fetch_add(1, SeqCst);
                        holders.fetch_sub(1, SeqCst);
                        drop(lock);
                    }
                }
            });
        }
    });
    assert!(taken.into_inner() > 0);
}

/// Files of `/proc` cannot be read past the page cache, and say so when they are opened.
#[cfg(target_os = "linux")]
#[test]
fn where_the_page_cache_cannot_be_passed_by_it_is_used_and_that_is_told() {
    let mut disks: Vec<Box<dyn Disk>> = vec![Box::new(Blocking::at_once())];
    if let Ok(uring) = thalweg_storage::io::Uring::new(8) {
        disks.push(Box::new(uring));
    }
    let place = tempfile::tempdir().unwrap();
    for disk in &mut disks {
        let disk = &mut **disk;
        let open = |path: PathBuf| Operation::Open { path, access: Access::Read };
        let answer = run(disk, open("/proc/self/status".into())).unwrap();
        let Answer::Opened { file, direct: false, .. } = answer else { panic!("{answer:?}") };
        let buffer = Buffer::zeroed(4096);
        let read = Operation::Read { file, offset: 0, buffer, bytes: 4096 };
        let Answer::Read { buffer, .. } = run(disk, read).unwrap() else { panic!("it is read") };
        assert!(buffer.starts_with(b"Name:"));
        run(disk, Operation::Close { file }).unwrap();
        let path = place.path().join("a");
        let create = Operation::Create { path: path.clone(), bytes: 4096 };
        let Answer::Opened { file, .. } = run(disk, create).unwrap() else { panic!("it is open") };
        run(disk, Operation::Close { file }).unwrap();
        run(disk, Operation::Remove { path }).unwrap();
    }
}
