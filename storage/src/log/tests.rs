//! The log by itself.

use super::*;
use crate::TableName;

fn log() -> Log {
    let store = Memory::of_store(0);
    Log::new(Memory::account_in(&store, TableName::new("tests", "log"), 0, false))
}

fn write(log: &mut Log, bytes: usize) -> Address {
    let class = size_class::of(bytes);
    let address = log.allocate(class);
    Header::new(Kind::Single, class, 0, 0).write(log.at_mut(address));
    address
}

fn scan(log: &Log) -> Vec<Address> {
    let mut position = Position::default();
    std::iter::from_fn(|| log.entry_from(&mut position).map(|(address, _)| address)).collect()
}

#[test]
fn a_scan_meets_every_entry_in_the_order_of_writing_across_chunks() {
    let mut log = log();
    let sizes = [32, 700, 2 * CHUNK_BYTES, 1 << 20, 1 << 20, 1 << 20, 48];
    let written: Vec<_> = sizes.iter().map(|bytes| write(&mut log, *bytes)).collect();
    let mut met = scan(&log);
    met.sort_unstable();
    let mut expected = written.clone();
    expected.sort_unstable();
    assert_eq!(met, expected);
    log.freeze(0);
    write(&mut log, 32);
    assert_eq!(scan(&log).len(), sizes.len() + 1);
}

#[test]
fn a_released_entry_is_reused_by_its_size_class_only() {
    let mut log = log();
    let (first, second) = (write(&mut log, 64), write(&mut log, 64));
    log.release(first);
    log.release(second);
    assert!(write(&mut log, 32) > second);
    assert_eq!([write(&mut log, 64), write(&mut log, 64)], [second, first]);
    assert!(write(&mut log, 64) > second);
}

#[test]
fn a_small_log_holds_hundreds_of_bytes_and_a_cleared_one_gives_its_chunks_back() {
    let mut log = log();
    let first = write(&mut log, 32);
    assert!(log.bytes() <= 256);
    for _ in 0..4 {
        write(&mut log, 1 << 20);
    }
    log.clear();
    assert!(log.bytes() <= CHUNK_BYTES);
    assert!(scan(&log).is_empty());
    assert_eq!((write(&mut log, 32), log.memory.live()), (first, 32));
    log.clear();
    assert_eq!(log.memory.live(), 0);
}

#[test]
fn a_frozen_entry_is_neither_written_nor_recycled_and_its_death_is_noted() {
    let mut log = log();
    let (frozen, other) = (write(&mut log, 32), write(&mut log, 32));
    log.freeze(0);
    assert!(!log.make_mutable(frozen));
    log.release(frozen);
    let fresh = write(&mut log, 32);
    assert!(log.make_mutable(fresh) && fresh.chunk() != frozen.chunk());
    let deaths: Vec<_> = log.memory.journal().deaths.iter().collect();
    assert_eq!(deaths, [(1, 0, 32)]);
    assert_eq!(scan(&log), [frozen, other, fresh]);
    let generation = log.generation();
    log.release(other);
    assert_ne!(log.generation(), generation, "with the last of its entries the chunk is gone");
    assert_eq!(scan(&log), [fresh]);
    assert_eq!(log.memory.journal().drops, [1]);
}

#[test]
fn a_chunk_that_was_frozen_by_a_copy_is_written_where_it_is() {
    let store = Memory::of_store(100);
    let mut log = Log::new(Memory::account_in(&store, TableName::new("tests", "log"), 0, false));
    let first = write(&mut log, 32);
    log.freeze(0);
    log.freeze(0);
    assert!(!log.is_mutable(first) && log.make_mutable(first));
    let second = write(&mut log, 64);
    assert_eq!(second.chunk(), first.chunk());
    log.freeze(0);
    assert!(log.make_mutable(first));
    write(&mut log, 32);
    log.freeze(0);
    assert!(!log.make_mutable(first), "it holds more than is copied");
    let journal = std::mem::take(&mut *log.memory.journal());
    let sequences: Vec<_> = journal.chunks.iter().map(|chunk| chunk.sequence).collect();
    assert_eq!((sequences, journal.drops), (vec![1, 2, 3], vec![1, 2]));
    let fresh = write(&mut log, 32);
    log.release(fresh);
    log.freeze(0);
    assert!(log.memory.journal().is_empty(), "what came and went is not frozen");
}

#[test]
fn the_next_chunk_is_as_large_as_what_the_last_epoch_wrote() {
    let mut log = log();
    for _ in 0..300 {
        write(&mut log, 1 << 10);
    }
    log.freeze(0);
    let before = log.bytes();
    write(&mut log, 32);
    assert_eq!(log.bytes() - before, 512 << 10);
    log.freeze(0);
    write(&mut log, 32);
    assert_eq!(log.bytes() - before, (512 << 10) + 256);
}
