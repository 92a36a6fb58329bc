//! The error that serde carries from a cell to the row.

use std::fmt;

/// Why a cell does not fit its field; the row knows which one it is.
#[derive(Debug)]
pub(super) struct CellError(pub(super) Box<str>);

impl CellError {
    #[cold]
    pub(super) fn new(message: impl Into<Box<str>>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for CellError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CellError {}

impl serde::de::Error for CellError {
    fn custom<M: fmt::Display>(message: M) -> Self {
        Self::new(message.to_string())
    }
}
