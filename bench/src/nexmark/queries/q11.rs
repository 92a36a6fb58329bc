//! q11: how many bids each bidder made in each session.
//!
//! ```sql
//! SELECT bidder, COUNT(*), window_start, window_end
//! FROM TABLE(SESSION(TABLE bid PARTITION BY bidder, DESCRIPTOR(time), INTERVAL '10' SECOND))
//! GROUP BY bidder, window_start, window_end
//! ```

use std::time::Duration;

use thalweg::prelude::*;

use super::super::outlet::Outlet;
use super::Input;
use super::counted::Bids;

/// After so long without a bid a session is over.
const GAP: Duration = Duration::from_secs(10);

pub(super) fn build(input: Input, out: &Outlet) {
    let Windowed { on_time, late } = input
        .events
        .filter_map(|event| Some(event.bid()?.bidder()))
        .key_by_value(|bidder| bidder.to_native())
        .session("bids of a session", Session::gap(GAP))
        .two_phase()
        .aggregate(|bids: &mut u64, _| *bids += 1, |bids, more| *bids += more);
    late.drop_counted();
    out.rows(on_time.map(|session| Bids {
        bidder: session.key(),
        bids: session.value(),
        start: session.first(),
        end: session.last().saturating_add(GAP),
    }));
}
