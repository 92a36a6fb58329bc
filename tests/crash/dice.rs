//! The dice of instants and sizes: SplitMix64.

/// A seeded sequence.
#[derive(Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed ^ 0x1f83_d9ab_fb41_bd6b)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// One of `from..=to`.
    pub(crate) fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.next() % (to - from + 1)
    }

    /// One of `from..=to`, small ones as likely as large ones on a logarithmic scale.
    pub(crate) fn log_between(&mut self, from: u64, to: u64) -> u64 {
        let (from, to) = (from as f64, to as f64);
        let share = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        (from * (to / from).powf(share)) as u64
    }
}
