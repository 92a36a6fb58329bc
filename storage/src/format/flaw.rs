//! What can be wrong with the bytes of a file.

use std::fmt;

use super::{Identity, VERSION};

/// Why bytes are not taken for what they should be; the file's name is with whoever read them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Flaw {
    /// It is a file of another kind, or of another program.
    Foreign,
    /// It was written by another version of the format. Read it with a release that knows that one.
    Version {
        /// The version it names.
        found: u32,
    },
    /// Checksum and bytes disagree: the disk, or a writer, is at fault. Reading again will not help.
    Damaged {
        /// Where the covered bytes start.
        offset: u64,
    },
    /// It belongs to another file or another life of this one. The file was written again, or a write went astray.
    Stranger {
        /// Where.
        offset: u64,
        /// Whose bytes were expected.
        expected: Identity,
        /// Whose they are.
        found: Identity,
    },
    /// Records are laid out in another way than the one asked for.
    Layout {
        /// The hash asked for.
        expected: u64,
        /// The hash found.
        found: u64,
    },
    /// The file is shorter than what it holds.
    Truncated {
        /// Its length, bytes.
        length: u64,
        /// What it should have at least.
        needed: u64,
    },
    /// The segment was not finished.
    NotSealed,
    /// The bytes are whole, but contradict what refers to them, or themselves.
    Inconsistent {
        /// Where.
        offset: u64,
    },
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Foreign => f.write_str("it is another kind of file"),
            Self::Version { found } => {
                write!(f, "it has format version {found}, and this release reads {VERSION}")
            }
            Self::Damaged { offset } => {
                write!(f, "checksum and bytes disagree at byte {offset}")
            }
            Self::Stranger { offset, expected, found } => {
                write!(f, "at byte {offset} there is {found} instead of {expected}")
            }
            Self::Layout { expected, found } => write!(
                f,
                "its records have the layout {found:016x}, and those of this program {expected:016x}"
            ),
            Self::Truncated { length, needed } => {
                write!(f, "it is {length} bytes long and should be at least {needed}")
            }
            Self::NotSealed => f.write_str("it was not finished"),
            Self::Inconsistent { offset } => {
                write!(f, "what is said at byte {offset} contradicts the rest")
            }
        }
    }
}
