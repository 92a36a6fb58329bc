//! q15: statistics of each day.
//!
//! ```sql
//! SELECT DATE_FORMAT(time, 'yyyy-MM-dd') AS day,
//!     COUNT(*),
//!     COUNT(*) FILTER (WHERE price < 10000),
//!     COUNT(*) FILTER (WHERE price >= 10000 AND price < 1000000),
//!     COUNT(*) FILTER (WHERE price >= 1000000),
//!     COUNT(DISTINCT bidder), COUNT(DISTINCT bidder) FILTER (...), ...,
//!     COUNT(DISTINCT auction), COUNT(DISTINCT auction) FILTER (...), ...
//! FROM bid
//! GROUP BY DATE_FORMAT(time, 'yyyy-MM-dd')
//! ```

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
    day: i64,
    bidder: u64,
    auction: u64,
    price: u64,
}

/// A row of the result.
#[record]
struct Day {
    day: i64,
    totals: Totals,
}

struct Statistics;

impl KeyedProcess for Statistics {
    type Key = i64;
    type In = Bid;
    type Out = Day;
    type State = Seen;
    type Timer = NoTimers;
    type Side = NoSide;

    fn on_event(&mut self, cx: &mut Cx<'_, Self>, bid: &Rec<Bid>) -> Result<(), OperatorFault> {
        let totals = cx.state.add((bid.bidder(), bid.auction()), bid.price(), cx.event_time());
        cx.out.emit(&Day { day: bid.day(), totals });
        Ok(())
    }
}

pub(super) fn build(input: Input, out: &Outlet) {
    let days = input
        .events
        .filter_map(|event| {
            let bid = event.bid()?;
            Some(Bid {
                day: day_of(bid.date_time()),
                bidder: bid.bidder(),
                auction: bid.auction(),
                price: bid.price(),
            })
        })
        .key_by_value(|bid| bid.day())
        .process("statistics", || Statistics);
    out.table(days, |day| day.day());
}

impl Row for Day {
    fn write(&self, line: &mut Line) {
        line.day(self.day);
        self.totals.write(line);
        line.end();
    }
}
