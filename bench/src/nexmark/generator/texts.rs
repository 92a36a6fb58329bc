//! Random texts.
//!
//! Long random texts are cut from a text that is made once, at a random place: writing each letter by itself would cost more than all else that is
//! done for an event.

use super::dice::Dice;

/// Places that texts are cut from: the text should stay in the cache.
const PLACES: usize = 1 << 15;

/// The longest text that is cut.
const LONGEST: usize = 1_024;

/// What texts are made of.
#[derive(Debug)]
pub(super) struct Texts {
    /// Letters, and other characters around the capital ones, in runs of six: so the field's generators have it.
    exact: String,
    /// Letters and some spaces.
    words: String,
}

impl Texts {
    pub(super) fn new(dice: &mut Dice) -> Self {
        let mut exact = String::new();
        while exact.len() < PLACES + LONGEST {
            let upwards = dice.below(2) == 0;
            for _ in 0..6 {
                let by = u8::try_from(dice.below(26)).expect("below 26");
                exact.push(char::from(if upwards { b'a' + by } else { b'a' - by }));
            }
        }
        let words = (0..PLACES + LONGEST).map(|_| letter(dice, ' ')).collect();
        Self { exact, words }
    }

    /// Fills what is left of an event of `average` bytes, of which `taken` are taken; give or take a fifth.
    #[inline]
    pub(super) fn extra(&self, dice: &mut Dice, taken: usize, average: usize) -> &str {
        let Some(rest) = average.checked_sub(taken) else { return "" };
        // A fifth, rounded.
        let spread = (rest * 2 + 5) / 10;
        let length = rest - spread + if spread > 0 { dice.index(2 * spread) } else { 0 };
        cut(&self.exact, dice, length)
    }

    /// Letters and some spaces, none at its ends, of less than `limit` characters.
    #[inline]
    pub(super) fn words(&self, dice: &mut Dice, limit: usize) -> &str {
        let length = 3 + dice.index(limit - 3);
        cut(&self.words, dice, length).trim_matches(' ')
    }
}

#[inline]
fn cut<'a>(text: &'a str, dice: &mut Dice, length: usize) -> &'a str {
    let from = dice.index(PLACES);
    &text[from..from + length.min(LONGEST)]
}

pub(super) fn letter(dice: &mut Dice, space: char) -> char {
    match dice.below(13) {
        0 => space,
        _ => char::from(b'a' + u8::try_from(dice.below(26)).expect("below 26")),
    }
}
