//! Hops that need no job.

use std::hint::black_box;
use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};
use thalweg::format::csv::{CsvDecoder, CsvEncoder, CsvOptions};
use thalweg::format::json::{JsonDecoder, JsonEncoder};
use thalweg::format::{Decoder, Encoder};
use thalweg::prelude::*;
use thalweg::raw::page::{PageBuf, page_ring};
use thalweg::record::KeyHash;
use thalweg::testing::hops::Partition;
use thalweg_storage::{Store, TableConfig, TableName, look_ahead};

use super::Run;
use crate::reference::bids::BidSource;
use crate::reference::chain_loop;
use crate::spine::bids::Bid;
use crate::spine::chain;

/// Pages that are in flight, and their bytes.
const PAGES: usize = 8;
const PAGE_BYTES: usize = 8192;
/// Records that are made beforehand and gone through again and again.
const MADE: u64 = 512;
const ORDERS: usize = 512;
/// Keys of what is dealt and counted.
const KEYS: u64 = 1_000;

/// As events of the Nexmark benchmark are.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Line {
    auction: u64,
    bidder: u64,
    price: u64,
    channel: String,
    at: u64,
}

/// As a row of the flights of 2013, with the columns that a job reads.
#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "decoded, and dropped")]
struct Departure {
    origin: String,
    dest: String,
    carrier: String,
    flight: u32,
    tailnum: String,
    distance: u32,
    dep_delay: i32,
}

fn lines() -> Vec<Line> {
    let line = |i: u64| {
        let n = i.wrapping_mul(0x9E37_79B9) >> 7;
        let channel = ["Google", "Apple", "Baidu", "channel-8452"][(n % 4) as usize];
        Line { auction: n % 2000, bidder: n % 9000, price: n, channel: channel.into(), at: n << 20 }
    };
    (0..MADE).map(line).collect()
}

fn bids() -> Vec<Bid> {
    let mut source = BidSource::new(0, KEYS);
    (0..MADE).map(|_| Bid::next(&mut source, EventTime::EPOCH)).collect()
}

fn push(page: &mut PageBuf<Bid>, bid: &Bid) -> bool {
    page.push(bid, bid.at, KeyHash(0))
}

/// As many bids as a page takes.
fn full_page() -> PageBuf<Bid> {
    let mut page = PageBuf::new(PAGE_BYTES);
    let is_full = bids().iter().any(|bid| !push(&mut page, bid));
    assert!(is_full, "more bids were made than a page takes");
    page
}

fn encoded<T>(mut encoder: impl Encoder<T>, records: &[T]) -> Vec<u8> {
    let mut out = Vec::new();
    records.iter().for_each(|record| encoder.encode(record, &mut out).expect("a plain struct"));
    out
}

/// Decodes as many lines as are asked for; `text` has [`MADE`] of them.
fn decoding<T: 'static, D: Decoder<T> + 'static>(text: Vec<u8>, decoder: fn() -> D) -> Run {
    Box::new(move |records| {
        let mut left = records;
        while left > 0 {
            let each = &mut |record| {
                black_box::<thalweg::format::Decoded<T>>(record).expect("it was encoded here");
                left -= 1;
                if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            decoder().decode(&text, each).expect("there is a header");
        }
    })
}

pub(super) fn decode_json() -> Run {
    decoding::<Line, _>(encoded(JsonEncoder::new(), &lines()), JsonDecoder::new)
}

pub(super) fn decode_csv() -> Run {
    let mut text = "departed,scheduled,origin,dest,carrier,flight,tailnum,distance,dep_delay,arr_delay,air_time\n".to_owned();
    for i in 0..MADE {
        let n = i.wrapping_mul(0x9E37_79B9) >> 7;
        let origin = ["EWR", "JFK", "LGA"][(n % 3) as usize];
        text += &format!(
            "2013-01-{:02}T{:02}:{:02}:00Z,2013-01-01T05:00:00Z,{origin},IAH,UA,{},N{},{},{},{},{}\n",
            1 + n % 28,
            n % 24,
            n % 60,
            n % 8500,
            10_000 + n % 80_000,
            80 + n % 4900,
            n % 90,
            n % 99,
            n % 600
        );
    }
    decoding::<Departure, _>(text.into_bytes(), || {
        CsvDecoder::new(CsvOptions::new()).expect("plain options")
    })
}

fn encoding<E: Encoder<Line> + 'static>(mut encoder: E) -> Run {
    let (records, mut out) = (lines(), Vec::with_capacity(1 << 20));
    Box::new(move |count| {
        for n in 0..count {
            if n % MADE == 0 {
                out.clear();
            }
            let record = &records[(n % MADE) as usize];
            encoder.encode(record, &mut out).expect("a plain struct");
        }
        black_box(&out);
    })
}

pub(super) fn encode_json() -> Run {
    encoding(JsonEncoder::new())
}

pub(super) fn encode_csv() -> Run {
    encoding(CsvEncoder::new(CsvOptions::new()))
}

pub(super) fn batch_write() -> Run {
    let (bids, mut page) = (bids(), PageBuf::<Bid>::new(PAGE_BYTES));
    Box::new(move |records| {
        for n in 0..records {
            let bid = &bids[(n % MADE) as usize];
            if !push(&mut page, bid) {
                page.clear();
                assert!(push(&mut page, bid), "a bid is smaller than a page");
            }
        }
        black_box(page.view().len());
    })
}

/// The chain of the benchmark `spine`, over the same pages.
pub(super) fn chain() -> Run {
    let orders = chain_loop::orders(ORDERS, 9..=24);
    let pages = chain::pages_of(&orders);
    Box::new(move |records| {
        black_box(chain::measure(&pages, 0, records / ORDERS as u64));
    })
}

pub(super) fn ring() -> Run {
    let bids = bids();
    let (mut tx, mut rx) = page_ring::<Bid>(PAGES, PAGE_BYTES);
    Box::new(move |records| {
        let mut sum = 0_u64;
        for n in 0..records {
            let bid = &bids[(n % MADE) as usize];
            if tx.push(bid, bid.at, KeyHash(0)) {
                continue;
            }
            tx.publish();
            while let Some(page) = rx.front() {
                for (record, _) in page.records(0, page.len()) {
                    sum = sum.wrapping_add(record.price());
                }
                rx.release();
            }
            assert!(tx.has_page() && tx.push(bid, bid.at, KeyHash(0)), "the ring is empty");
        }
        black_box(sum);
    })
}

pub(super) fn partition() -> Run {
    let mut partition = Partition::<Bid>::by_key(4, |bid| &bid.auction);
    let page = full_page();
    Box::new(move |records| {
        let in_page = page.view().len() as u64;
        for _ in 0..records.div_ceil(in_page) {
            black_box(partition.deal(page.view()));
        }
    })
}

/// As operators look up their state: hashes come with the page, and the table is looked at ahead of its use.
pub(super) fn state_update() -> Run {
    let mut store = Store::default();
    let name = TableName::new("loop", "count");
    let mut table = store.table(name, TableConfig::default()).expect("a fresh store has no table");
    let mut source = BidSource::new(0, KEYS);
    let keys: Vec<u64> = (0..MADE).map(|_| source.next_bid()[0]).collect();
    let hashes: Vec<u64> = keys.iter().map(|key| KeyHash::of_int(*key).0).collect();
    Box::new(move |records| {
        for _ in 0..records / MADE {
            let known = keys.iter().zip(&hashes);
            look_ahead(hashes.iter().copied(), known, &mut table, |table, hint, (key, hash)| {
                let (value, _) = table.upsert_at(hint, *hash, &key.to_le_bytes(), 8, |_| {});
                let value: &mut [u8; 8] = value.try_into().expect("counts have eight bytes");
                *value = (u64::from_le_bytes(*value) + 1).to_le_bytes();
            });
        }
    })
}
