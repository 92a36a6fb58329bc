//! The stores, each as somebody who knows it would use it.

pub mod fjall;
pub mod redb;
#[cfg(feature = "rocksdb")]
pub mod rocksdb;
pub mod thalweg;

use std::error::Error;

/// Counts by key.
pub trait Counts {
    /// Adds one to the count of a key.
    fn add(&mut self, key: u64) -> Result<(), Box<dyn Error>>;

    /// Adds one to the count of each.
    fn add_all(&mut self, keys: &[u64]) -> Result<(), Box<dyn Error>> {
        keys.iter().try_for_each(|key| self.add(*key))
    }

    /// Returns when everything so far is durable.
    fn make_durable(&mut self) -> Result<(), Box<dyn Error>>;
}

/// Keys as bytes, mixed, so that no store is favoured by their order.
pub fn mix(key: u64) -> u64 {
    let mixed = key.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ mixed >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
    mixed ^ mixed >> 32
}
