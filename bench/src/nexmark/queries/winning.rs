//! The winning bid of each auction so far, as a changelog; for q4 and q6; and which bid wins, for q9 too.
//!
//! A bid is valid from the auction's time to its expiry, both included. The highest wins, of equal ones the earliest. Events of one auction may come in
//! any order: bids that come before their auction wait for it.
//!
//! It is what SQL's join of auctions and bids, with a maximum over it, comes to; but of an auction only the bid in the lead is kept, where the join
//! would keep all of them.

use thalweg::error::OperatorFault;
use thalweg::operator::Change;
use thalweg::prelude::*;
use thalweg::process::{Cx, KeyedProcess, NoSide, NoTimers};
use thalweg::state::{List, State, Value};

use super::super::model::ArchivedEvent;

/// What is needed of an auction or a bid.
#[record]
pub(super) struct Offer {
    pub(super) auction: u64,
    kind: OfferKind,
}

#[record]
enum OfferKind {
    Auction(Sale),
    Bid(Price),
}

/// An auction.
#[record]
struct Sale {
    category: u64,
    seller: u64,
    opens: EventTime,
    expires: EventTime,
}

/// A bid.
#[record]
struct Price {
    price: u64,
    at: EventTime,
}

impl Offer {
    /// Of an event, if it is not a person.
    pub(super) fn of(event: &ArchivedEvent) -> Option<Self> {
        if let Some(bid) = event.bid() {
            let price = Price { price: bid.price(), at: bid.date_time() };
            return Some(Self { auction: bid.auction(), kind: OfferKind::Bid(price) });
        }
        let auction = event.auction()?;
        let sale = Sale {
            category: auction.category(),
            seller: auction.seller(),
            opens: auction.date_time(),
            expires: auction.expires(),
        };
        Some(Self { auction: auction.id(), kind: OfferKind::Auction(sale) })
    }
}

/// The bid in the lead of an auction.
#[record]
pub(super) struct Won {
    pub(super) auction: u64,
    pub(super) category: u64,
    pub(super) seller: u64,
    pub(super) price: u64,
    pub(super) at: EventTime,
}

/// An auction and its lead.
#[record]
struct Lead {
    sale: Sale,
    best: Option<Price>,
}

/// What an auction remembers.
#[derive(State)]
pub(super) struct Auctions {
    lead: Value<Lead>,
    /// Bids that came before it.
    early: List<Price>,
}

/// The process function.
pub(super) struct WinningBids;

/// Whether a bid of `price` at `at` leads: it is valid, and beats the one that leads now.
pub(super) fn leads(
    (price, at): (u64, EventTime),
    best: Option<(u64, EventTime)>,
    (opens, expires): (EventTime, EventTime),
) -> bool {
    let beats = |best: (u64, EventTime)| price > best.0 || price == best.0 && at < best.1;
    opens <= at && at <= expires && best.is_none_or(beats)
}

impl Lead {
    /// Takes a bid into account; true if it leads now.
    fn bid(&mut self, bid: Price) -> bool {
        let best = self.best.as_ref().map(|best| (best.price, best.at));
        let leads = leads((bid.price, bid.at), best, (self.sale.opens, self.sale.expires));
        if leads {
            self.best = Some(bid);
        }
        leads
    }

    fn won(&self, auction: u64) -> Option<Won> {
        let Price { price, at } = *self.best.as_ref()?;
        Some(Won { auction, category: self.sale.category, seller: self.sale.seller, price, at })
    }
}

impl ArchivedLead {
    /// Whether a bid would lead.
    fn is_beaten_by(&self, bid: &Price) -> bool {
        let best = self.best().map(|best| (best.price(), best.at()));
        leads((bid.price, bid.at), best, (self.sale().opens(), self.sale().expires()))
    }
}

impl KeyedProcess for WinningBids {
    type Key = u64;
    type In = Offer;
    type Out = Change<Won>;
    type State = Auctions;
    type Timer = NoTimers;
    type Side = NoSide;

    fn on_event(&mut self, cx: &mut Cx<'_, Self>, offer: &Rec<Offer>) -> Result<(), OperatorFault> {
        let Offer { auction, kind } = offer.to_value();
        match kind {
            OfferKind::Bid(bid) => {
                // Read in place: most bids do not lead, and change nothing.
                let Some(lead) = cx.state.lead.get() else {
                    cx.state.early.push(bid);
                    return Ok(());
                };
                if !lead.is_beaten_by(&bid) {
                    return Ok(());
                }
                let changed = cx.state.lead.update_if_set(|lead| {
                    let before = lead.won(auction);
                    lead.best = Some(bid);
                    (before, lead.won(auction))
                });
                match changed {
                    Some((Some(before), Some(after))) => {
                        cx.out.emit(&Change::update_before(before));
                        cx.out.emit(&Change::update_after(after));
                    }
                    Some((None, Some(after))) => cx.out.emit(&Change::insert(after)),
                    _ => unreachable!("invariant: there is a lead, and a bid in it"),
                }
            }
            OfferKind::Auction(sale) => {
                if cx.state.lead.is_set() {
                    return Err(format!("auction {auction} is opened a second time").into());
                }
                let mut lead = Lead { sale, best: None };
                for bid in cx.state.early.to_vec() {
                    lead.bid(bid);
                }
                cx.state.early.clear();
                if let Some(won) = lead.won(auction) {
                    cx.out.emit(&Change::insert(won));
                }
                cx.state.lead.set(lead);
            }
        }
        Ok(())
    }
}
