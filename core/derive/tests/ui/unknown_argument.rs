//! An argument that does not exist.

use thalweg::record::Str;
use thalweg::time::EventTime;

#[thalweg::record(no_srede)]
struct Departure {
    at: EventTime,
    #[field(ident = 7)]
    origin: Str,
}

fn main() {}
