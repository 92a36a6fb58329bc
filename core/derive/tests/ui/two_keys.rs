//! A record has one key.

use thalweg::record::Str;
use thalweg::time::EventTime;

#[thalweg::record]
struct Departure {
    at: EventTime,
    #[key]
    origin: Str,
    #[key]
    dest: Str,
}

fn main() {}
