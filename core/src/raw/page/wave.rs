//! A wave: what goes round a loop of the dataflow, so that its heads learn what is still under way in it.

use std::ops::{BitAnd, BitOr};

use crate::time::EventTime;

/// What the heads of a loop say of themselves, and what their sayings come to when they meet: of all signs those that all have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signs(u8);

impl Signs {
    /// None of them.
    pub const NONE: Self = Self(0);
    /// The input has come to its end, or was halted.
    pub const OVER: Self = Self(1);
    /// The input was not halted.
    pub const WHOLE: Self = Self(1 << 1);
    /// The input is idle, or over.
    pub const IDLE: Self = Self(1 << 2);
    /// Since the wave before nothing was sent into the loop, and nothing waits for it.
    pub const QUIET: Self = Self(1 << 3);
    /// The input is ahead of the loop, or does not hold it back.
    pub const EAGER: Self = Self(1 << 4);
    /// The event time that came before the wave may leave the loop.
    pub const PASS: Self = Self(1 << 5);

    /// True if all of `signs` are there.
    pub fn has(self, signs: Self) -> bool {
        self.0 & signs.0 == signs.0
    }

    /// These signs if `there`, otherwise none.
    #[must_use]
    pub fn only_if(self, there: bool) -> Self {
        if there { self } else { Self::NONE }
    }

    pub(super) fn bits(self) -> u8 {
        self.0
    }

    pub(super) fn of(bits: u8) -> Self {
        Self(bits)
    }
}

impl BitOr for Signs {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitAnd for Signs {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

/// What goes round a loop; see [`crate::operator`]'s iteration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wave {
    /// Everything that is under way in the loop, or will come into it of an input that is not idle, is later than this.
    pub least: EventTime,
    /// The greatest event time of an idle input.
    pub far: EventTime,
    /// What holds for all heads.
    pub signs: Signs,
}

impl Wave {
    /// What both say.
    #[must_use]
    pub fn meet(self, other: Self) -> Self {
        Self {
            least: self.least.min(other.least),
            far: self.far.max(other.far),
            signs: self.signs & other.signs,
        }
    }
}
