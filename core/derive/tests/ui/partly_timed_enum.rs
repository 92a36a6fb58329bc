//! All variants have an event time, or none has.

use thalweg::record::Str;
use thalweg::time::EventTime;

#[thalweg::record]
enum Event {
    Departed(#[event_time] EventTime, Str),
    Cancelled,
}

fn main() {}
