//! What the writer of a sink has done towards a checkpoint.

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// What a writer has prepared for a checkpoint: everything that [`Sink::recover`](crate::sink::Sink::recover) has to know to finish it, or to go back to it.
///
/// It lies in the checkpoint, as JSON, so that who looks into one can read it.
///
/// ```
/// use thalweg::sink::Prepared;
///
/// let prepared = Prepared::of(&("orders.txn", 17_u64));
/// assert_eq!(prepared.to_string(), r#"["orders.txn",17]"#);
/// assert_eq!(prepared.read::<(String, u64)>().unwrap(), ("orders.txn".to_owned(), 17));
/// assert!(prepared.read::<u64>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Prepared {
    text: String,
}

/// What another sink, or another version of this one, has prepared.
#[derive(Debug, thiserror::Error)]
#[error(
    "this sink has not prepared {prepared}; was another sink given this name? give it one of its own"
)]
pub struct PreparedError {
    /// What was found.
    pub prepared: String,
    /// What is wrong with it.
    pub source: sonic_rs::Error,
}

impl Prepared {
    /// What was prepared, written down.
    ///
    /// # Panics
    ///
    /// If JSON has no form for it, such as for a map whose keys are no strings.
    pub fn of<P: Serialize>(prepared: &P) -> Self {
        let text = sonic_rs::to_string(prepared);
        Self { text: text.expect("invariant: what is prepared has a form in JSON") }
    }

    /// Nothing that anybody must know: everything is outside. It is not kept.
    pub fn nothing() -> Self {
        Self { text: String::new() }
    }

    /// True for [`Self::nothing`].
    pub fn is_nothing(&self) -> bool {
        self.text.is_empty()
    }

    /// What was prepared.
    ///
    /// # Errors
    ///
    /// If it is not a `P`.
    pub fn read<P: DeserializeOwned>(&self) -> Result<P, PreparedError> {
        sonic_rs::from_str(&self.text)
            .map_err(|source| PreparedError { prepared: self.text.clone(), source })
    }
}

impl fmt::Display for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::error_chain;

    #[test]
    fn what_another_sink_has_prepared_is_shown_with_what_stands_against_it() {
        let error = Prepared::of(&("orders.txn", 17_u64)).read::<u64>().unwrap_err();
        assert_eq!(
            error_chain(&error),
            "this sink has not prepared [\"orders.txn\",17]; was another sink given this name? give it one of its own: \
             invalid type: sequence, expected u64 at line 1 column 17"
        );
    }
}
