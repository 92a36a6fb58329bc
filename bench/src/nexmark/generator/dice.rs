//! Random numbers of one event.

/// SplitMix64, from a state that the event's number gives.
///
/// # Source
///
/// Steele, Lea, Flood: "Fast splittable pseudorandom number generators", OOPSLA 2014.
#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Dice {
    /// The dice of number `n`.
    pub(super) fn of(seed: u64, n: u64) -> Self {
        // Mixed twice, or neighbours would share all draws but their first ones.
        Self(mix(mix(n.wrapping_add(STEP)) ^ seed.wrapping_mul(STEP)))
    }

    pub(super) fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mix(self.0)
    }

    /// A number below `limit`; as even as 64 bits allow.
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        ((u128::from(self.draw()) * u128::from(limit)) >> 64) as u64
    }

    /// An index below `limit`.
    #[expect(clippy::cast_possible_truncation, reason = "it is below a usize")]
    pub(super) fn index(&mut self, limit: usize) -> usize {
        self.below(limit as u64) as usize
    }

    /// True in all but one of `ratio` cases.
    pub(super) fn all_but_one_in(&mut self, ratio: u64) -> bool {
        self.below(ratio) > 0
    }

    /// `known` if it `is_known`, else what `draw` draws, and only then is drawn; without a branch.
    #[inline]
    pub(super) fn unless(
        &mut self,
        is_known: bool,
        known: u64,
        draw: impl FnOnce(&mut Self) -> u64,
    ) -> u64 {
        let mut after = self.clone();
        let drawn = draw(&mut after);
        self.0 = std::hint::select_unpredictable(is_known, self.0, after.0);
        std::hint::select_unpredictable(is_known, known, drawn)
    }
}
