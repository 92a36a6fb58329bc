//! Ten million records, two workers, no allocation.
//!
//! A job from a generator to a sink with a keyed state between them; after a warm-up, in which rings, tables and scratch
//! pages get their memory, the allocator is not called any more, by anyone in the process.
//!
//! # Not here
//!
//! New keys and larger values: what is remembered takes memory. This is the only test of its program, because the counter
//! is the process's.

use std::alloc::System;
use std::iter;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use thalweg::prelude::*;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const WARM_UP: u64 = 500_000;
const MEASURED: u64 = 10_000_000;
/// Each worker counts to itself and tells the others after so many.
const STRIDE: u64 = 1_024;
const WORKERS: usize = 2;
const KEYS: u64 = 5_000;

/// What is generated: two integers, and a string of at most 24 bytes.
#[record]
struct Bid {
    #[event_time]
    at: EventTime,
    price: u64,
    bidder: Str,
}

/// A bidder's bids so far.
#[record]
struct Count {
    bids: u64,
    bidder: Str,
}

/// How far the job is, and what the allocator had done at two moments.
#[derive(Default)]
struct Progress {
    passed: AtomicU64,
    /// Workers that are warm.
    warm: AtomicU64,
    begin: AtomicU64,
    end: AtomicU64,
    passed_at_begin: AtomicU64,
    stop: AtomicBool,
}

/// Calls of the allocator so far.
fn calls() -> u64 {
    let stats = ALLOCATOR.stats();
    (stats.allocations + stats.deallocations + stats.reallocations) as u64
}

impl Progress {
    /// A worker has seen `STRIDE` records more, `own` in all.
    fn advance(&self, own: u64) {
        let passed = self.passed.fetch_add(STRIDE, Ordering::SeqCst) + STRIDE;
        let is_warm = (WARM_UP..WARM_UP + STRIDE).contains(&own);
        if is_warm && self.warm.fetch_add(1, Ordering::SeqCst) + 1 == WORKERS as u64 {
            self.passed_at_begin.store(passed, Ordering::SeqCst);
            self.begin.store(calls(), Ordering::SeqCst);
        }
        let begin = self.passed_at_begin.load(Ordering::SeqCst);
        if begin != 0 && passed >= begin + MEASURED && !self.stop.load(Ordering::SeqCst) {
            self.end.store(calls(), Ordering::SeqCst);
            self.stop.store(true, Ordering::SeqCst);
        }
    }
}

/// Bids until the job is told to stop.
fn bids(split: usize, progress: Arc<Progress>) -> impl Iterator<Item = Bid> {
    // All the names there are, so that making a bid is a copy.
    let names: Vec<Str> = (0..KEYS).map(|n| Str::from(format!("bidder number {n}"))).collect();
    let mut random = 1 + split as u64;
    let mut at = 0;
    iter::from_fn(move || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        at += 1;
        let bidder = names[usize::try_from((random >> 33) % KEYS).expect("few")].clone();
        let bid = Bid { at: EventTime::from_nanos(at), price: random >> 40, bidder };
        (!progress.stop.load(Ordering::Relaxed)).then_some(bid)
    })
}

#[test]
fn ten_million_records_pass_without_an_allocation() {
    let progress = Arc::new(Progress::default());
    let shared = Arc::clone(&progress);
    let engine = Engine::builder().workers(WORKERS).driver(Driver::Plain).build();
    let report = engine
        .run("no allocation", move |t| {
            let generator = Arc::clone(&shared);
            let sink = Arc::clone(&shared);
            t.source("bids", Items::per_split(WORKERS, move |n| bids(n, Arc::clone(&generator))))
                .watermarks(Monotonic)
                .filter(|bid| bid.price() % 16 != 0)
                .map(|bid| Bid {
                    at: bid.at(),
                    price: bid.price() / 2,
                    bidder: Str::from(bid.bidder()),
                })
                .key_by(|bid| bid.bidder())
                .filter_map_with_state("count", |bids: &mut u64, bid| {
                    *bids += 1;
                    Some(Count { bids: *bids, bidder: Str::from(bid.bidder()) })
                })
                .sink(
                    "progress",
                    ForEach::new(move |_| {
                        let progress = Arc::clone(&sink);
                        let mut own = 0;
                        move |count: &Rec<Count>, _| {
                            assert!(count.bids() > 0);
                            own += 1;
                            if own % STRIDE == 0 {
                                progress.advance(own);
                            }
                        }
                    }),
                );
            Ok(())
        })
        .expect("the job runs to its end");
    let passed = progress.passed.load(Ordering::SeqCst);
    assert!(passed >= MEASURED, "{passed} records passed\n{report}");
    assert!(calls() > 0, "the counter counts");
    let (begin, end) = (&progress.begin, &progress.end);
    let allocated = end.load(Ordering::SeqCst) - begin.load(Ordering::SeqCst);
    assert_eq!(allocated, 0, "calls of the allocator in {MEASURED} records\n{report}");
}
