//! The dice of inputs, apart from the simulator's own, so that input and schedule do not rhyme.

use thalweg_tests::dice::Dice;

/// The dice of the input of `seed`.
pub(crate) fn of(seed: u64) -> Dice {
    Dice::new(seed ^ 0x5bd1_e995_7b7d_159d)
}
