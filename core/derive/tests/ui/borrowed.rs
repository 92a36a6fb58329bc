//! A record owns its data.

use thalweg::record::Str;
use thalweg::time::EventTime;

#[thalweg::record]
struct Departure<'a> {
    at: EventTime,
    origin: &'a str,
    carriers: Vec<&'a str>,
    dest: Str,
}

fn main() {}
