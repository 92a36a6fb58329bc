//! q9: each auction with its winning bid.
//!
//! ```sql
//! SELECT id, itemName, description, initialBid, reserve, time, expires, seller, category, extra, auction, bidder, price, bid_time, bid_extra
//! FROM (
//!     SELECT a.*, b.auction, b.bidder, b.price, b.time AS bid_time, b.extra AS bid_extra,
//!         ROW_NUMBER() OVER (PARTITION BY a.id ORDER BY b.price DESC, b.time ASC) AS place
//!     FROM auction a JOIN bid b ON a.id = b.auction
//!     WHERE b.time BETWEEN a.time AND a.expires
//! )
//! WHERE place = 1
//! ```
//!
//! Of an auction the bid in the lead is kept, and until the auction is known all bids on it; a join would keep all of them for good.

use thalweg::error::OperatorFault;
use thalweg::prelude::*;
use thalweg::process::{Cx, KeyedProcess, NoSide, NoTimers};
use thalweg::state::{List, State, Value};

use super::super::line::{Line, Row};
use super::super::model::{ArchivedBid, Auction, AuctionRef, Event};
use super::super::outlet::Outlet;
use super::Input;
use super::winning::leads;

/// A row of the result.
#[record]
struct Winner {
    auction: Auction,
    bid: Winning,
}

/// What is shown of a bid.
#[record]
struct Winning {
    auction: u64,
    bidder: u64,
    price: u64,
    time: EventTime,
    extra: Str,
}

/// A [`Winner`] whose texts lie where the auction and the bid are.
#[record_ref(Winner)]
struct WinnerRef<'a> {
    auction: AuctionRef<'a>,
    bid: WinningRef<'a>,
}

/// What is shown of a bid.
#[record_ref(Winning)]
struct WinningRef<'a> {
    auction: u64,
    bidder: u64,
    price: u64,
    time: EventTime,
    extra: &'a str,
}

impl<'a> From<&'a ArchivedBid> for WinningRef<'a> {
    fn from(bid: &'a ArchivedBid) -> Self {
        Self {
            auction: bid.auction(),
            bidder: bid.bidder(),
            price: bid.price(),
            time: bid.date_time(),
            extra: bid.extra(),
        }
    }
}

/// When bids are valid, and the one in the lead.
#[record]
struct Lead {
    opens: EventTime,
    expires: EventTime,
    best: Option<(u64, EventTime)>,
}

impl Lead {
    /// Takes a bid into account; true if it leads now.
    fn bid(&mut self, price: u64, at: EventTime) -> bool {
        let leads = leads((price, at), self.best, (self.opens, self.expires));
        if leads {
            self.best = Some((price, at));
        }
        leads
    }
}

impl ArchivedLead {
    /// Whether a bid would lead.
    fn is_beaten_by(&self, price: u64, at: EventTime) -> bool {
        leads((price, at), self.best(), (self.opens(), self.expires()))
    }
}

/// What an auction remembers.
#[derive(State)]
struct Auctions {
    lead: Value<Lead>,
    auction: Value<Event>,
    /// Bids that came before it.
    early: List<Event>,
}

struct WinningBids;

impl WinningBids {
    fn on_bid(cx: &mut Cx<'_, Self>, event: &Rec<Event>, bid: &ArchivedBid) {
        // Read in place: most bids do not lead, and change nothing.
        let Some(lead) = cx.state.lead.get() else {
            cx.state.early.push_record(event);
            return;
        };
        let (price, at) = (bid.price(), bid.date_time());
        if lead.is_beaten_by(price, at) {
            cx.state.lead.update_if_set(|lead| lead.best = Some((price, at)));
            let auction = cx.state.auction.get().and_then(|event| event.auction());
            if let Some(auction) = auction {
                cx.out.emit_as(&WinnerRef { auction: auction.into(), bid: bid.into() });
            }
        }
    }

    fn on_auction(cx: &mut Cx<'_, Self>, event: &Rec<Event>, lead: Lead) {
        let mut lead = lead;
        cx.state.auction.set_record(event);
        let mut best = None;
        for early in cx.state.early.to_vec() {
            if let Event::Bid(bid) = early
                && lead.bid(bid.price, bid.date_time)
            {
                best = Some(bid);
            }
        }
        cx.state.early.clear();
        cx.state.lead.set(lead);
        if let (Some(bid), Event::Auction(auction)) = (best, event.to_value()) {
            let bid = Winning {
                auction: bid.auction,
                bidder: bid.bidder,
                price: bid.price,
                time: bid.date_time,
                extra: bid.extra,
            };
            cx.out.emit(&Winner { auction, bid });
        }
    }
}

impl KeyedProcess for WinningBids {
    type Key = u64;
    type In = Event;
    type Out = Winner;
    type State = Auctions;
    type Timer = NoTimers;
    type Side = NoSide;

    fn on_event(&mut self, cx: &mut Cx<'_, Self>, event: &Rec<Event>) -> Result<(), OperatorFault> {
        if let Some(bid) = event.bid() {
            Self::on_bid(cx, event, bid);
        } else if let Some(auction) = event.auction() {
            if cx.state.lead.is_set() {
                return Err(format!("auction {} is opened a second time", auction.id()).into());
            }
            let (opens, expires) = (auction.date_time(), auction.expires());
            Self::on_auction(cx, event, Lead { opens, expires, best: None });
        }
        Ok(())
    }
}

pub(super) fn build(input: Input, out: &Outlet) {
    let winners = input
        .events
        .filter(|event| event.person().is_none())
        .key_by_value(|event| match (event.bid(), event.auction()) {
            (Some(bid), _) => bid.auction(),
            (_, Some(auction)) => auction.id(),
            _ => 0,
        })
        .process("winning bids", || WinningBids);
    out.table(winners, |winner| winner.auction().id());
}

impl Row for Winner {
    fn write(&self, line: &mut Line) {
        let Self { auction, bid } = self;
        line.number(auction.id).text(&auction.item_name).text(&auction.description);
        line.number(auction.initial_bid).number(auction.reserve);
        line.time(auction.date_time).time(auction.expires);
        line.number(auction.seller).number(auction.category).text(&auction.extra);
        line.number(bid.auction).number(bid.bidder).number(bid.price);
        line.time(bid.time).text(&bid.extra).end();
    }
}
