//! q8: who registered and opened an auction within the same ten seconds.
//!
//! ```sql
//! SELECT p.id, p.name, p.window_start
//! FROM (
//!     SELECT id, name, window_start, window_end
//!     FROM TABLE(TUMBLE(TABLE person, DESCRIPTOR(time), INTERVAL '10' SECOND))
//!     GROUP BY id, name, window_start, window_end
//! ) p
//! JOIN (
//!     SELECT seller, window_start, window_end
//!     FROM TABLE(TUMBLE(TABLE auction, DESCRIPTOR(time), INTERVAL '10' SECOND))
//!     GROUP BY seller, window_start, window_end
//! ) a
//! ON p.id = a.seller AND p.window_start = a.window_start AND p.window_end = a.window_end
//! ```

use thalweg::prelude::*;

use super::super::line::{Line, Row};
use super::super::outlet::Outlet;
use super::Input;

/// A person, by number.
#[record]
struct Newcomer {
    id: u64,
    name: Str,
}

/// A row of the result.
#[record]
struct Seller {
    id: u64,
    name: Str,
    window_start: EventTime,
}

pub(super) fn build(input: Input, out: &Outlet) {
    let newcomers = input.events.clone().filter_map(|event| {
        let person = event.person()?;
        Some(Newcomer { id: person.id(), name: person.name().into() })
    });
    let sellers = input.events.filter_map(|event| Some(event.auction()?.seller()));
    let sellers = sellers.key_by_value(|seller| seller.to_native());
    let joined = newcomers
        .key_by_value(|newcomer| newcomer.id())
        .join("sellers among newcomers", sellers, Tumbling::of(10.secs()))
        .co_group(|window, newcomers, auctions| {
            if auctions.is_empty() {
                return;
            }
            let mut names: Vec<&str> = newcomers.iter().map(|n| n.record.name()).collect();
            names.sort_unstable();
            names.dedup();
            for name in names {
                let (id, window_start) = (window.key(), window.window().start);
                window.emit(&Seller { id, name: name.into(), window_start });
            }
        });
    joined.late_left.drop_counted();
    joined.late_right.drop_counted();
    out.rows(joined.on_time);
}

impl Row for Seller {
    fn write(&self, line: &mut Line) {
        line.number(self.id).text(&self.name).time(self.window_start).end();
    }
}
