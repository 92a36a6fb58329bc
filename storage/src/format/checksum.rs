//! CRC32C (Castagnoli), by the instructions the processor has.
//!
//! It finds every error of up to 32 neighbouring bits, and of any others all but one in four thousand million. It is no protection from
//! somebody who wants to deceive. Why the crate `crc-fast`: see `bench/README.md`, checksums.

use std::fmt;

/// A checksum on the way.
pub(crate) struct Checksum(State);

impl Checksum {
    pub(crate) fn new() -> Self {
        Self(State::new())
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.update(bytes);
        self
    }

    pub(crate) fn finish(&self) -> u32 {
        self.0.finish()
    }
}

impl fmt::Debug for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Checksum").field(&self.finish()).finish()
    }
}

/// CRC32C of `bytes`.
#[must_use]
pub fn crc32c(bytes: &[u8]) -> u32 {
    Checksum::new().update(bytes).finish()
}

#[cfg(not(miri))]
use fast::State;
#[cfg(miri)]
use slow::State;

#[cfg(not(miri))]
mod fast {
    use crc_fast::{CrcAlgorithm, Digest};

    pub(super) struct State(Digest);

    impl State {
        pub(super) fn new() -> Self {
            Self(Digest::new(CrcAlgorithm::Crc32Iscsi))
        }

        pub(super) fn update(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }

        pub(super) fn finish(&self) -> u32 {
            u32::try_from(self.0.finalize()).expect("invariant: it has 32 bits")
        }
    }
}

/// By definition, bit by bit: what miri runs, and what the tests compare with.
#[cfg(any(test, miri))]
mod slow {
    pub(super) struct State(u32);

    impl State {
        pub(super) fn new() -> Self {
            Self(!0)
        }

        pub(super) fn update(&mut self, bytes: &[u8]) {
            for byte in bytes {
                self.0 ^= u32::from(*byte);
                for _ in 0..8 {
                    self.0 = (self.0 >> 1) ^ ((self.0 & 1) * 0x82f6_3b78);
                }
            }
        }

        pub(super) fn finish(&self) -> u32 {
            !self.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_the_standard_is_met() {
        // RFC 3720, B.4, and the catalogue's check value.
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
    }

    #[test]
    fn any_length_in_any_pieces_is_as_by_definition() {
        let bytes: Vec<u8> = (0u32..700).map(|at| ((at * 31) >> 3).to_le_bytes()[0]).collect();
        for length in 0..bytes.len() {
            let mut slow = slow::State::new();
            slow.update(&bytes[..length]);
            let cut = length / 3;
            let mut pieces = Checksum::new();
            pieces.update(&bytes[..cut]).update(&bytes[cut..length]);
            assert_eq!((crc32c(&bytes[..length]), pieces.finish()), (slow.finish(), slow.finish()));
        }
    }
}
