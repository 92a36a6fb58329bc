//! Proportions, times and identities of what the generator makes.

use std::collections::BTreeMap;

use thalweg::prelude::*;
use thalweg::testing::SourceSuite;

use super::config::{AUCTIONS, BIDS, PERSONS, ROUND};
use super::*;

fn all(config: &Config) -> Vec<Event> {
    let mut maker = Maker::new(config.clone());
    (0..config.events).map(|n| maker.make(n).clone()).collect()
}

#[test]
fn the_source_gives_the_same_events_in_any_number_of_splits_and_from_any_position() {
    for splits in [1, 3] {
        let config = Config::of(200).splits(splits);
        let expected = all(&config);
        SourceSuite::new(move |_| Events::of(config.clone())).expect(expected).run();
    }
    let config = Config::of(120).splits(2);
    let expected = all(&config);
    SourceSuite::new(move |_| Prepared::of(config.clone())).expect(expected).run();
}

#[test]
fn an_event_whose_texts_lie_elsewhere_is_the_same_event() {
    let config = Config::of(1_000);
    let (mut maker, mut other) = (Maker::new(config.clone()), Maker::new(config));
    for n in (0..1_000).rev() {
        let (made, value) = (format!("{:?}", maker.make_ref(n)), format!("{:?}", other.make(n)));
        assert_eq!(made.replace("Ref {", " {"), value);
    }
}

#[test]
fn events_are_in_the_fields_proportions_with_consecutive_ids() {
    let events = all(&Config::of(10 * ROUND));
    let (mut persons, mut auctions, mut bids) = (Vec::new(), Vec::new(), 0);
    for event in &events {
        match event {
            Event::Person(person) => persons.push(person.id),
            Event::Auction(auction) => auctions.push(auction.id),
            Event::Bid(_) => bids += 1,
        }
    }
    assert!(persons.iter().copied().eq(1_000..1_000 + 10 * PERSONS));
    assert!(auctions.iter().copied().eq(1_000..1_000 + 10 * AUCTIONS));
    assert_eq!(bids, 10 * BIDS);
}

#[test]
fn half_of_the_bids_are_on_hot_auctions_and_three_quarters_by_hot_bidders() {
    let events = all(&Config::of(100_000));
    let bids = || {
        events.iter().filter_map(|event| if let Event::Bid(bid) = event { Some(bid) } else { None })
    };
    let total = bids().count();
    let share = |what: &dyn Fn(&super::super::model::Bid) -> bool| {
        bids().filter(|bid| what(bid)).count() * 100 / total
    };
    // Of those that are not hot one in a hundred is, too.
    assert!((49..=52).contains(&share(&|bid| bid.auction % 100 == 0)));
    assert!((74..=77).contains(&share(&|bid| bid.bidder % 100 == 1)));
    assert!((49..=51).contains(&share(&|bid| !bid.channel.starts_with("channel-"))));
    assert!((32..=35).contains(&share(&|bid| bid.price < 10_000)));
    assert!((32..=35).contains(&share(&|bid| bid.price >= 1_000_000)));
    let extra = bids().map(|bid| bid.extra.len()).sum::<usize>() / total;
    assert!((66..=69).contains(&extra), "{extra}");
    assert!(bids().all(|bid| (100..=100_000_000).contains(&bid.price)));
}

#[test]
fn auctions_last_as_long_as_bids_come_for_them() {
    let config = Config::of(100_000);
    let mut lengths = BTreeMap::<u128, u32>::new();
    for event in all(&config) {
        if let Event::Auction(auction) = event {
            let length = auction.expires.since(auction.date_time);
            assert!(length > std::time::Duration::ZERO);
            *lengths.entry(length.as_millis()).or_default() += 1;
        }
    }
    // 100 auctions are 1,666 events, 166 ms: from 1 ms to twice that.
    let (shortest, longest) = (*lengths.keys().next().unwrap(), *lengths.keys().last().unwrap());
    assert!(shortest <= 3 && (325..=335).contains(&longest), "{shortest} {longest}");
}

#[test]
fn another_seed_gives_other_events_at_the_same_times() {
    let (one, other) = (all(&Config::of(50)), all(&Config { seed: 1, ..Config::of(50) }));
    assert_ne!(one, other);
    let config = Config::of(50).per_second(1_000);
    assert_eq!(config.time_of(7), config.start + 7.millis());
    let [Event::Person(a), Event::Person(b)] = [&one[0], &other[0]] else { panic!("persons") };
    assert_eq!((a.id, a.date_time), (b.id, b.date_time));
}
