//! The fields of a state have names: they address it.

use thalweg::state::{State, Value};

#[derive(State)]
struct Seen(Value<u64>);

#[derive(State)]
enum Either {
    One,
}

fn main() {}
