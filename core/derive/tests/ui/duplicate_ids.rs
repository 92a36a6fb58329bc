//! An id names one field.

use thalweg::record::Str;
use thalweg::time::EventTime;

#[thalweg::record]
struct Departure {
    at: EventTime,
    #[field(id = 7)]
    origin: Str,
    #[field(id = 7)]
    dest: Str,
    #[field(renamed_from = "at")]
    departed: EventTime,
}

fn main() {}
