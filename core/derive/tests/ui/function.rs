//! Not a type at all.

use thalweg::record::Str;
use thalweg::time::EventTime;

#[thalweg::record]
fn departure(_: EventTime, _: Str) {}

fn main() {}
