//! What has no archive cannot be a field.

use thalweg::record::Str;
use thalweg::time::EventTime;

#[thalweg::record]
struct Departure {
    at: EventTime,
    origin: Str,
    by_name: std::collections::HashMap<u32, u32>,
}

fn main() {}
