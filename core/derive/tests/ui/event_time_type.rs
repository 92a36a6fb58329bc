//! An event time is a time.

use thalweg::record::Str;
use thalweg::time::EventTime;

#[thalweg::record]
struct Departure {
    #[event_time]
    at: u64,
    departed: EventTime,
    origin: Str,
}

fn main() {}
