//! What event `n` is.

use thalweg::prelude::*;

use super::channels::{Channels, HOT_CHANNELS};
use super::config::{
    ACTIVE_AUCTIONS, ACTIVE_PERSONS, AUCTION_BYTES, AUCTIONS, BID_BYTES, CATEGORIES, Config,
    FIRST_CATEGORY, FIRST_ID, HOT, HOT_AUCTION, HOT_BIDDER, HOT_CHANNEL, HOT_SELLER, LEAD,
    PERSON_BYTES, PERSONS, ROUND,
};
use super::dice::Dice;
use super::instants::Instants;
use super::texts::Texts;
use crate::nexmark::model::{Auction, Bid, BidRef, Event, EventRef, Person};

const STATES: [&str; 6] = ["AZ", "CA", "ID", "OR", "WA", "WY"];
const CITIES: [&str; 10] = [
    "Phoenix",
    "Los Angeles",
    "San Francisco",
    "Boise",
    "Portland",
    "Bend",
    "Redmond",
    "Seattle",
    "Kent",
    "Cheyenne",
];
const FIRST_NAMES: [&str; 11] = [
    "Peter", "Paul", "Luke", "John", "Saul", "Vicky", "Kate", "Julie", "Sarah", "Deiter", "Walter",
];
const LAST_NAMES: [&str; 9] =
    ["Shultz", "Abrams", "Spencer", "White", "Bartels", "Walton", "Smith", "Jones", "Noris"];

/// Makes events, each of which is overwritten by the next one.
#[derive(Debug)]
pub struct Maker {
    config: Config,
    instants: Instants,
    texts: Texts,
    prices: Prices,
    channels: Channels,
    person: Person,
    auction: Auction,
    event: Event,
}

impl Maker {
    /// A maker of the events of `config`.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let mut dice = Dice::of(config.seed, u64::MAX);
        Self {
            texts: Texts::new(&mut dice),
            prices: Prices::new(),
            instants: Instants::default(),
            config,
            person: Person::default(),
            auction: Auction::default(),
            event: Event::Bid(Bid::default()),
            channels: Channels::new(&mut dice),
        }
    }

    /// What it makes.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Event `n`, with texts that lie here and there. Cost: no allocation, once texts of that length were made.
    #[inline]
    pub fn make_ref(&mut self, n: u64) -> EventRef<'_> {
        let mut dice = Dice::of(self.config.seed, n);
        let at = self.instants.of(&self.config, n);
        let number = Number::of(n);
        match number.place {
            place if place >= PERSONS + AUCTIONS => {
                let Self { texts, prices, channels, .. } = self;
                EventRef::Bid(make_bid((texts, prices, channels), number, at, &mut dice))
            }
            place if place >= PERSONS => {
                self.make_auction(number, n, at, &mut dice);
                EventRef::Auction((&self.auction).into())
            }
            _ => {
                self.make_person(number, at, &mut dice);
                EventRef::Person((&self.person).into())
            }
        }
    }

    /// Event `n`, as a value. Cost: as [`Self::make_ref`], and copies of the texts.
    pub fn make(&mut self, n: u64) -> &Event {
        let mut dice = Dice::of(self.config.seed, n);
        let at = self.instants.of(&self.config, n);
        let number = Number::of(n);
        match number.place {
            place if place >= PERSONS + AUCTIONS => {
                let Self { texts, prices, channels, event, .. } = self;
                let made = make_bid((texts, prices, channels), number, at, &mut dice);
                if !matches!(event, Event::Bid(_)) {
                    *event = Event::Bid(Bid::default());
                }
                let Event::Bid(bid) = event else {
                    unreachable!("invariant: it was just made one")
                };
                let BidRef { auction, bidder, price, channel, url, date_time, extra } = made;
                (bid.auction, bid.bidder, bid.price) = (auction, bidder, price);
                bid.date_time = date_time;
                set(&mut bid.channel, channel);
                set(&mut bid.url, url);
                set(&mut bid.extra, extra);
            }
            place if place >= PERSONS => {
                self.make_auction(number, n, at, &mut dice);
                self.event = Event::Auction(self.auction.clone());
            }
            _ => {
                self.make_person(number, at, &mut dice);
                self.event = Event::Person(self.person.clone());
            }
        }
        &self.event
    }

    fn make_auction(&mut self, number: Number, n: u64, at: EventTime, dice: &mut Dice) {
        let Self { texts, prices, auction, config, .. } = self;
        auction.id = FIRST_ID + number.last_auction();
        auction.seller = FIRST_ID
            + match dice.all_but_one_in(HOT_SELLER) {
                true => number.last_person() / HOT * HOT,
                false => number.some_person(dice),
            };
        auction.category = FIRST_CATEGORY + dice.below(CATEGORIES);
        auction.initial_bid = prices.draw(dice);
        auction.reserve = auction.initial_bid + prices.draw(dice);
        auction.date_time = at;
        // As long, on average, as it takes until the auctions that are active now no longer are.
        let horizon = config.time_of(n + ACTIVE_AUCTIONS * ROUND / AUCTIONS).since(at).as_millis();
        let horizon = u64::try_from(horizon).unwrap_or(u64::MAX / 4);
        auction.expires = at.saturating_add((1 + dice.below((2 * horizon).max(1))).millis());
        set(&mut auction.item_name, texts.words(dice, 20));
        set(&mut auction.description, texts.words(dice, 100));
        let taken = 48 + auction.item_name.len() + auction.description.len();
        set(&mut auction.extra, texts.extra(dice, taken, AUCTION_BYTES));
    }

    fn make_person(&mut self, number: Number, at: EventTime, dice: &mut Dice) {
        let Self { texts, person, .. } = self;
        person.id = FIRST_ID + number.last_person();
        let (first, last) = (one_of(dice, &FIRST_NAMES), one_of(dice, &LAST_NAMES));
        join(&mut person.name, &[first, " ", last]);
        let (name, host) = (texts.words(dice, 7), texts.words(dice, 5));
        join(&mut person.email_address, &[name, "@", host, ".com"]);
        let groups = [(); 4].map(|()| dice.below(10_000));
        let mut digits = CARD;
        for (group, number) in digits.chunks_mut(5).zip(groups) {
            for (place, power) in group.iter_mut().zip([1_000, 100, 10, 1]) {
                *place = b'0' + (number / power % 10) as u8;
            }
        }
        set(&mut person.credit_card, std::str::from_utf8(&digits).expect("invariant: digits"));
        set(&mut person.city, one_of(dice, &CITIES));
        set(&mut person.state, one_of(dice, &STATES));
        person.date_time = at;
        let texts_of = [&person.name, &person.email_address, &person.credit_card];
        let taken = texts_of.map(|text| text.len()).iter().sum::<usize>();
        let taken = 8 + taken + person.city.len() + person.state.len();
        set(&mut person.extra, texts.extra(dice, taken, PERSON_BYTES));
    }
}

#[inline]
fn make_bid<'a>(
    (texts, prices, channels): (&'a Texts, &Prices, &'a Channels),
    number: Number,
    at: EventTime,
    dice: &mut Dice,
) -> BidRef<'a> {
    // What is hot is as good as random, so no branch depends on it: one that is guessed wrong takes as long as two draws.
    let hot = HOT_CHANNELS.len();
    let is_hot = dice.all_but_one_in(HOT_CHANNEL);
    let (from, among) = if is_hot { (0, hot) } else { (hot, channels.len() - hot) };
    let (channel, url) = channels.get(from + dice.index(among));
    let is_hot = dice.all_but_one_in(HOT_AUCTION);
    let hot = number.last_auction() / HOT * HOT;
    let auction = FIRST_ID + dice.unless(is_hot, hot, |dice| number.some_auction(dice));
    let is_hot = dice.all_but_one_in(HOT_BIDDER);
    // The one behind the hot seller.
    let hot = number.last_person() / HOT * HOT + 1;
    let bidder = FIRST_ID + dice.unless(is_hot, hot, |dice| number.some_person(dice));
    let price = prices.draw(dice);
    let extra = texts.extra(dice, 32, BID_BYTES);
    BidRef { auction, bidder, price, channel, url, date_time: at, extra }
}

/// Four groups of four digits.
const CARD: [u8; 19] = *b"0000 0000 0000 0000";

/// Overwrites a text with several, one behind the other.
fn join(text: &mut Str, parts: &[&str]) {
    text.clear();
    parts.iter().for_each(|part| text.push_str(part));
}

/// Overwrites a text; its room is used again.
#[inline]
fn set(text: &mut Str, with: &str) {
    text.clear();
    text.push_str(with);
}

fn one_of(dice: &mut Dice, texts: &[&'static str]) -> &'static str {
    texts[dice.index(texts.len())]
}

/// An event's number, taken apart: the round, and the place in it.
#[derive(Debug, Clone, Copy)]
struct Number {
    round: u64,
    place: u64,
}

impl Number {
    #[inline]
    fn of(n: u64) -> Self {
        Self { round: n / ROUND, place: n % ROUND }
    }

    /// The number of the last person of this event and those before it.
    #[inline]
    fn last_person(self) -> u64 {
        // The one person of a round is its first event.
        self.round * PERSONS
    }

    /// The number of the last auction of this event and those before it; of the first event, which has none before it, that of the first to come.
    #[inline]
    fn last_auction(self) -> u64 {
        match self.place.checked_sub(PERSONS) {
            Some(place) => self.round * AUCTIONS + place.min(AUCTIONS - 1),
            None => (self.round * AUCTIONS).saturating_sub(1),
        }
    }

    /// One of the active persons, or of those that are to come soon.
    #[inline]
    fn some_person(self, dice: &mut Dice) -> u64 {
        let persons = self.last_person() + 1;
        let active = persons.min(ACTIVE_PERSONS);
        persons - active + dice.below(active + LEAD)
    }

    /// One of the active auctions, or of those that are to come soon.
    #[inline]
    fn some_auction(self, dice: &mut Dice) -> u64 {
        let last = self.last_auction();
        let first = last.saturating_sub(ACTIVE_AUCTIONS);
        first + dice.below(last - first + 1 + LEAD)
    }
}

/// Prices from 100 to 100,000,000, as many of each magnitude: `100 * 10^(6 u)` for an even `u`.
///
/// The power is read from a table, and straight between its points; it is off by less than a hundred thousandth.
#[derive(Debug)]
struct Prices {
    powers: Box<[f64]>,
}

/// Points of the table.
const POINTS: u64 = 1 << (53 - REST_BITS);

/// Of a draw's 53 bits, those that lie between two points.
const REST_BITS: u32 = 42;

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "numbers far below 2^53, and prices from 100 to 10^8"
)]
impl Prices {
    fn new() -> Self {
        let power = |point: u64| 10_f64.powf(6.0 * point as f64 / POINTS as f64) * 100.0;
        Self { powers: (0..=POINTS).map(power).collect() }
    }

    #[inline]
    fn draw(&self, dice: &mut Dice) -> u64 {
        let drawn = dice.draw() >> 11;
        // The upper bits are the point, the lower ones how far it is to the next.
        let (point, rest) = ((drawn >> REST_BITS) as usize, drawn & ((1 << REST_BITS) - 1));
        let share = rest.cast_signed() as f64 * (1.0 / (1_u64 << REST_BITS) as f64);
        let (below, above) = (self.powers[point], self.powers[point + 1]);
        ((below + (above - below) * share + 0.5) as i64).cast_unsigned()
    }
}
