//! Size classes: how long entries are, so that a dead one fits a later one exactly.
//!
//! Up to 256 bytes in steps of 16, above in four steps a doubling: at most a fifth of an entry is
//! slack, and 117 classes reach 8 GiB.

/// The unit of length and of alignment, bytes.
const UNIT_BYTES: usize = 16;

/// Classes `1..=LINEAR` are that many units.
const LINEAR: usize = 16;

/// Base-two logarithm of the longest linear class.
const LINEAR_LOG: usize = 8;

/// The last class, of 8 GiB.
const LAST: u8 = 116;

/// The smallest class that holds `bytes`.
///
/// # Panics
///
/// Above 8 GiB; keys and values are limited far below.
pub(crate) fn of(bytes: usize) -> u8 {
    let class = if bytes <= LINEAR * UNIT_BYTES {
        bytes.div_ceil(UNIT_BYTES).max(1)
    } else {
        let log = (bytes - 1).ilog2() as usize;
        LINEAR + 1 + (log - LINEAR_LOG) * 4 + (((bytes - 1) >> (log - 2)) & 3)
    };
    u8::try_from(class).expect("invariant: no entry is longer than 8 GiB")
}

/// Bytes of an entry of `class`.
#[inline]
pub(crate) fn bytes(class: u8) -> usize {
    let class = usize::from(class);
    if class <= LINEAR {
        return class * UNIT_BYTES;
    }
    let step = class - LINEAR - 1;
    let log = LINEAR_LOG + step / 4;
    (1 << log) + (step % 4 + 1) * (1 << (log - 2))
}

/// As [`bytes`], of a class that was read from a file; `None` if there is none of that number.
pub(crate) fn bytes_of_any(class: u8) -> Option<usize> {
    (1..=LAST).contains(&class).then(|| bytes(class))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_fits_its_class_with_little_slack() {
        for size in (0..5000).chain([1 << 20, (1 << 20) + 1, (1 << 32) + 5]) {
            let held = bytes(of(size));
            assert!(held >= size, "{size}");
            assert!(held - size < (held / 4).max(UNIT_BYTES + 1), "{size} in {held}");
            assert_eq!(held % UNIT_BYTES, 0);
        }
    }

    #[test]
    fn a_number_from_a_file_may_be_none_of_a_class() {
        assert_eq!(bytes_of_any(of(8 << 30)), Some(8 << 30));
        assert_eq!(bytes_of_any(LAST), Some(8 << 30));
        for class in [0, LAST + 1, u8::MAX] {
            assert_eq!(bytes_of_any(class), None);
        }
    }

    #[test]
    fn a_class_holds_exactly_its_own_size() {
        for class in 1..=110 {
            assert_eq!(of(bytes(class)), class);
            assert_eq!(of(bytes(class) + 1), class + 1);
        }
    }
}
