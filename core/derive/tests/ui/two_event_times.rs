//! A record has one event time.

use thalweg::record::Str;
use thalweg::time::EventTime;

#[thalweg::record]
struct Departure {
    #[event_time]
    scheduled: EventTime,
    #[event_time]
    departed: EventTime,
    origin: Str,
}

fn main() {}
