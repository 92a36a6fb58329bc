//! q7: the bids with the highest price of each ten seconds.
//!
//! ```sql
//! SELECT b.auction, b.price, b.bidder, b.time, b.extra
//! FROM bid b
//! JOIN (
//!     SELECT MAX(price) AS price, window_end AS time
//!     FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(time), INTERVAL '10' SECOND))
//!     GROUP BY window_start, window_end
//! ) highest
//! ON b.price = highest.price AND b.time BETWEEN highest.time - INTERVAL '10' SECOND AND highest.time
//! ```
//!
//! The highest price is found in two steps, first among the bids of some auctions, so that all workers take part.

use thalweg::prelude::*;

use super::super::line::{Line, Row};
use super::super::model::Event;
use super::super::outlet::Outlet;
use super::Input;

/// A price, and which of the groups it is in where the highest is found first.
#[record]
struct Price {
    group: u64,
    price: u64,
}

/// Some for each worker of any machine.
const GROUPS: u64 = 64;

/// What a bid of the result shows.
#[record]
struct Offer {
    auction: u64,
    price: u64,
    bidder: u64,
    #[event_time]
    time: EventTime,
    extra: Str,
}

pub(super) fn build(input: Input, out: &Outlet) {
    let width = 10.secs();
    let Windowed { on_time: of_groups, late } = input
        .events
        .clone()
        .filter_map(|event| {
            let bid = event.bid()?;
            Some(Price { group: bid.auction() % GROUPS, price: bid.price() })
        })
        .key_by_value(|price| price.group())
        .window("highest of a group", Tumbling::of(width))
        .aggregate_with(|of| of.max(|price| price.price()));
    late.drop_counted();
    let Windowed { on_time: highest, late } = of_groups
        .key_by_value(|highest| highest.end())
        .window("highest", Tumbling::of(width))
        .aggregate_with(|of| of.max(|highest| highest.value()));
    late.drop_counted();
    let bids = input.events.filter(|event| event.bid().is_some());
    // A window's result has the last instant of the window, a nanosecond before its end; both ends of the interval are inside.
    let instant = 1.nanos();
    let joined = highest
        .key_by_value(|highest| highest.value())
        .interval_join(
            "bids of that price",
            bids.key_by_value(|event| event.bid().map_or(0, |bid| bid.price())),
            Interval::around(width - instant, instant),
        )
        .apply(|_, event| offer(event));
    joined.late_left.drop_counted();
    joined.late_right.drop_counted();
    out.rows(joined.on_time);
}

fn offer(event: &Rec<Event>) -> Offer {
    let bid = event.bid().expect("invariant: only bids are joined");
    Offer {
        auction: bid.auction(),
        price: bid.price(),
        bidder: bid.bidder(),
        time: bid.date_time(),
        extra: bid.extra().into(),
    }
}

impl Row for Offer {
    fn write(&self, line: &mut Line) {
        line.number(self.auction).number(self.price).number(self.bidder);
        line.time(self.time).text(&self.extra).end();
    }
}
