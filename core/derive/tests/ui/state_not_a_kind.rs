//! A field of a state is a kind of state, not a bare type.

use thalweg::state::{State, Value};

#[derive(State)]
struct Seen {
    readings: Value<u64>,
    last: u64,
}

fn main() {}
