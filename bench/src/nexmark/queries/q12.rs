//! q12: how many bids each bidder made in each ten seconds of processing time.
//!
//! ```sql
//! SELECT bidder, COUNT(*), window_start, window_end
//! FROM TABLE(TUMBLE(TABLE (SELECT *, PROCTIME() AS now FROM bid), DESCRIPTOR(now), INTERVAL '10' SECOND))
//! GROUP BY bidder, window_start, window_end
//! ```
//!
//! What it gives depends on when bids are read.

use thalweg::prelude::*;
use thalweg::window::InProcessingTime;

use super::super::outlet::Outlet;
use super::Input;
use super::counted::Bids;

pub(super) fn build(input: Input, out: &Outlet) {
    let Windowed { on_time, late } = input
        .events
        .filter_map(|event| Some(event.bid()?.bidder()))
        .key_by_value(|bidder| bidder.to_native())
        .window("bids of now", InProcessingTime(Tumbling::of(10.secs())))
        .aggregate_with(|of| of.count());
    late.drop_counted();
    out.rows(on_time.map(|window| Bids {
        bidder: window.key(),
        bids: window.value(),
        start: window.start(),
        end: window.end(),
    }));
}
