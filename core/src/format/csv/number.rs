//! Reads integers from the bytes of a cell.
//!
//! The loop covers what data looks like: up to 18 digits, perhaps a minus. Everything else,
//! including every error and its message, is left to `std`.

use std::fmt::Display;
use std::str::FromStr;

/// So many digits fit both `i64` and `u64` without a check.
const SAFE_DIGITS: usize = 18;

/// An unsigned integer of up to 18 digits; `None` sends the caller to [`parse`].
#[inline]
pub(super) fn unsigned(cell: &[u8]) -> Option<u64> {
    if cell.is_empty() || cell.len() > SAFE_DIGITS {
        return None;
    }
    let mut value = 0_u64;
    for byte in cell {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + u64::from(digit);
    }
    Some(value)
}

/// A signed integer of up to 18 digits; `None` sends the caller to [`parse`].
#[inline]
pub(super) fn signed(cell: &[u8]) -> Option<i64> {
    match cell {
        [b'-', digits @ ..] => unsigned(digits).and_then(|value| 0_i64.checked_sub_unsigned(value)),
        digits => unsigned(digits).and_then(|value| i64::try_from(value).ok()),
    }
}

/// Whatever `std` reads in the cell, or its message.
pub(super) fn parse<N>(cell: &[u8]) -> Result<N, String>
where
    N: FromStr<Err: Display>,
{
    let text = std::str::from_utf8(cell).map_err(|error| error.to_string())?;
    text.parse().map_err(|error: N::Err| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_the_fast_path_reads_std_reads_too(cell in "[-+]?[0-9]{0,20}x?") {
            if let Some(value) = signed(cell.as_bytes()) {
                prop_assert_eq!(cell.parse::<i64>().ok(), Some(value));
            }
            if let Some(value) = unsigned(cell.as_bytes()) {
                prop_assert_eq!(cell.parse::<u64>().ok(), Some(value));
            }
        }
    }

    #[test]
    fn a_lone_minus_is_no_number() {
        assert_eq!(signed(b"-"), None);
        assert_eq!(parse::<i64>(b"-").unwrap_err(), "invalid digit found in string");
    }
}
