//! q3: who sells items of a category in some states.
//!
//! ```sql
//! SELECT p.name, p.city, p.state, a.id
//! FROM auction a JOIN person p ON a.seller = p.id
//! WHERE a.category = 10 AND p.state IN ('OR', 'ID', 'CA')
//! ```
//!
//! An auction has one seller, so it waits for nothing once that is known; sellers of other states are kept, too, or their auctions would wait for good.

use thalweg::prelude::*;

use super::super::line::{Line, Row};
use super::super::outlet::Outlet;
use super::Input;

/// What is needed of an auction.
#[record]
struct Item {
    id: u64,
    seller: u64,
}

/// What is needed of a person.
#[record]
struct Seller {
    id: u64,
    name: Str,
    city: Str,
    state: Str,
}

/// A row of the result.
#[record]
struct Offered {
    name: Str,
    city: Str,
    state: Str,
    auction: u64,
}

pub(super) fn build(input: Input, out: &Outlet) {
    let items = input.events.clone().filter_map(|event| {
        let auction = event.auction().filter(|auction| auction.category() == 10)?;
        Some(Item { id: auction.id(), seller: auction.seller() })
    });
    let sellers = input.events.filter_map(|event| {
        let person = event.person()?;
        let (name, city, state) = (person.name(), person.city(), person.state());
        Some(Seller { id: person.id(), name: name.into(), city: city.into(), state: state.into() })
    });
    let offered = items
        .key_by_value(|item| item.seller())
        .regular_join("items and sellers", sellers.key_by_value(|seller| seller.id()))
        .many_to_one(|item, seller| {
            matches!(seller.state(), "OR" | "ID" | "CA").then(|| Offered {
                name: seller.name().into(),
                city: seller.city().into(),
                state: seller.state().into(),
                auction: item.id(),
            })
        });
    out.rows(offered);
}

impl Row for Offered {
    fn write(&self, line: &mut Line) {
        line.text(&self.name).text(&self.city).text(&self.state).number(self.auction).end();
    }
}
