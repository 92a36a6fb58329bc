//! Where a reader stands in its split, as it is kept in checkpoints and recordings.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A place in a split.
///
/// Every source has its own idea of a place (a byte and a line, an offset, an index), and the engine keeps them all: so a position
/// is that place written as JSON. It is made once a checkpoint, not once a record, and who looks into a checkpoint can read it.
///
/// ```
/// use thalweg::source::Position;
///
/// let position = Position::of(&(4096_u64, Some(17_u64)));
/// assert_eq!(position.to_string(), "[4096,17]");
/// assert_eq!(position.read::<(u64, Option<u64>)>().unwrap(), (4096, Some(17)));
/// assert!(position.read::<u64>().is_err());
/// ```
#[thalweg::record]
#[derive(Eq)]
pub struct Position {
    text: String,
}

/// A position that another source, or another version of this one, has written.
#[derive(Debug, thiserror::Error)]
#[error(
    "{position} is not a position of this source; was another source given this name? give it one of its own"
)]
pub struct PositionError {
    /// What was found.
    pub position: String,
    /// What is wrong with it.
    pub source: sonic_rs::Error,
}

impl Position {
    /// A place, written down.
    ///
    /// # Panics
    ///
    /// If JSON has no form for it, such as for a map whose keys are no strings.
    pub fn of<P: Serialize>(place: &P) -> Self {
        Self { text: sonic_rs::to_string(place).expect("invariant: a position has a form in JSON") }
    }

    /// As it was written down.
    pub(crate) fn from_text(text: String) -> Self {
        Self { text }
    }

    /// As it is written down.
    pub(crate) fn into_text(self) -> String {
        self.text
    }

    /// The place.
    ///
    /// # Errors
    ///
    /// If it is not a `P`.
    pub fn read<P: DeserializeOwned>(&self) -> Result<P, PositionError> {
        sonic_rs::from_str(&self.text)
            .map_err(|source| PositionError { position: self.text.clone(), source })
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{OperatorFault, error_chain};
    use crate::rt::{MemoryFiles, MemoryStreams};
    use crate::source::{Emitter, OpenContext, Polled, Source, SplitReader};
    use crate::testing::World;

    #[test]
    fn a_position_of_another_source_is_shown_with_what_stands_against_it() {
        let error = Position::of(&(17, "x")).read::<u64>().unwrap_err();
        assert_eq!(
            error_chain(&error),
            "[17,\"x\"] is not a position of this source; was another source given this name? give it one of its own: \
             invalid type: sequence, expected u64 at line 1 column 8"
        );
    }

    /// A source that keeps no positions.
    struct Gone;

    impl SplitReader<u64> for Gone {
        fn poll(&mut self, _: &mut Emitter<'_, u64>) -> Result<Polled, OperatorFault> {
            Ok(Polled::End)
        }
    }

    impl Source for Gone {
        type Out = u64;
        type Split = ();
        type Reader = Self;

        fn splits(&self, _: &dyn crate::io::Files) -> Result<Vec<()>, OperatorFault> {
            Ok(vec![()])
        }

        fn open(&self, (): &(), _: &OpenContext) -> Result<Self, OperatorFault> {
            Ok(Self)
        }
    }

    #[test]
    fn a_source_that_keeps_no_positions_goes_on_from_none() {
        let world = World::new(MemoryFiles::default(), MemoryStreams::default());
        let resumed = Gone.resume(&(), &Position::of(&17_u64), &world.context(0, 1));
        assert_eq!(
            resumed.err().unwrap().to_string(),
            "this source cannot be read on from 17: it has no `Source::resume`; was another source given this name? \
             give it one of its own"
        );
    }
}
