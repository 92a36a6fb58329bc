//! q5: the auctions with the most bids in the last ten seconds, every two seconds.
//!
//! ```sql
//! SELECT counts.auction, counts.num
//! FROM (
//!     SELECT auction, COUNT(*) AS num, window_start, window_end
//!     FROM TABLE(HOP(TABLE bid, DESCRIPTOR(time), INTERVAL '2' SECOND, INTERVAL '10' SECOND))
//!     GROUP BY auction, window_start, window_end
//! ) counts
//! JOIN (
//!     SELECT MAX(num) AS num, window_start, window_end FROM ... GROUP BY window_start, window_end
//! ) highest
//! ON counts.window_start = highest.window_start AND counts.window_end = highest.window_end AND counts.num >= highest.num
//! ```
//!
//! The counts of one window meet in a window of their own: each sliding window ends in another two seconds.

use thalweg::prelude::*;
use thalweg::window::WindowResult;

use super::super::line::{Line, Row};
use super::super::outlet::Outlet;
use super::Input;

/// A row of the result.
#[record]
struct Hot {
    auction: u64,
    bids: u64,
}

/// The auctions with the most bids so far.
#[record]
#[derive(Default)]
struct Hottest {
    bids: u64,
    auctions: Vec<u64>,
}

impl Hottest {
    fn add(&mut self, bids: u64, auctions: impl IntoIterator<Item = u64>) {
        if bids > self.bids {
            self.bids = bids;
            self.auctions.clear();
        }
        if bids == self.bids {
            self.auctions.extend(auctions);
        }
    }
}

pub(super) fn build(input: Input, out: &Outlet) {
    let Windowed { on_time: counts, late } = input
        .events
        .filter_map(|event| Some(event.bid()?.auction()))
        .key_by_value(|auction| auction.to_native())
        .window("bids of an auction", Sliding::of(10.secs(), 2.secs()))
        .two_phase()
        .aggregate_with(|of| of.count());
    late.drop_counted();
    let add = |hottest: &mut Hottest, count: &Rec<WindowResult<u64, u64>>| {
        hottest.add(count.value(), [count.key()]);
    };
    let merge = |hottest: &mut Hottest, later: Hottest| hottest.add(later.bids, later.auctions);
    let Windowed { on_time: hottest, late } = counts
        .key_by_value(|count| count.end())
        .window("hottest", Tumbling::of(2.secs()))
        .aggregate_with(|of| of.fold(add, merge));
    late.drop_counted();
    out.rows(hottest.flat_map(|window, out| {
        let hottest = window.value();
        for auction in hottest.auctions() {
            out.emit(&Hot { auction: auction.to_native(), bids: hottest.bids() });
        }
    }));
}

impl Row for Hot {
    fn write(&self, line: &mut Line) {
        line.number(self.auction).number(self.bids).end();
    }
}
