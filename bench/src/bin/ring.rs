//! What the ring costs between two cores, beside what else could carry the same bytes.
//!
//! *Throughput*: 48-byte records are written one by one, 8 pages of 8 KiB are in flight, and the reader sums all words of each
//! record. Three carriers take turns in one run, round by round, so that a noisy minute hits all of them:
//!
//! * our ring, filled in place;
//! * `rtrb` with chunks: as many records as a page has are reserved, written in place and committed at once;
//! * `crossbeam`'s `ArrayQueue` of boxed pages, which come back through a second queue.
//!
//! *Hop*: a page goes there and back through two rings, both sides spinning; half the round trip is one hop. Beside it the same with
//! two bare atomics, each on a cache line of its own: what the machine takes at least.
//!
//! Run on a quiet machine with two cores at least: `cargo run --release -p thalweg-bench --bin ring`. Printed are medians over the rounds;
//! the targets are 0.9 of the better other carrier, and a hop within three times of the bare ping-pong.
//!
//! Usage: `ring [rounds] [megabytes per round] [round trips per round]`.
#![expect(clippy::print_stdout, reason = "a benchmark reports to its terminal")]
#![expect(clippy::disallowed_methods, reason = "it measures real time on threads of its own")]

use crossbeam_queue::ArrayQueue;
use crossbeam_utils::CachePadded;
use rtrb::RingBuffer;
use std::hint::{black_box, spin_loop};
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use thalweg::raw::ring::ring;

const PAGES: usize = 8;
const PAGE_BYTES: usize = 8192;
const RECORD_BYTES: usize = 48;
const RECORDS_PER_PAGE: usize = PAGE_BYTES / RECORD_BYTES;

/// Six words, as a bid of the Nexmark benchmark has.
type Record = [u64; RECORD_BYTES / 8];

fn record(number: u64) -> Record {
    [number, number ^ 1, number ^ 2, number ^ 3, number ^ 4, number ^ 5]
}

fn write(page: &mut [u8], first: u64) {
    for (number, slot) in (first..).zip(page.chunks_exact_mut(RECORD_BYTES)) {
        for (bytes, word) in slot.chunks_exact_mut(8).zip(record(number)) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
    }
}

/// All six words are read, or the compiler could skip cache lines that a reader in earnest does not skip.
fn sum(page: &[u8]) -> u64 {
    let mut sum = 0_u64;
    for slot in page.chunks_exact(RECORD_BYTES) {
        for bytes in slot.chunks_exact(8) {
            sum = sum.wrapping_add(word(bytes));
        }
    }
    sum
}

fn word(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes.try_into().expect("invariant: a word is eight bytes"))
}

/// Runs `send` on one core and `receive` on another; the time from the common start to the end of both.
fn on_two_cores<R: Send>(
    send: impl FnOnce() + Send,
    receive: impl FnOnce() -> R + Send,
) -> (Duration, R) {
    let cores = core_affinity::get_core_ids().unwrap_or_default();
    let start = Barrier::new(2);
    thread::scope(|scope| {
        let sender = scope.spawn(|| {
            pin(&cores, 0);
            start.wait();
            send();
        });
        let receiver = scope.spawn(|| {
            pin(&cores, 1);
            start.wait();
            let begin = Instant::now();
            let result = receive();
            (begin.elapsed(), result)
        });
        sender.join().expect("the sender does not panic");
        receiver.join().expect("the receiver does not panic")
    })
}

fn pin(cores: &[core_affinity::CoreId], index: usize) {
    let is_pinned = cores.get(index).is_some_and(|core| core_affinity::set_for_current(*core));
    assert!(is_pinned, "this benchmark needs two cores to pin its threads to");
}

fn first_record(page: usize) -> u64 {
    (page * RECORDS_PER_PAGE) as u64
}

fn through_our_ring(pages: usize) -> (Duration, u64) {
    let (mut producer, mut consumer) = ring(PAGES, PAGE_BYTES);
    on_two_cores(
        move || {
            for n in 0..pages {
                while producer.open().is_none() {
                    spin_loop();
                }
                let page = producer.opened().expect("the loop opened one");
                write(page, first_record(n));
                producer.publish();
            }
        },
        move || {
            let mut total = 0_u64;
            for _ in 0..pages {
                while consumer.front().is_none() {
                    spin_loop();
                }
                total =
                    total.wrapping_add(sum(consumer.front_shared().expect("the loop found one")));
                consumer.release();
            }
            total
        },
    )
}

fn through_rtrb(pages: usize) -> (Duration, u64) {
    let (mut producer, mut consumer) = RingBuffer::<Record>::new(PAGES * RECORDS_PER_PAGE);
    on_two_cores(
        move || {
            for n in 0..pages {
                let chunk = loop {
                    match producer.write_chunk_uninit(RECORDS_PER_PAGE) {
                        Ok(chunk) => break chunk,
                        Err(_) => spin_loop(),
                    }
                };
                let first = first_record(n);
                chunk.fill_from_iter((first..first + RECORDS_PER_PAGE as u64).map(record));
            }
        },
        move || {
            let mut total = 0_u64;
            for _ in 0..pages {
                let chunk = loop {
                    match consumer.read_chunk(RECORDS_PER_PAGE) {
                        Ok(chunk) => break chunk,
                        Err(_) => spin_loop(),
                    }
                };
                let (head, tail) = chunk.as_slices();
                for record in head.iter().chain(tail) {
                    total = record.iter().fold(total, |total, word| total.wrapping_add(*word));
                }
                chunk.commit_all();
            }
            total
        },
    )
}

fn through_array_queue(pages: usize) -> (Duration, u64) {
    let full = ArrayQueue::<Box<[u8]>>::new(PAGES);
    let free = ArrayQueue::<Box<[u8]>>::new(PAGES);
    for _ in 0..PAGES {
        free.push(vec![0; PAGE_BYTES].into_boxed_slice()).expect("the queue holds all pages");
    }
    let pop = |queue: &ArrayQueue<Box<[u8]>>| loop {
        match queue.pop() {
            Some(page) => break page,
            None => spin_loop(),
        }
    };
    on_two_cores(
        || {
            for n in 0..pages {
                let mut page = pop(&free);
                write(&mut page, first_record(n));
                full.push(page).expect("the queue holds all pages");
            }
        },
        || {
            let mut total = 0_u64;
            for _ in 0..pages {
                let page = pop(&full);
                total = total.wrapping_add(sum(&page));
                free.push(page).expect("the queue holds all pages");
            }
            total
        },
    )
}

/// One hop of a page that carries one word.
fn hop_of_a_page(trips: u64) -> Duration {
    let (mut there_in, mut there_out) = ring(PAGES, PAGE_BYTES);
    let (mut back_in, mut back_out) = ring(PAGES, PAGE_BYTES);
    let (took, ()) = on_two_cores(
        move || {
            for _ in 0..trips {
                while there_out.front().is_none() {
                    spin_loop();
                }
                let value = word(&there_out.front_shared().expect("the loop found one")[..8]);
                there_out.release();
                back_in.open().expect("the other side takes each at once")[..8]
                    .copy_from_slice(&value.to_le_bytes());
                back_in.publish();
            }
        },
        move || {
            for trip in 0..trips {
                there_in.open().expect("the other side takes each at once")[..8]
                    .copy_from_slice(&trip.to_le_bytes());
                there_in.publish();
                while back_out.front().is_none() {
                    spin_loop();
                }
                let value = word(&back_out.front_shared().expect("the loop found one")[..8]);
                assert_eq!(value, trip);
                back_out.release();
            }
        },
    );
    hop(took, trips)
}

/// One hop of a bare cache line.
fn hop_of_a_line(trips: u64) -> Duration {
    let there = CachePadded::new(AtomicU64::new(0));
    let back = CachePadded::new(AtomicU64::new(0));
    let wait = |line: &AtomicU64, value| {
        while line.load(Ordering::Acquire) != value {
            spin_loop();
        }
    };
    let (took, ()) = on_two_cores(
        || {
            for trip in 1..=trips {
                wait(&there, trip);
                back.store(trip, Ordering::Release);
            }
        },
        || {
            for trip in 1..=trips {
                there.store(trip, Ordering::Release);
                wait(&back, trip);
            }
        },
    );
    hop(took, trips)
}

fn hop(took: Duration, trips: u64) -> Duration {
    took.div_f64(2.0 * trips as f64)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn main() {
    let arguments: Vec<usize> =
        std::env::args().skip(1).map(|text| text.parse().expect("a number")).collect();
    let argument = |index: usize, default| arguments.get(index).copied().unwrap_or(default);
    let rounds = argument(0, 21).max(1);
    let pages = (argument(1, 512) << 20) / PAGE_BYTES;
    let trips = argument(2, 200_000).max(1) as u64;

    type Carrier = (&'static str, fn(usize) -> (Duration, u64));
    let carriers: [Carrier; 3] = [
        ("ring", through_our_ring),
        ("rtrb chunks", through_rtrb),
        ("ArrayQueue x2", through_array_queue),
    ];
    let mut times = vec![Vec::with_capacity(rounds); carriers.len()];
    let (mut page_hops, mut line_hops) = (Vec::new(), Vec::new());
    let expected = {
        let records = first_record(pages);
        (0..records).flat_map(record).fold(0, u64::wrapping_add)
    };
    for round in 0..rounds {
        // Each round begins with another carrier: nobody always has the first turn.
        for turn in 0..carriers.len() {
            let index = (round + turn) % carriers.len();
            let (took, total) = black_box(carriers[index].1)(pages);
            assert_eq!(total, expected, "{} lost or damaged records", carriers[index].0);
            times[index].push(took);
        }
        line_hops.push(hop_of_a_line(trips));
        page_hops.push(hop_of_a_page(trips));
    }

    println!("{rounds} rounds, {pages} pages of {RECORDS_PER_PAGE} records, {trips} round trips");
    let medians: Vec<Duration> = times.into_iter().map(median).collect();
    for ((name, _), took) in carriers.iter().zip(&medians) {
        let bytes = (pages * RECORDS_PER_PAGE * RECORD_BYTES) as f64 / took.as_secs_f64();
        let records = first_record(pages) as f64 / took.as_secs_f64();
        println!("{name:14} {:7.2} GB/s {:8.1} M records/s", bytes / 1e9, records / 1e6);
    }
    let best_other = medians[1].min(medians[2]);
    let ratio = best_other.as_secs_f64() / medians[0].as_secs_f64();
    println!("ring against the better of the others: {ratio:.2} (target 0.90 or more)");

    let (line, page) = (median(line_hops), median(page_hops));
    let ratio = page.as_secs_f64() / line.as_secs_f64();
    println!("hop of a bare cache line {:6.0} ns", line.as_secs_f64() * 1e9);
    println!(
        "hop of a page            {:6.0} ns: {ratio:.2} times (target 3.00 or less)",
        page.as_secs_f64() * 1e9
    );
}
