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
#[error("{position} is not a position of this source")]
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
