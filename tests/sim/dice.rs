//! The dice of inputs, apart from the simulator's own, so that input and schedule do not rhyme.

use std::sync::Arc;

use thalweg::prelude::*;
use thalweg_tests::dice::Dice;
use thalweg_tests::random::Splits;
use thalweg_tests::records::Event;

/// The dice of the input of `seed`.
pub(crate) fn of(seed: u64) -> Dice {
    Dice::new(seed ^ 0x5bd1_e995_7b7d_159d)
}

/// One to four splits of up to `most` events each, in the order of their times.
pub(crate) fn ordered_splits(dice: &mut Dice, most: u64) -> Splits {
    let splits = (0..dice.between(1, 4)).map(|split| {
        let mut clock_ms = 0;
        let events = (0..dice.between(0, most)).map(|index| {
            clock_ms += dice.between(0, 5);
            Event {
                at: EventTime::from_millis(i64::try_from(clock_ms).expect("short")),
                id: split << 32 | index,
                name: Str::default(),
                group: u32::try_from(dice.below(4)).expect("few"),
                value: 0,
                text: "x".repeat(usize::try_from(dice.below(300)).expect("few")).into(),
            }
        });
        events.collect()
    });
    Arc::new(splits.collect())
}
