//! Events from NDJSON: `{"event_type":2,"bid":{...}}`, with 0 for a person, 1 for an auction, 2 for a bid.
//!
//! The file is one split, whatever its size: some queries rank equal records by the order in which they came.

use std::num::NonZeroU64;
use std::path::Path;

use serde::Deserialize;
use thalweg::prelude::*;
use thalweg::source::FileSource;

use super::model::{Auction, Bid, Event, Person};

/// One line of the file.
#[derive(Debug, Deserialize)]
pub struct EventLine {
    event_type: u8,
    person: Option<Person>,
    auction: Option<Auction>,
    bid: Option<Bid>,
}

/// A line whose `event_type` does not fit what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("event_type {0} without its event: 0 comes with `person`, 1 with `auction`, 2 with `bid`")]
pub struct NoEvent(u8);

impl TryFrom<EventLine> for Event {
    type Error = NoEvent;

    fn try_from(line: EventLine) -> Result<Self, NoEvent> {
        let EventLine { event_type, person, auction, bid } = line;
        let event = match event_type {
            0 => person.map(Self::Person),
            1 => auction.map(Self::Auction),
            2 => bid.map(Self::Bid),
            _ => None,
        };
        event.ok_or(NoEvent(event_type))
    }
}

/// The events of a file, plain or compressed, in its order.
pub fn events(path: &Path) -> FileSource<Event> {
    Files::ndjson(path).split_bytes(NonZeroU64::MAX)
}

/// The side input: lines `key,value`.
///
/// # Errors
///
/// If the file cannot be read, or a line is none.
pub fn side_input(path: &Path) -> Result<LookupTable<u64, Str>, csv::Error> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_path(path)?;
    let rows: Result<Vec<(u64, Str)>, _> = reader.deserialize().collect();
    Ok(LookupTable::of(rows?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BID: &str = r#"{"event_type":2,"bid":{"auction":7,"bidder":8,"price":9,"channel":"Apple","url":"u","dateTime":1436918380003,"extra":"a\\b"}}"#;

    #[test]
    fn a_line_is_the_event_that_its_type_says() {
        let Event::Bid(bid) = serde_json::from_str(BID).unwrap() else { panic!("a bid") };
        assert_eq!((bid.auction, bid.bidder, bid.price, &*bid.extra), (7, 8, 9, "a\\b"));
        assert_eq!(bid.date_time, EventTime::from_millis(1_436_918_380_003));
    }

    #[test]
    fn a_line_of_another_type_is_refused() {
        for event_type in ["0", "1", "3"] {
            let line = BID.replacen('2', event_type, 1);
            let error = serde_json::from_str::<Event>(&line).unwrap_err();
            let expected = format!(
                "event_type {event_type} without its event: 0 comes with `person`, 1 with `auction`, 2 with `bid`"
            );
            assert!(error.to_string().starts_with(&expected), "{error}");
        }
    }
}
