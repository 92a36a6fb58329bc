//! A record means the same on every machine.

use thalweg::record::Str;
use thalweg::time::EventTime;

#[thalweg::record]
struct Departure {
    at: EventTime,
    distance: Option<usize>,
    ticket: u128,
    dest: Str,
}

fn main() {}
