//! Dice that fall alike for a seed: SplitMix64.

/// A seeded sequence.
#[derive(Debug)]
pub struct Dice(u64);

impl Dice {
    /// The sequence that starts at `state`.
    pub fn new(state: u64) -> Self {
        Self(state)
    }

    /// The next number of the sequence.
    #[expect(clippy::should_implement_trait, reason = "it never ends, and nobody iterates over it")]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to `bound` - 1.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// One of `from..=to`.
    pub fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.below(to - from + 1)
    }

    /// One of `from..=to`, small ones as likely as large ones on a logarithmic scale.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "what is drawn lies between two numbers of the type"
    )]
    pub fn log_between(&mut self, from: u64, to: u64) -> u64 {
        let (from, to) = (from as f64, to as f64);
        let share = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        (from * (to / from).powf(share)) as u64
    }
}
