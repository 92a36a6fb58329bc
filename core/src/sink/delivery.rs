//! How often a record comes out.

use std::fmt;

/// How often each record comes out of a sink whose job takes checkpoints and is started again from one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Once or more: what was written behind the last checkpoint is written again.
    AtLeastOnce,
    /// Once: what was written behind the last checkpoint is taken back, or was never seen.
    ExactlyOnce,
}

impl Delivery {
    /// For plans.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::AtLeastOnce => "at least once",
            Self::ExactlyOnce => "exactly once",
        }
    }
}

impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
