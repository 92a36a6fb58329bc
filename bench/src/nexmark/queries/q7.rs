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
//! Both sides read only bids that may be in the result: one that is lower than a bid of its window before it cannot be, and does not leave its worker. (Some ten
//! of a window's bids are left.)

use std::time::Duration;

use thalweg::prelude::*;

use super::super::line::{Line, Row};
use super::super::model::{ArchivedBid, Event};
use super::super::outlet::Outlet;
use super::Input;

/// How long a window is.
const WIDTH: Duration = Duration::from_secs(10);

/// The highest price of the latest window so far, as one worker knows it. It decides what need not be looked at, and nothing of the result: so it is no state, and begins
/// anew with the job.
#[derive(Default)]
struct Highest {
    window: (EventTime, EventTime),
    price: u64,
}

impl Highest {
    /// Whether a bid may be in the result.
    fn may_win(&mut self, bid: &ArchivedBid) -> bool {
        let (at, price) = (bid.date_time(), bid.price());
        let (start, end) = self.window;
        if at >= end {
            let start = at.floor(WIDTH);
            *self = Self { window: (start, start.saturating_add(WIDTH)), price };
            return true;
        }
        // A bid at the very start of a window may be one of the highest of the window before, whose end that is.
        let is_highest = price >= self.price || at <= start;
        if at >= start {
            self.price = self.price.max(price);
        }
        is_highest
    }
}

/// A price, and the start of the window that it is in.
#[record]
struct Price {
    window: EventTime,
    price: u64,
}

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
    let mut highest = Highest::default();
    let may_win = move |event: &Rec<Event>| event.bid().is_some_and(|bid| highest.may_win(bid));
    let bids = input.events.filter(may_win).boxed();
    let Windowed { on_time: highest, late } = bids
        .clone()
        .filter_map(|event| {
            let bid = event.bid()?;
            Some(Price { window: bid.date_time().floor(WIDTH), price: bid.price() })
        })
        .key_by_value(|price| price.window())
        .window("highest", Tumbling::of(WIDTH))
        .aggregate_with(|of| of.max(|price| price.price()));
    late.drop_counted();
    // A window's result has the last instant of the window, a nanosecond before its end; both ends of the interval are inside.
    let instant = 1.nanos();
    let joined = highest
        .key_by_value(|highest| highest.value())
        .interval_join(
            "bids of that price",
            bids.key_by_value(|event| event.bid().map_or(0, |bid| bid.price())),
            Interval::around(WIDTH - instant, instant),
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
