//! A number that all fields of all events go into: two generators that agree on it have made the same events.
//!
//! # Source
//!
//! FNV-1a, 64 bits (Fowler, Noll, Vo); whole words instead of bytes for numbers, and each text is closed by its length.

use crate::nexmark::generator::{Config, Maker};
use crate::nexmark::model::Event;

const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

struct Fingerprint(u64);

impl Fingerprint {
    fn word(&mut self, word: u64) -> &mut Self {
        self.0 = (self.0 ^ word).wrapping_mul(PRIME);
        self
    }

    fn time(&mut self, at: thalweg::time::EventTime) -> &mut Self {
        self.word(at.as_millis().cast_unsigned())
    }

    fn text(&mut self, text: &str) -> &mut Self {
        for byte in text.bytes() {
            self.word(u64::from(byte));
        }
        self.word(text.len() as u64)
    }

    fn event(&mut self, event: &Event) {
        match event {
            Event::Person(person) => {
                self.word(0).word(person.id).text(&person.name).text(&person.email_address);
                self.text(&person.credit_card).text(&person.city).text(&person.state);
                self.time(person.date_time).text(&person.extra);
            }
            Event::Auction(auction) => {
                self.word(1).word(auction.id).text(&auction.item_name).text(&auction.description);
                self.word(auction.initial_bid).word(auction.reserve).time(auction.date_time);
                self.time(auction.expires).word(auction.seller).word(auction.category);
                self.text(&auction.extra);
            }
            Event::Bid(bid) => {
                self.word(2).word(bid.auction).word(bid.bidder).word(bid.price);
                self.text(&bid.channel).text(&bid.url).time(bid.date_time).text(&bid.extra);
            }
        }
    }
}

/// The number of the first `events` events of the default configuration.
#[must_use]
pub fn of(events: u64) -> u64 {
    let mut maker = Maker::new(Config::of(events));
    let mut fingerprint = Fingerprint(BASIS);
    for n in 0..events {
        fingerprint.event(maker.make(n));
    }
    fingerprint.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_in_java_makes_the_same_events() {
        // What `Main fingerprint 2000` in `bench/peers/flink` says: whoever changes one generator changes both.
        assert_eq!(of(2_000), 16_676_380_923_521_388_602);
    }

    #[test]
    fn one_event_more_is_another_number() {
        assert_ne!(of(50), of(51));
        assert_eq!(of(51), of(51));
    }
}
