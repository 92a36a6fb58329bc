//! q17: statistics of each auction and day.
//!
//! ```sql
//! SELECT auction, DATE_FORMAT(time, 'yyyy-MM-dd') AS day,
//!     COUNT(*),
//!     COUNT(*) FILTER (WHERE price < 10000),
//!     COUNT(*) FILTER (WHERE price >= 10000 AND price < 1000000),
//!     COUNT(*) FILTER (WHERE price >= 1000000),
//!     MIN(price), MAX(price), AVG(price), SUM(price)
//! FROM bid
//! GROUP BY auction, DATE_FORMAT(time, 'yyyy-MM-dd')
//! ```
//!
//! Means are rounded towards zero.

use std::time::Duration;

use thalweg::operator::Running;
use thalweg::prelude::*;

use super::super::line::{Line, day_of};
use super::super::outlet::Outlet;
use super::Input;
use super::totals::{Counts, count};

/// A result is sent so often at least, in event time: what the field's own settings say (`table.exec.mini-batch.allow-latency`).
const LATENCY: Duration = Duration::from_secs(2);

/// What is needed of a bid.
#[record]
struct Bid {
    auction: u64,
    day: i64,
    price: u64,
}

/// What the bids of an auction and day come to.
#[record]
#[derive(Default)]
struct Prices {
    counts: Counts,
    least: u64,
    greatest: u64,
    sum: u64,
}

impl Prices {
    fn add(&mut self, price: u64) {
        self.least = if self.counts[0] == 0 { price } else { self.least.min(price) };
        self.greatest = self.greatest.max(price);
        self.sum += price;
        count(&mut self.counts, price);
    }

    fn merge(&mut self, later: &Self) {
        let is_first = self.counts[0] == 0;
        self.least = if is_first { later.least } else { self.least.min(later.least) };
        self.greatest = self.greatest.max(later.greatest);
        self.sum += later.sum;
        self.counts.iter_mut().zip(later.counts).for_each(|(count, more)| *count += more);
    }
}

pub(super) fn build(input: Input, out: &Outlet) {
    let statistics = input
        .events
        .filter_map(|event| {
            let bid = event.bid()?;
            let day = day_of(bid.date_time());
            Some(Bid { auction: bid.auction(), day, price: bid.price() })
        })
        .key_by_value(|bid| (bid.auction(), bid.day()))
        .aggregate_every("statistics", LATENCY, |of| {
            of.fold(
                |prices: &mut Prices, bid| prices.add(bid.price()),
                |prices, later| prices.merge(&later),
            )
        });
    out.table_of(statistics, |running| running.key(), write);
}

/// A row of the result.
fn write(
    Running { key: (auction, day), value: prices }: &Running<(u64, i64), Prices>,
    line: &mut Line,
) {
    let Prices { counts, least, greatest, sum } = prices;
    line.number(auction).day(*day);
    for count in counts {
        line.number(count);
    }
    line.number(least).number(greatest).number(sum / counts[0].max(1)).number(sum).end();
}
