//! The bids that the bare path moves: 48 bytes, a key drawn evenly, made inline at a few cycles each.

/// Words of a bid: 48 bytes.
pub const BID_WORDS: usize = 6;

/// One bid: `auction` (the key), `bidder`, `price`, `date_time`, `channel`, and an extra field as padding.
pub type Bid = [u64; BID_WORDS];

/// The word of a bid that is its key.
pub const AUCTION: usize = 0;

/// An endless source of bids whose keys are even over `0..keys`.
#[derive(Debug, Clone)]
pub struct BidSource {
    state: u64,
    keys: u64,
}

impl BidSource {
    /// A source over `0..keys`; the same seed makes the same bids.
    ///
    /// # Panics
    ///
    /// If `keys` is zero or more than 2^32: a key is the high half of a 64-bit product.
    #[must_use]
    pub fn new(seed: u64, keys: u64) -> Self {
        assert!((1..=1 << 32).contains(&keys), "there must be 1 to 2^32 keys, not {keys}");
        // Neighbouring seeds must not make neighbouring streams, and zero is xorshift's fixed point.
        Self { state: hash_of_key(seed) | 1, keys }
    }

    /// The next bid.
    ///
    /// # Source
    ///
    /// Marsaglia, "Xorshift RNGs" (2003), for the state; Lemire, "Fast Random Integer Generation in an
    /// Interval" (2019), without its rejection step, for the key.
    #[inline(always)]
    pub fn next_bid(&mut self) -> Bid {
        let mut x = self.state;
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.state = x;
        let auction = ((x >> 32) * self.keys) >> 32;
        [auction, x & 0xffff_ffff, x >> 40, x ^ auction, x & 7, !x]
    }
}

/// The hash that partitions and addresses: one multiplication of 64 by 64 bits, both halves folded.
///
/// High bits choose the worker, low bits the cell, so both must depend on all of the key.
#[inline(always)]
#[must_use]
pub fn hash_of_key(key: u64) -> u64 {
    let product = u128::from(key ^ 0x2d35_8dcc_aa6c_78a5) * u128::from(0x9e37_79b9_7f4a_7c15_u64);
    #[expect(clippy::cast_possible_truncation, reason = "the fold takes both halves")]
    let (low, high) = (product as u64, (product >> 64) as u64);
    low ^ high
}

/// The worker that owns a hash: its high bits, scaled to `0..workers`.
#[inline(always)]
#[must_use]
pub fn worker_of_hash(hash: u64, workers: usize) -> usize {
    #[expect(clippy::cast_possible_truncation, reason = "the high half is below `workers`")]
    let worker = ((u128::from(hash) * workers as u128) >> 64) as usize;
    worker
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_comes_and_none_outside_the_range() {
        let mut source = BidSource::new(7, 16);
        let mut seen = [0_u32; 16];
        for _ in 0..10_000 {
            let bid = source.next_bid();
            seen[usize::try_from(bid[AUCTION]).unwrap()] += 1;
        }
        assert!(seen.iter().all(|&count| count > 400), "{seen:?}");
    }

    #[test]
    fn workers_get_about_the_same_number_of_keys() {
        let mut keys_of = [0_u32; 3];
        for key in 0..30_000 {
            keys_of[worker_of_hash(hash_of_key(key), 3)] += 1;
        }
        assert!(keys_of.iter().all(|count| (9_000..11_000).contains(count)), "{keys_of:?}");
    }

    #[test]
    fn one_worker_owns_every_hash() {
        assert_eq!([0, 1, u64::MAX].map(|hash| worker_of_hash(hash, 1)), [0, 0, 0]);
    }
}
