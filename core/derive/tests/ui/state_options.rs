//! Options that are not there, that belong to another kind, or that say nothing.

use thalweg::state::{List, Map, Reducing, State, Value};

#[derive(State)]
struct Seen {
    #[state(ttl = "an hour")]
    readings: Value<u64>,
    #[state(ttl = "0s")]
    never: Value<u64>,
    #[state(refresh = "read_write")]
    tags: Map<u32, u64>,
    #[state(ttl = "1h", expires = "wall")]
    last: Value<u64>,
    #[state(default = 7)]
    values: List<u64>,
    total: Reducing<u64>,
    #[state(lifetime = "1h")]
    other: Value<u64>,
}

fn main() {}
