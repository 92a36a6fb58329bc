//! Keyed count over many keys: `thalweg_storage::Table` between a plain hash map and the least possible.
//!
//! ```text
//! cargo run --release -p thalweg-bench --bin keyed_state -- [--keys 1000000] [--rounds 7] [--records 4000000]
//! ```
//!
//! One thread counts 48-byte records, made beforehand, by a random key, into
//!
//! * (a) `hashbrown::HashMap<u64, u64>` with its default hasher (foldhash), the plain loop;
//! * (b) [`LinearProbe`], the reference, 32 keys prefetched;
//! * (c) [`Table`], looked up ahead as the engine's operators do.
//!
//! All three first take every key once (from empty: (a) and (c) grow, (b) does not), then the same records round by round,
//! in turn, so that a noisy minute is noise for all. Printed are medians. It ends with a check that all three counted the same.
#![expect(clippy::print_stdout, reason = "a measurement is printed")]
#![expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]

use std::hint::black_box;
use std::time::Instant;
use thalweg_bench::reference::linear_probe::LinearProbe;
use thalweg_storage::{Hint, Store, StoreConfig, Table, TableConfig, TableName, look_ahead};

/// 48 bytes, as a bid is; the first word is the key.
type Record = [u64; 6];

/// Records in a page of 8 KiB, each with a slot of 24 bytes.
const PAGE: usize = 113;

/// Keys that the reference prefetches together.
const GROUP: usize = 32;

fn main() {
    let keys = option("--keys", 1_000_000);
    let rounds = option("--rounds", 7).max(1);
    let count = option("--records", 4_000_000);
    let records = records(keys as u64, count);

    let mut map = hashbrown::HashMap::<u64, u64>::new();
    let mut probe = LinearProbe::for_keys(keys);
    // As a worker would at start: what the log grows into is there already, as is all of (b).
    let mut store = Store::new(StoreConfig::default().reserve_bytes(keys * 32));
    let mut table = store
        .table(TableName::new("bench", "count"), TableConfig::default())
        .expect("a fresh store has no table");

    println!("{keys} keys, {count} records a round, {rounds} rounds, groups of {GROUP}");
    let fill = [
        timed(keys, || fill(keys, |group| by_map(&mut map, group))),
        timed(keys, || fill(keys, |group| by_probe(&mut probe, group))),
        timed(keys, || fill(keys, |group| by_table(&mut table, group))),
    ];
    let mut rates = [const { Vec::new() }; 3];
    for _ in 0..rounds {
        rates[0].push(timed(count, || in_pages(&records, |page| by_map(&mut map, page))));
        rates[1].push(timed(count, || in_pages(&records, |page| by_probe(&mut probe, page))));
        rates[2].push(timed(count, || in_pages(&records, |page| by_table(&mut table, page))));
    }
    let best = rates.each_ref().map(|rates| rates.iter().copied().fold(0.0, f64::max));
    let updates = rates.map(median);

    println!("{:<34} {:>12} {:>12} {:>12}", "", "insert M/s", "update M/s", "best round");
    let names = ["(a) hashbrown", "(b) linear probe, huge pages", "(c) thalweg_storage::Table"];
    for (at, name) in names.into_iter().enumerate() {
        println!("{name:<34} {:>12.1} {:>12.1} {:>12.1}", fill[at], updates[at], best[at]);
    }
    println!(
        "update ratios: c/a {:.2}  c/b {:.2}",
        updates[2] / updates[0],
        updates[2] / updates[1]
    );
    println!("table: {:.1} bytes a key", table.bytes() as f64 / keys as f64);
    check(&records, &map, &probe, &table);
}

fn by_map(map: &mut hashbrown::HashMap<u64, u64>, records: &[Record]) {
    for record in records {
        *map.entry(record[0]).or_insert(0) += 1;
    }
}

fn by_probe(probe: &mut LinearProbe, records: &[Record]) {
    for group in records.chunks(GROUP) {
        let mut hashes = [0; GROUP];
        for (hash, record) in hashes.iter_mut().zip(group) {
            *hash = mix(record[0]);
            probe.prefetch(*hash);
        }
        for (hash, record) in hashes.iter().zip(group) {
            probe.increment(*hash, record[0]);
        }
    }
}

/// As the engine's operators do it: hashes come with the page, and the table is looked up ahead of its use.
fn by_table(table: &mut Table, records: &[Record]) {
    for page in records.chunks(PAGE) {
        let mut hashes = [0; PAGE];
        for (hash, record) in hashes.iter_mut().zip(page) {
            *hash = mix(record[0]);
        }
        let hashes = hashes[..page.len()].iter();
        let known = page.iter().zip(hashes.clone());
        look_ahead(hashes.copied(), known, table, |table, hint, (record, hash)| {
            increment(table, hint, *hash, record[0]);
        });
    }
}

#[inline(always)]
fn increment(table: &mut Table, hint: Hint, hash: u64, key: u64) {
    let (value, _) = table.upsert_at(hint, hash, &key.to_le_bytes(), 8, |_| {});
    let value: &mut [u8; 8] = value.try_into().expect("counts have eight bytes");
    *value = (u64::from_le_bytes(*value) + 1).to_le_bytes();
}

/// Hands the records over in pages that are in the cache, as an exchange does: the same copy for all.
fn in_pages(records: &[Record], mut take: impl FnMut(&[Record])) {
    let mut page = [[0; 6]; PAGE];
    for batch in records.chunks(PAGE) {
        let page = &mut page[..batch.len()];
        page.copy_from_slice(batch);
        take(page);
    }
}

/// Every key once, in groups of about a batch.
fn fill(keys: usize, mut take: impl FnMut(&[Record])) {
    let mut batch = Vec::with_capacity(4 * GROUP);
    for at in 0..keys as u64 {
        batch.push([key(at), at, at, at, at, at]);
        if batch.len() == batch.capacity() {
            take(&batch);
            batch.clear();
        }
    }
    take(&batch);
}

/// `count` records with keys drawn evenly.
fn records(keys: u64, count: usize) -> Vec<Record> {
    let mut state = 42u64;
    let mut draw = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(state)
    };
    (0..count as u64).map(|at| [key(draw() % keys), at, at, at, at, at]).collect()
}

/// The key of that number: scattered, distinct, never 0.
fn key(number: u64) -> u64 {
    (number + 1).wrapping_mul(0xd6e8_feb8_6659_fd93)
}

/// A well-mixed hash: both halves of a 128-bit product.
#[inline(always)]
fn mix(key: u64) -> u64 {
    let product = u128::from(key ^ 0x2d35_8dcc_aa6c_78a5) * 0x9e37_79b9_7f4a_7c15;
    #[expect(clippy::cast_possible_truncation, reason = "the halves are folded")]
    let folded = (product >> 64) as u64 ^ product as u64;
    folded
}

/// Millions of records a second.
fn timed(count: usize, work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    count as f64 / start.elapsed().as_secs_f64() / 1e6
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

fn check(
    records: &[Record],
    map: &hashbrown::HashMap<u64, u64>,
    probe: &LinearProbe,
    table: &Table,
) {
    assert_eq!(map.len(), table.len(), "all keys are there");
    for record in records.iter().step_by(97) {
        let key = record[0];
        let value = table.get(mix(key), &key.to_le_bytes()).expect("a counted key is there");
        let value = u64::from_le_bytes(value.try_into().expect("counts have eight bytes"));
        assert_eq!(
            (value, probe.count(mix(key), key)),
            (map[&key], map[&key]),
            "all three counted alike"
        );
    }
    black_box(records);
}

fn option(name: &str, default: usize) -> usize {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    match (arguments.next(), arguments.next()) {
        (Some(_), Some(value)) => value.parse().expect("the option's value is a number"),
        _ => default,
    }
}
