//! q10: every bid, with its day and minute, as a log that is partitioned by them would have it.
//!
//! ```sql
//! SELECT auction, bidder, price, time, extra, DATE_FORMAT(time, 'yyyy-MM-dd'), DATE_FORMAT(time, 'HH:mm') FROM bid
//! ```

use thalweg::prelude::*;

use super::super::line::{Line, Row, day_and_clock};
use super::super::outlet::Outlet;
use super::Input;

/// A row of the result.
#[record]
struct Logged {
    auction: u64,
    bidder: u64,
    price: u64,
    time: EventTime,
    extra: Str,
    day: Str,
    minute: Str,
}

/// The same, for the texts that it takes from elsewhere.
#[record_ref(Logged)]
struct LoggedRef<'a> {
    auction: u64,
    bidder: u64,
    price: u64,
    time: EventTime,
    extra: &'a str,
    day: &'a str,
    minute: &'a str,
}

/// The texts of the last minute that was asked for: bids come minute by minute.
struct Texts {
    minute: EventTime,
    day_text: Str,
    minute_text: Str,
}

impl Texts {
    fn of(&mut self, time: EventTime) -> (&str, &str) {
        let minute = time.floor(1.minutes());
        if self.minute != minute {
            let (day, clock) = day_and_clock(minute);
            *self = Self { minute, day_text: day.into(), minute_text: clock[..5].into() };
        }
        (&self.day_text, &self.minute_text)
    }
}

pub(super) fn build(input: Input, out: &Outlet) {
    let minute = EventTime::MIN;
    let mut texts = Texts { minute, day_text: Str::default(), minute_text: Str::default() };
    out.rows(input.events.flat_map(move |event, out| {
        let Some(bid) = event.bid() else { return };
        let (day, minute) = texts.of(bid.date_time());
        out.emit_as(&LoggedRef {
            auction: bid.auction(),
            bidder: bid.bidder(),
            price: bid.price(),
            time: bid.date_time(),
            extra: bid.extra(),
            day,
            minute,
        });
    }));
}

impl Row for Logged {
    fn write(&self, line: &mut Line) {
        line.number(self.auction).number(self.bidder).number(self.price);
        line.time(self.time).text(&self.extra).text(&self.day).text(&self.minute).end();
    }
}
