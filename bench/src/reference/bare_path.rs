//! The bare path: source, exchange and keyed count, with nothing around them.
//!
//! It is the shape of the engine's record path in one screen: 48-byte bids into slotted 8 KiB pages, over
//! rings of their own from every worker to every worker (to itself as well), partitioned by the high bits
//! of the key's hash, counted in a linear-probe table on huge pages with [`AHEAD`] cells on their way from
//! memory. One spinning thread a worker. [`run`] is the closed loop, as fast as it goes; [`open_loop`]
//! offers a fixed rate to the other core and records each latency from the *scheduled* instant.
//!
//! # Not here
//!
//! No watermark, barrier, event time, checkpoint, error or configuration. What the engine takes longer than
//! this is the price of those.

use std::io;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use core_affinity::CoreId;

use super::bids::{AUCTION, BidSource, hash_of_key, worker_of_hash};
use super::count_table::{CountTable, OpenTable};
use super::page_ring::{Arrival, PAGE_RECORDS, PageReceiver, PageSender, PageView, page_ring};
use crate::load::affinity::{self, PinError};
use crate::load::clock::Clock;
use crate::load::histogram::LatencyHistogram;

/// Cells that are fetched before they are counted. More than a core's outstanding misses (24 of L1 here),
/// less than what L1 keeps until it is used.
pub const AHEAD: usize = 32;

/// A closed-loop run.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Records in all, shared evenly by the workers' sources.
    pub records: u64,
    /// Keys are even over `0..keys`; at most 2^32.
    pub keys: u64,
    /// Threads; each makes and counts.
    pub workers: usize,
    /// Whether worker `i` is pinned to core `i`.
    pub pin: bool,
}

/// What a closed-loop run did.
#[derive(Debug)]
pub struct Outcome {
    /// Records that were made, and counted.
    pub records: u64,
    /// From the first worker's start to the last one's end.
    pub elapsed: Duration,
    /// Each worker's table.
    pub tables: Vec<CountTable>,
}

impl Outcome {
    /// Records a second over all workers.
    #[must_use]
    pub fn records_per_s(&self) -> f64 {
        rate(self.records, self.elapsed)
    }
}

/// Why a run could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// A worker could not be pinned.
    #[error("a worker of the bare path could not be pinned; run without pinning")]
    Pin(#[from] PinError),
    /// The tables did not fit into memory. Use fewer keys.
    #[error("no memory for the count tables; use fewer keys")]
    Memory(#[from] io::Error),
}

/// Makes, exchanges and counts the records as fast as it goes.
///
/// # Errors
///
/// [`RunError`], before a record was made.
///
/// # Panics
///
/// If the counts do not add up to the records, or a parameter is zero.
pub fn run(load: &Load) -> Result<Outcome, RunError> {
    run_on(load, &affinity::available())
}

fn run_on(load: &Load, cores: &[CoreId]) -> Result<Outcome, RunError> {
    assert!(load.workers > 0, "a run needs a worker");
    let clock = Clock::start();
    let start = Barrier::new(load.workers);
    let workers = workers(load)?;
    let finished: Vec<Result<Finished, PinError>> = thread::scope(|scope| {
        let spawn = |(i, worker): (usize, Worker)| {
            let start = &start;
            scope.spawn(move || {
                let pinned = if load.pin { affinity::pin_to_one_of(cores, i) } else { Ok(()) };
                // Even a worker that could not be pinned must come here, or the others wait for ever.
                start.wait();
                let began_ns = clock.now_ns();
                let table = worker.run(share(load.records, load.workers, i));
                pinned.map(|()| Finished { table, began_ns, ended_ns: clock.now_ns() })
            })
        };
        let threads: Vec<_> = workers.into_iter().enumerate().map(spawn).collect();
        threads.into_iter().map(|thread| thread.join().expect("a worker panicked")).collect()
    });
    let finished: Vec<Finished> = finished.into_iter().collect::<Result<_, _>>()?;
    let began_ns = finished.iter().map(|worker| worker.began_ns).min().unwrap_or(0);
    let ended_ns = finished.iter().map(|worker| worker.ended_ns).max().unwrap_or(0);
    let tables: Vec<CountTable> = finished.into_iter().map(|worker| worker.table).collect();
    let counted: u64 = tables.iter().flat_map(CountTable::counts).map(|(_, count)| count).sum();
    assert_eq!(counted, load.records, "every record is counted once");
    Ok(Outcome {
        records: load.records,
        elapsed: Duration::from_nanos(ended_ns - began_ns),
        tables,
    })
}

/// The source of worker `i` in [`run`]: for whoever wants to count the same bids another way.
pub fn source_of_worker(load: &Load, i: usize) -> impl Iterator<Item = u64> {
    let mut source = BidSource::new(i as u64, load.keys);
    (0..share(load.records, load.workers, i)).map(move |_| source.next_bid()[AUCTION])
}

/// An open-loop run: one core makes, the other counts.
#[derive(Debug, Clone, Copy)]
pub struct OpenLoad {
    /// Records offered a second.
    pub records_per_s: u64,
    /// How long they are offered.
    pub duration: Duration,
    /// Records scheduled before this are counted, but their latency is not recorded.
    pub warm_up: Duration,
    /// Keys are even over `0..keys`.
    pub keys: u64,
    /// Whether the source is pinned to core 0 and the count to core 1.
    pub pin: bool,
}

/// What an open-loop run did.
#[derive(Debug)]
pub struct OpenOutcome {
    /// From the scheduled instant of a record to a clock reading after its page was counted.
    pub latency: LatencyHistogram,
    /// Records that were counted.
    pub records: u64,
    /// From the first scheduled instant to the last count; longer than the load's duration if the rate was
    /// not reached.
    pub elapsed: Duration,
}

impl OpenOutcome {
    /// Records counted a second: below what was offered if the machine could not keep up.
    #[must_use]
    pub fn records_per_s(&self) -> f64 {
        rate(self.records, self.elapsed)
    }
}

/// Offers records at a fixed rate and records the latency of each from its scheduled instant.
///
/// The source publishes a page whenever nothing is due, so nothing waits for a page to fill. A late source
/// does not slow the schedule down: what it could not send in time counts as latency.
///
/// # Errors
///
/// [`RunError`], before a record was made.
///
/// # Panics
///
/// If not every record was counted once.
pub fn open_loop(load: &OpenLoad) -> Result<OpenOutcome, RunError> {
    let records =
        u64::try_from(load.duration.as_nanos() * u128::from(load.records_per_s) / NS_PER_S)
            .expect("a run has fewer than 2^64 records");
    let (mut sender, receiver) = page_ring();
    let mut table = table_for(load.keys, 1)?;
    let cores = affinity::available();
    let pin = |nth| if load.pin { affinity::pin_to_one_of(&cores, nth) } else { Ok(()) };
    let schedule = Schedule { clock: Clock::start(), records_per_s: load.records_per_s };
    let (sent, received) = thread::scope(|scope| {
        let count = scope.spawn(|| {
            let pinned = pin(1);
            let received = count_with_latency(receiver, &mut table, schedule, load.warm_up);
            pinned.map(|()| received)
        });
        let offer = scope.spawn(|| {
            let pinned = pin(0);
            offer(&mut sender, BidSource::new(0, load.keys), records, schedule);
            pinned
        });
        (offer.join().expect("the source panicked"), count.join().expect("the count panicked"))
    });
    sent?;
    let (latency, elapsed) = received?;
    let counted: u64 = table.counts().map(|(_, count)| count).sum();
    assert_eq!(counted, records, "every record is counted once");
    Ok(OpenOutcome { latency, records, elapsed })
}

fn rate(records: u64, elapsed: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a rate for people to read")]
    let records = records as f64;
    records / elapsed.as_secs_f64()
}

const NS_PER_S: u128 = 1_000_000_000;

/// Before the first record is due both threads have started, pinned themselves and are spinning.
const LEAD_NS: u64 = 20_000_000;

/// When each record is due.
#[derive(Debug, Clone, Copy)]
struct Schedule {
    clock: Clock,
    records_per_s: u64,
}

impl Schedule {
    #[inline(always)]
    fn due_ns(&self, record: u64) -> u64 {
        LEAD_NS + record * 1_000_000_000 / self.records_per_s
    }
}

/// The record and its due time are ready before it is due: what is measured begins at the scheduled instant,
/// and making a record is no part of moving it.
fn offer(sender: &mut PageSender, mut source: BidSource, records: u64, schedule: Schedule) {
    let mut made = 0;
    let mut bid = source.next_bid();
    let mut due_ns = schedule.due_ns(0);
    while made < records {
        let now_ns = schedule.clock.now_ns();
        while due_ns <= now_ns && made < records {
            let hash = hash_of_key(bid[AUCTION]);
            while !sender.try_push(&bid, due_ns.cast_signed(), hash) {}
            made += 1;
            due_ns = schedule.due_ns(made);
            // Flushed as soon as nothing more is due, and before the next record is made.
            if due_ns > now_ns {
                sender.flush();
            }
            bid = source.next_bid();
        }
        sender.prepare();
    }
    sender.flush();
    while !sender.try_end() {}
}

fn count_with_latency(
    mut receiver: PageReceiver,
    table: &mut CountTable,
    schedule: Schedule,
    warm_up: Duration,
) -> (LatencyHistogram, Duration) {
    let mut latency = LatencyHistogram::new();
    let recorded_from_ns =
        LEAD_NS + u64::try_from(warm_up.as_nanos()).unwrap_or(u64::MAX - LEAD_NS);
    let mut last_ns = LEAD_NS;
    let mut table = table.open();
    loop {
        match receiver.arrival() {
            // No pause instruction: on a core of its own it only adds its length to the latency.
            Arrival::Nothing => {}
            Arrival::End => return (latency, Duration::from_nanos(last_ns - LEAD_NS)),
            Arrival::Page(page) => {
                count_page(&mut table, page);
                // One reading for the page: exact for its last record, and the others were done by then.
                last_ns = schedule.clock.now_ns();
                for i in 0..page.len() {
                    let due_ns = page.time(i).cast_unsigned();
                    if due_ns >= recorded_from_ns {
                        latency.record_ns(last_ns.saturating_sub(due_ns));
                    }
                }
                receiver.release();
            }
        }
    }
}

struct Finished {
    table: CountTable,
    began_ns: u64,
    ended_ns: u64,
}

/// One thread's part of the closed loop.
struct Worker {
    source: BidSource,
    outbox: Vec<PageSender>,
    inbox: Vec<PageReceiver>,
    table: CountTable,
}

impl Worker {
    fn run(mut self, records: u64) -> CountTable {
        let mut source = self.source.clone();
        let mut left = records;
        while left > 0 {
            // As many as fill a page: the page to itself is then still in L1 when it is counted.
            let step = left.min(PAGE_RECORDS as u64);
            for _ in 0..step {
                let bid = source.next_bid();
                let hash = hash_of_key(bid[AUCTION]);
                let target = worker_of_hash(hash, self.outbox.len());
                while !self.outbox[target].try_push(&bid, bid[3].cast_signed(), hash) {
                    self.count_arrivals();
                }
            }
            left -= step;
            self.count_arrivals();
        }
        for target in 0..self.outbox.len() {
            while !self.outbox[target].try_end() {
                self.count_arrivals();
            }
        }
        while !self.count_arrivals() {}
        self.table
    }

    /// Counts all pages that are here; true if every sender has ended.
    #[inline(never)]
    fn count_arrivals(&mut self) -> bool {
        let mut ended = 0;
        let mut table = self.table.open();
        for receiver in &mut self.inbox {
            loop {
                match receiver.arrival() {
                    Arrival::Nothing => break,
                    Arrival::End => {
                        ended += 1;
                        break;
                    }
                    Arrival::Page(page) => count_page(&mut table, page),
                }
                receiver.release();
            }
        }
        ended == self.inbox.len()
    }
}

#[inline(always)]
fn count_page(table: &mut OpenTable<'_>, page: PageView<'_>) {
    let records = page.len();
    for i in 0..records.min(AHEAD) {
        table.prefetch(page.hash(i));
    }
    for i in 0..records {
        if i + AHEAD < records {
            table.prefetch(page.hash(i + AHEAD));
        }
        table.add(page.hash(i), page.word(i, AUCTION));
    }
}

/// The workers, each with a ring to and from every one of them.
fn workers(load: &Load) -> io::Result<Vec<Worker>> {
    let worker = |i: usize| -> io::Result<Worker> {
        let source = BidSource::new(i as u64, load.keys);
        Ok(Worker {
            source,
            outbox: vec![],
            inbox: vec![],
            table: table_for(load.keys, load.workers)?,
        })
    };
    let mut workers: Vec<Worker> = (0..load.workers).map(worker).collect::<io::Result<_>>()?;
    for from in 0..load.workers {
        for to in 0..load.workers {
            let (sender, receiver) = page_ring();
            workers[from].outbox.push(sender);
            workers[to].inbox.push(receiver);
        }
    }
    Ok(workers)
}

fn table_for(keys: u64, workers: usize) -> io::Result<CountTable> {
    let keys = usize::try_from(keys).expect("invariant: at most 2^32 keys");
    // The hash shares out evenly, but a few keys need not be: each table has some to spare.
    CountTable::for_keys(if workers == 1 { keys } else { keys / workers + keys / 16 + 1024 })
}

/// The records of worker `i`: an even share, and the remainder with the first.
fn share(records: u64, workers: usize, i: usize) -> u64 {
    let workers = workers as u64;
    records / workers + if i == 0 { records % workers } else { 0 }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn counts_equal_a_fold_of_the_same_bids_into_a_hash_map(
            records in 0_u64..20_000, keys in 1_u64..5_000, workers in 1_usize..4,
        ) {
            let load = Load { records, keys, workers, pin: false };
            let mut expected = HashMap::new();
            for key in (0..workers).flat_map(|i| source_of_worker(&load, i)) {
                *expected.entry(key).or_insert(0_u64) += 1;
            }
            let outcome = run(&load).unwrap();
            let counts: Vec<(u64, u64)> = outcome.tables.iter().flat_map(CountTable::counts).collect();
            prop_assert_eq!(counts.len(), expected.len(), "no key is in two tables");
            prop_assert_eq!(counts.into_iter().collect::<HashMap<_, _>>(), expected);
        }
    }

    #[test]
    fn an_open_loop_counts_what_it_offers_and_records_what_is_after_the_warm_up() {
        let load = OpenLoad {
            records_per_s: 100_000,
            duration: Duration::from_millis(20),
            warm_up: Duration::from_millis(10),
            keys: 100,
            pin: false,
        };
        let outcome = open_loop(&load).unwrap();
        assert_eq!(outcome.records, 2_000);
        assert_eq!(outcome.latency.len(), 1_000);
    }

    #[test]
    fn workers_that_cannot_be_pinned_are_an_error_and_not_a_hang() {
        let no_cores = [];
        let error = run_on(&Load { records: 10, keys: 10, workers: 2, pin: true }, &no_cores);
        assert!(matches!(error, Err(RunError::Pin(PinError::NoSuchCore { .. }))));
    }
}
