//! A record has named fields.

use thalweg::record::Str;
use thalweg::time::EventTime;

#[thalweg::record]
struct Departure(EventTime, Str);

fn main() {}
