//! What is generated: the field's default configuration, and what a run changes of it.

use std::fmt;

use thalweg::prelude::*;

/// Of each 50 events the first is a person, the next three are auctions, the rest bids.
pub const PERSONS: u64 = 1;
/// See [`PERSONS`].
pub const AUCTIONS: u64 = 3;
/// See [`PERSONS`].
pub const BIDS: u64 = 46;
/// Events of a round.
pub const ROUND: u64 = PERSONS + AUCTIONS + BIDS;

/// The first id of persons and of auctions.
pub const FIRST_ID: u64 = 1_000;
/// The first category.
pub const FIRST_CATEGORY: u64 = 10;
/// How many categories there are.
pub const CATEGORIES: u64 = 5;

/// So many of the youngest persons sell and bid.
pub const ACTIVE_PERSONS: u64 = 1_000;
/// So many of the youngest auctions are bid on.
pub const ACTIVE_AUCTIONS: u64 = 100;
/// Ids that are not there yet, and are named all the same.
pub const LEAD: u64 = 10;
/// One in so many persons, and auctions, is hot for a while.
pub const HOT: u64 = 100;
/// All but one in so many bids are on the hot auction.
pub const HOT_AUCTION: u64 = 2;
/// All but one in so many bids are by the hot bidder.
pub const HOT_BIDDER: u64 = 4;
/// All but one in so many auctions are by the hot seller.
pub const HOT_SELLER: u64 = 4;
/// All but one in so many bids are made through one of the four hot channels.
pub const HOT_CHANNEL: u64 = 2;
/// How many other channels there are.
pub const CHANNELS: u64 = 10_000;

/// The size of events on average, in bytes as the field counts them; `extra` fills what the other columns leave.
pub const PERSON_BYTES: usize = 200;
/// See [`PERSON_BYTES`].
pub const AUCTION_BYTES: usize = 500;
/// See [`PERSON_BYTES`].
pub const BID_BYTES: usize = 100;

/// What a run generates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// How many events, of all splits together.
    pub events: u64,
    /// Events in a second of event time.
    pub per_second: u64,
    /// The time of event 0.
    pub start: EventTime,
    /// How many splits share the events.
    pub splits: u64,
    /// Events in a second of the clock, over all splits; `None` = as fast as they are taken.
    pub rate: Option<u64>,
    /// Another seed gives other events.
    pub seed: u64,
    /// Times are exact, where they are else whole milliseconds as the field's are: so an event can be told by its time.
    pub exact_times: bool,
}

impl Config {
    /// So many events in the default configuration: 10,000 in a second of event time, from the start of 2015-07-15, in one split, as fast as they are
    /// taken.
    #[must_use]
    pub fn of(events: u64) -> Self {
        Self {
            events,
            per_second: 10_000,
            start: EventTime::from_millis(1_436_918_400_000),
            splits: 1,
            rate: None,
            seed: 0,
            exact_times: false,
        }
    }

    /// With times that are not rounded to milliseconds.
    #[must_use]
    pub fn exact_times(self) -> Self {
        Self { exact_times: true, ..self }
    }

    /// With so many events in a second of event time, 1 or more.
    #[must_use]
    pub fn per_second(self, per_second: u64) -> Self {
        Self { per_second: per_second.max(1), ..self }
    }

    /// In so many splits, 1 or more.
    #[must_use]
    pub fn splits(self, splits: usize) -> Self {
        Self { splits: splits.max(1) as u64, ..self }
    }

    /// Each event when it is due, at so many in a second of the clock, 1 or more.
    #[must_use]
    pub fn rate(self, rate: u64) -> Self {
        Self { rate: Some(rate.max(1)), ..self }
    }

    /// The time of event `n`, in whole milliseconds if it is not to be exact.
    #[must_use]
    pub fn time_of(&self, n: u64) -> EventTime {
        if self.exact_times {
            let nanos = u128::from(n) * 1_000_000_000 / u128::from(self.per_second);
            let nanos = i64::try_from(nanos).unwrap_or(i64::MAX);
            return EventTime::from_nanos(self.start.as_nanos().saturating_add(nanos));
        }
        // In two steps: a million years of events do not overflow.
        let (seconds, rest) = (n / self.per_second, n % self.per_second);
        let millis = (seconds * 1_000 + rest * 1_000 / self.per_second).cast_signed();
        EventTime::from_millis(self.start.as_millis().saturating_add(millis))
    }
}

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { events, per_second, splits, rate, seed, .. } = self;
        write!(
            f,
            "{events} Nexmark events, {per_second} a second of event time, in {splits} split(s), seed {seed}"
        )?;
        rate.map_or(Ok(()), |rate| write!(f, ", {rate} a second"))
    }
}
