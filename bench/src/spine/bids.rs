//! The bids of the bare path as records, and sources of them.

use thalweg::error::OperatorFault;
use thalweg::io::Files;
use thalweg::prelude::*;
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

/// Bids as fast as they are taken: one split a worker, `records` in all.
#[derive(Debug, Clone, Copy)]
pub struct Bids {
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
        Ok(BidReader { source: BidSource::new(*split as u64, self.keys), left })
    }
}

impl SplitReader<Bid> for BidReader {
    fn poll(&mut self, out: &mut Emitter<'_, Bid>) -> Result<Polled, OperatorFault> {
        let count = self.left.min(out.wanted() as u64);
        for _ in 0..count {
            let bid = Bid::next(&mut self.source, EventTime::EPOCH);
            out.emit(&bid);
        }
        self.left -= count;
        Ok(if self.left == 0 { Polled::End } else { Polled::More })
    }
}
