//! The bids of the bare path as records, and sources of them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};

use thalweg::error::OperatorFault;
use thalweg::io::Files;
use thalweg::prelude::*;
use thalweg::rt::now_ns;
use thalweg::source::{Emitter, OpenContext, Polled, Source, SplitReader};

use crate::reference::bids::BidSource;

/// One bid: 48 bytes, as an array of six words is in the reference.
#[record]
pub struct Bid {
    /// The key.
    pub auction: u64,
    /// Who.
    pub bidder: u64,
    /// How much.
    pub price: u64,
    /// The scheduled instant in an open loop; else arbitrary.
    #[event_time]
    pub at: EventTime,
    /// Where.
    pub channel: u64,
    /// Padding.
    pub extra: u64,
}

impl Bid {
    /// The next bid of `source`, at `at`.
    #[inline(always)]
    pub fn next(source: &mut BidSource, at: EventTime) -> Self {
        let [auction, bidder, price, _, channel, extra] = source.next_bid();
        Self { auction, bidder, price, at, channel, extra }
    }
}

/// When the readers of a job began: together, once every worker is built.
///
/// The bare path's clock starts when all its threads are there and their tables are made; so does this one.
#[derive(Debug)]
pub struct Start {
    barrier: Barrier,
    began_ns: AtomicU64,
}

impl Start {
    /// A start of `readers`, each on a worker of its own.
    #[must_use]
    pub fn of(readers: usize) -> Arc<Self> {
        Arc::new(Self { barrier: Barrier::new(readers), began_ns: AtomicU64::new(u64::MAX) })
    }

    /// When the first of them began; `u64::MAX` before.
    #[must_use]
    pub fn began_ns(&self) -> u64 {
        self.began_ns.load(Ordering::Relaxed)
    }

    /// Waits for the others; blocks the worker, which has nothing else to do yet.
    fn wait(&self) {
        self.barrier.wait();
        self.began_ns.fetch_min(now_ns(), Ordering::Relaxed);
    }
}

/// Bids as fast as they are taken: one split a worker, `records` in all.
#[derive(Debug, Clone)]
pub struct Bids {
    /// Where the readers meet.
    pub start: Arc<Start>,
    /// Records of all splits.
    pub records: u64,
    /// Keys are even over `0..keys`.
    pub keys: u64,
    /// Splits.
    pub splits: usize,
}

/// Reads one split of [`Bids`].
#[derive(Debug)]
pub struct BidReader {
    /// Until the first poll.
    start: Option<Arc<Start>>,
    source: BidSource,
    left: u64,
}

impl Source for Bids {
    type Out = Bid;
    type Split = usize;
    type Reader = BidReader;

    fn splits(&self, _: &dyn Files) -> Result<Vec<usize>, OperatorFault> {
        Ok((0..self.splits).collect())
    }

    fn open(&self, split: &usize, _: &OpenContext) -> Result<BidReader, OperatorFault> {
        let splits = self.splits as u64;
        let left = self.records / splits + u64::from((*split as u64) < self.records % splits);
        let start = Some(Arc::clone(&self.start));
        Ok(BidReader { start, source: BidSource::new(*split as u64, self.keys), left })
    }
}

impl SplitReader<Bid> for BidReader {
    fn poll(&mut self, out: &mut Emitter<'_, Bid>) -> Result<Polled, OperatorFault> {
        if let Some(start) = self.start.take() {
            start.wait();
        }
        let count = self.left.min(out.wanted() as u64);
        for _ in 0..count {
            let bid = Bid::next(&mut self.source, EventTime::EPOCH);
            out.emit(&bid);
        }
        self.left -= count;
        Ok(if self.left == 0 { Polled::End } else { Polled::More })
    }
}
