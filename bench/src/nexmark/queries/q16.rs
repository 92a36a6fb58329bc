//! q16: statistics of each channel and day.
//!
//! ```sql
//! SELECT channel, DATE_FORMAT(time, 'yyyy-MM-dd') AS day, MAX(DATE_FORMAT(time, 'HH:mm')) AS minute,
//!     COUNT(*), ...,
//!     COUNT(DISTINCT bidder), ...,
//!     COUNT(DISTINCT auction), ...
//! FROM bid
//! GROUP BY channel, DATE_FORMAT(time, 'yyyy-MM-dd')
//! ```
//!
//! The twelve counts are those of q15.

use thalweg::error::OperatorFault;
use thalweg::prelude::*;
use thalweg::process::{Cx, KeyedProcess, NoSide, NoTimers};

use super::super::line::{Line, Row, day_of};
use super::super::outlet::Outlet;
use super::Input;
use super::totals::{Seen, Totals};

/// What is needed of a bid.
#[record]
struct Bid {
    channel: Str,
    day: i64,
    bidder: u64,
    auction: u64,
    price: u64,
}

/// A row of the result.
#[record]
struct Channel {
    channel: Str,
    day: i64,
    totals: Totals,
}

struct Statistics;

impl KeyedProcess for Statistics {
    type Key = (Str, i64);
    type In = Bid;
    type Out = Channel;
    type State = Seen;
    type Timer = NoTimers;
    type Side = NoSide;

    fn on_event(&mut self, cx: &mut Cx<'_, Self>, bid: &Rec<Bid>) -> Result<(), OperatorFault> {
        let at = cx.event_time();
        let totals = cx.state.add((bid.bidder(), bid.auction()), bid.price(), at);
        cx.out.emit(&Channel { channel: bid.channel().into(), day: bid.day(), totals });
        Ok(())
    }
}

pub(super) fn build(input: Input, out: &Outlet) {
    let channels = input
        .events
        .filter_map(|event| {
            let bid = event.bid()?;
            Some(Bid {
                channel: bid.channel().into(),
                day: day_of(bid.date_time()),
                bidder: bid.bidder(),
                auction: bid.auction(),
                price: bid.price(),
            })
        })
        .key_by_value(|bid| (Str::from(bid.channel()), bid.day()))
        .process("statistics", || Statistics);
    out.table(channels, |channel| (Str::from(channel.channel()), channel.day()));
}

impl Row for Channel {
    fn write(&self, line: &mut Line) {
        line.text(&self.channel).day(self.day);
        // Within a day the latest time has the latest minute.
        self.totals.latest.map(|at| line.minute(at));
        self.totals.write(line);
        line.end();
    }
}
