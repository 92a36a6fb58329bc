//! A union does not say what it holds.

use thalweg::record::Str;
use thalweg::time::EventTime;

#[thalweg::record]
union Departure {
    at: EventTime,
    distance: u32,
    origin: std::mem::ManuallyDrop<Str>,
}

fn main() {}
