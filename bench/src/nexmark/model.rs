//! The three kinds of events of Nexmark, and the stream that has all of them.
//!
//! Names of fields are those of the benchmark's JSON, in snake case; times there are milliseconds since the Unix epoch.
//!
//! # Source
//!
//! Tucker, Tufte, Papadimos, Maier: "NEXMark: a benchmark for queries over data streams", 2002; with the columns that the field's
//! implementations have added since (`channel`, `url`, `extra`).

use thalweg::prelude::*;

use super::reader::EventLine;

/// Somebody who sells and bids.
#[record]
#[derive(Default)]
#[serde(rename_all = "camelCase")]
pub struct Person {
    /// Unique.
    pub id: u64,
    /// First and last name.
    pub name: Str,
    /// Where to write to.
    pub email_address: Str,
    /// Four groups of four digits.
    pub credit_card: Str,
    /// Where the person lives.
    pub city: Str,
    /// Two letters.
    pub state: Str,
    /// When the person registered.
    #[event_time]
    pub date_time: EventTime,
    /// Ballast.
    pub extra: Str,
}

/// An item on sale, for a while.
#[record]
#[derive(Default)]
#[serde(rename_all = "camelCase")]
pub struct Auction {
    /// Unique.
    pub id: u64,
    /// What is sold.
    pub item_name: Str,
    /// More about it.
    pub description: Str,
    /// Where bidding starts.
    pub initial_bid: u64,
    /// Below which it is not sold.
    pub reserve: u64,
    /// When it opened.
    #[event_time]
    pub date_time: EventTime,
    /// The last instant at which a bid counts.
    pub expires: EventTime,
    /// A person's id.
    pub seller: u64,
    /// What kind of item.
    pub category: u64,
    /// Ballast.
    pub extra: Str,
}

/// An offer for an item.
#[record]
#[derive(Default)]
#[serde(rename_all = "camelCase")]
pub struct Bid {
    /// An auction's id.
    pub auction: u64,
    /// A person's id.
    pub bidder: u64,
    /// How much.
    pub price: u64,
    /// Through which market.
    pub channel: Str,
    /// The page that it was made on.
    pub url: Str,
    /// When it was made.
    #[event_time]
    pub date_time: EventTime,
    /// Ballast.
    pub extra: Str,
}

/// What happens at the auction house, in one stream.
#[record]
#[serde(try_from = "EventLine")]
pub enum Event {
    /// Somebody registered.
    Person(#[event_time] Person),
    /// An auction opened.
    Auction(#[event_time] Auction),
    /// A bid was made.
    Bid(#[event_time] Bid),
}

/// A [`Person`] whose texts lie elsewhere.
#[record_ref(Person)]
pub struct PersonRef<'a> {
    /// See [`Person`].
    pub id: u64,
    /// See [`Person`].
    pub name: &'a str,
    /// See [`Person`].
    pub email_address: &'a str,
    /// See [`Person`].
    pub credit_card: &'a str,
    /// See [`Person`].
    pub city: &'a str,
    /// See [`Person`].
    pub state: &'a str,
    /// See [`Person`].
    pub date_time: EventTime,
    /// See [`Person`].
    pub extra: &'a str,
}

/// An [`Auction`] whose texts lie elsewhere.
#[record_ref(Auction)]
pub struct AuctionRef<'a> {
    /// See [`Auction`].
    pub id: u64,
    /// See [`Auction`].
    pub item_name: &'a str,
    /// See [`Auction`].
    pub description: &'a str,
    /// See [`Auction`].
    pub initial_bid: u64,
    /// See [`Auction`].
    pub reserve: u64,
    /// See [`Auction`].
    pub date_time: EventTime,
    /// See [`Auction`].
    pub expires: EventTime,
    /// See [`Auction`].
    pub seller: u64,
    /// See [`Auction`].
    pub category: u64,
    /// See [`Auction`].
    pub extra: &'a str,
}

/// A [`Bid`] whose texts lie elsewhere.
#[record_ref(Bid)]
pub struct BidRef<'a> {
    /// See [`Bid`].
    pub auction: u64,
    /// See [`Bid`].
    pub bidder: u64,
    /// See [`Bid`].
    pub price: u64,
    /// See [`Bid`].
    pub channel: &'a str,
    /// See [`Bid`].
    pub url: &'a str,
    /// See [`Bid`].
    pub date_time: EventTime,
    /// See [`Bid`].
    pub extra: &'a str,
}

/// An [`Event`] whose texts lie elsewhere.
#[record_ref(Event)]
pub enum EventRef<'a> {
    /// Somebody registered.
    Person(PersonRef<'a>),
    /// An auction opened.
    Auction(AuctionRef<'a>),
    /// A bid was made.
    Bid(BidRef<'a>),
}

impl<'a> From<&'a Person> for PersonRef<'a> {
    fn from(person: &'a Person) -> Self {
        let Person { id, name, email_address, credit_card, city, state, date_time, extra } = person;
        let (id, date_time) = (*id, *date_time);
        Self { id, name, email_address, credit_card, city, state, date_time, extra }
    }
}

impl<'a> From<&'a Auction> for AuctionRef<'a> {
    fn from(auction: &'a Auction) -> Self {
        Self {
            id: auction.id,
            item_name: &auction.item_name,
            description: &auction.description,
            initial_bid: auction.initial_bid,
            reserve: auction.reserve,
            date_time: auction.date_time,
            expires: auction.expires,
            seller: auction.seller,
            category: auction.category,
            extra: &auction.extra,
        }
    }
}

impl<'a> From<&'a ArchivedAuction> for AuctionRef<'a> {
    fn from(auction: &'a ArchivedAuction) -> Self {
        Self {
            id: auction.id(),
            item_name: auction.item_name(),
            description: auction.description(),
            initial_bid: auction.initial_bid(),
            reserve: auction.reserve(),
            date_time: auction.date_time(),
            expires: auction.expires(),
            seller: auction.seller(),
            category: auction.category(),
            extra: auction.extra(),
        }
    }
}

impl ArchivedEvent {
    /// The person, if it is one.
    #[inline]
    pub fn person(&self) -> Option<&ArchivedPerson> {
        if let Self::Person(person) = self { Some(person) } else { None }
    }

    /// The auction, if it is one.
    #[inline]
    pub fn auction(&self) -> Option<&ArchivedAuction> {
        if let Self::Auction(auction) = self { Some(auction) } else { None }
    }

    /// The bid, if it is one.
    #[inline]
    pub fn bid(&self) -> Option<&ArchivedBid> {
        if let Self::Bid(bid) = self { Some(bid) } else { None }
    }
}
