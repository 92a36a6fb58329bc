//! What decoding and encoding cost one core, next to the `csv` crate and serde_json.
//!
//! `decode [flights.csv [name]]` reads the file given, or makes rows of the same shape: eleven columns,
//! of which eight are used. With a name it runs only what is called so, for a profiler. It prints millions of records a second and bytes a second for each way;
//! the best of five passes, because the others measure the machine's neighbours.

#![expect(clippy::print_stdout, reason = "a benchmark's result is what it prints")]
#![expect(clippy::disallowed_methods, reason = "measures the machine, so it needs the real clock")]

use std::hint::black_box;
use std::io::Write as _;
use std::ops::ControlFlow;
use std::time::Instant;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use thalweg::format::csv::{CsvDecoder, CsvEncoder, CsvOptions};
use thalweg::format::gzip::Inflate;
use thalweg::format::json::{JsonDecoder, JsonEncoder};
use thalweg::format::{Decoder, Encoder};

const PASSES: usize = 5;
const ROWS: usize = 330_000;
/// As a source reads them.
const CHUNK_BYTES: usize = 256 << 10;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Departure {
    scheduled: CompactString,
    departed: CompactString,
    origin: CompactString,
    dest: CompactString,
    carrier: CompactString,
    tailnum: CompactString,
    flight: u32,
    dep_delay: i32,
}

/// The small event that JSON libraries were compared with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Bid {
    auction: u64,
    bidder: u64,
    price: u64,
    channel: CompactString,
    at: i64,
}

fn main() {
    let plain = match std::env::args().nth(1) {
        Some(path) => std::fs::read(&path).expect("the file named on the command line"),
        None => flights(),
    };
    println!("{:<36} {:>10} {:>10}", "one core, best of five", "M rec/s", "MB/s");

    let departures =
        decode(CsvDecoder::<Departure>::new(CsvOptions::new()).expect("a struct"), &plain);
    measure("CSV decode, 8 of 11 columns", plain.len(), || {
        count(CsvDecoder::<Departure>::new(CsvOptions::new()).expect("a struct"), &plain)
    });
    measure("  csv crate, decode", plain.len(), || {
        let mut reader = csv::Reader::from_reader(&plain[..]);
        let rows = reader.deserialize::<Departure>();
        rows.fold(0, |rows, row| {
            black_box(row.expect("a row"));
            rows + 1
        })
    });
    measure("  lines only", plain.len(), || plain.split(|&byte| byte == b'\n').count());

    let written = encode(CsvEncoder::new(CsvOptions::new()), &departures, 0);
    measure("CSV encode", written.len(), || {
        black_box(encode(CsvEncoder::new(CsvOptions::new()), &departures, written.len()));
        departures.len()
    });
    measure("  csv crate, encode", written.len(), || {
        let mut writer = csv::Writer::from_writer(Vec::with_capacity(written.len()));
        departures.iter().for_each(|record| writer.serialize(record).expect("a row"));
        black_box(writer.into_inner().expect("a Vec"));
        departures.len()
    });

    json("NDJSON, small event", &bids());
    json("NDJSON, departure", &departures);

    let zipped = gzip(&plain);
    measure("gzip inflate (plain bytes)", plain.len(), || {
        let mut inflate = Inflate::new();
        let mut out = Vec::new();
        let mut at = 0;
        loop {
            out.clear();
            let done = inflate.push(&zipped[at..], &mut out, CHUNK_BYTES).expect("valid gzip");
            at += done.consumed;
            if !done.full {
                inflate.finish().expect("a whole file");
                return departures.len();
            }
        }
    });
}

fn json<T>(name: &str, records: &[T])
where
    T: Serialize + serde::de::DeserializeOwned,
{
    let text = encode(JsonEncoder::new(), records, 0);
    measure(&format!("{name}, decode"), text.len(), || count(JsonDecoder::<T>::new(), &text));
    measure("  serde_json", text.len(), || {
        let lines = text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        lines.fold(0, |rows, line| {
            black_box(serde_json::from_slice::<T>(line).expect("JSON"));
            rows + 1
        })
    });
    measure(&format!("{name}, encode"), text.len(), || {
        black_box(encode(JsonEncoder::new(), records, text.len()));
        records.len()
    });
}

fn measure(name: &str, bytes: usize, mut pass: impl FnMut() -> usize) {
    if std::env::args().nth(2).is_some_and(|only| only != name.trim()) {
        return;
    }
    let mut best = f64::INFINITY;
    let mut records = 0;
    for _ in 0..PASSES {
        let start = Instant::now();
        records = pass();
        best = best.min(start.elapsed().as_secs_f64());
    }
    let millions = |count: usize| count as f64 / best / 1e6;
    println!("{name:<36} {:>10.2} {:>10.0}", millions(records), millions(bytes));
}

fn count<T>(mut decoder: impl Decoder<T>, bytes: &[u8]) -> usize {
    let mut records = 0;
    for chunk in bytes.chunks(CHUNK_BYTES) {
        decoder
            .decode(chunk, &mut |record| {
                black_box(record.expect("a record"));
                records += 1;
                ControlFlow::Continue(())
            })
            .expect("a header");
    }
    records
}

fn decode<T>(mut decoder: impl Decoder<T>, bytes: &[u8]) -> Vec<T> {
    let mut records = Vec::new();
    decoder
        .decode(bytes, &mut |record| {
            records.push(record.expect("a record"));
            ControlFlow::Continue(())
        })
        .expect("a header");
    records
}

fn encode<T>(mut encoder: impl Encoder<T>, records: &[T], bytes: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes);
    for record in records {
        encoder.encode(record, &mut out).expect("a record");
    }
    out
}

/// Rows like those of the flights of 2013, from a fixed sequence of numbers.
fn flights() -> Vec<u8> {
    let mut out =
        b"departed,scheduled,origin,dest,carrier,flight,tailnum,distance,dep_delay,arr_delay,\
                    air_time\n"
            .to_vec();
    for i in 0..ROWS {
        let n = i.wrapping_mul(0x9E37_79B9) >> 7;
        let (day, hour, minute) = (1 + n % 28, 5 + n % 18, n % 60);
        let origin = ["EWR", "JFK", "LGA"][n % 3];
        writeln!(
            out,
            "2013-01-{day:02}T{hour:02}:{minute:02}:00Z,2013-01-{day:02}T{hour:02}:00:00Z,{origin},IAH,UA,\
             {},N{},{},{},{},{}",
            n % 8500, 10000 + n % 80000, 80 + n % 4900, (n % 90) as i64 - 20, n % 99, 20 + n % 600,
        )
        .expect("a Vec takes every byte");
    }
    out
}

fn bids() -> Vec<Bid> {
    (0..ROWS as u64)
        .map(|i| {
            let n = i.wrapping_mul(0x9E37_79B9) >> 7;
            let channel = ["Google", "Apple", "Baidu", "channel-8452"][(n % 4) as usize];
            Bid {
                auction: n % 2000,
                bidder: n % 9000,
                price: n,
                channel: channel.into(),
                at: 1_436_918_380_000,
            }
        })
        .collect()
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(plain).expect("a Vec takes every byte");
    encoder.finish().expect("a Vec takes every byte")
}
