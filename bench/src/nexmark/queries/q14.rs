//! q14: bids within a range of prices, with the time of day and the number of letters c.
//!
//! ```sql
//! SELECT auction, bidder, 0.908 * price AS price,
//!     CASE
//!         WHEN HOUR(time) >= 8 AND HOUR(time) <= 18 THEN 'dayTime'
//!         WHEN HOUR(time) <= 6 OR HOUR(time) >= 20 THEN 'nightTime'
//!         ELSE 'otherTime'
//!     END,
//!     time, extra, count_char(extra, 'c')
//! FROM bid
//! WHERE 0.908 * price > 1000000 AND 0.908 * price < 50000000
//! ```

use thalweg::prelude::*;

use super::super::line::{Line, Row};
use super::super::outlet::Outlet;
use super::{Input, converted};

/// A row of the result.
#[record]
struct Calculated {
    auction: u64,
    bidder: u64,
    /// Thousandths.
    price: u64,
    class: TimeClass,
    time: EventTime,
    extra: Str,
    letters: u64,
}

/// The same, for the text that it takes from the bid.
#[record_ref(Calculated)]
struct CalculatedRef<'a> {
    auction: u64,
    bidder: u64,
    price: u64,
    class: TimeClass,
    time: EventTime,
    extra: &'a str,
    letters: u64,
}

/// The time of day.
#[record]
#[derive(Copy)]
enum TimeClass {
    Day,
    Night,
    Other,
}

impl TimeClass {
    fn of(time: EventTime) -> Self {
        match time.as_secs().div_euclid(3_600).rem_euclid(24) {
            8..=18 => Self::Day,
            0..=6 | 20.. => Self::Night,
            _ => Self::Other,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Day => "dayTime",
            Self::Night => "nightTime",
            Self::Other => "otherTime",
        }
    }
}

pub(super) fn build(input: Input, out: &Outlet) {
    let (above, below) = (1_000_000_000, 50_000_000_000);
    out.rows(input.events.flat_map(move |event, out| {
        let Some(bid) = event.bid() else { return };
        let price = converted(bid.price());
        if price <= above || below <= price {
            return;
        }
        out.emit_as(&CalculatedRef {
            auction: bid.auction(),
            bidder: bid.bidder(),
            price,
            class: TimeClass::of(bid.date_time()),
            time: bid.date_time(),
            extra: bid.extra(),
            letters: bid.extra().bytes().filter(|byte| *byte == b'c').count() as u64,
        });
    }));
}

impl Row for Calculated {
    fn write(&self, line: &mut Line) {
        line.number(self.auction).number(self.bidder).thousandths(self.price);
        line.text(self.class.name()).time(self.time).text(&self.extra).number(self.letters).end();
    }
}
