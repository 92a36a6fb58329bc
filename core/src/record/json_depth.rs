//! Finds JSON that is nested so deep that reading it, or stepping over it, would end the process.
//!
//! sonic-rs 0.5.10 steps over unknown fields by recursion without a limit, so 100 kB of `[` in a
//! field that nobody reads overflow the stack (cloudwego/sonic-rs issue 232); and types that contain themselves
//! are read by recursion, whoever reads. A line cannot be
//! deep without as many opening brackets, and counting those costs next to nothing.

/// Whether `line` has more than `most` brackets open at once, strings aside.
#[inline]
pub(crate) fn is_deeper(line: &[u8], most: usize) -> bool {
    line.len() > most && openings(line) > most && depth(line) > most
}

/// Opening brackets, those in strings included.
///
/// Without branches, and counted in a byte for up to 128 bytes at once: so it compiles to SIMD.
fn openings(line: &[u8]) -> usize {
    // `[` and `{` differ in bit 5 alone.
    let count = |part: &[u8]| part.iter().map(|&byte| u8::from(byte | 0x20 == b'{')).sum::<u8>();
    line.chunks(128).map(|part| usize::from(count(part))).sum()
}

/// Exact for JSON, and for what is not up to the byte at which a parser gives up.
fn depth(line: &[u8]) -> usize {
    let (mut open, mut deepest) = (0_usize, 0);
    let (mut in_string, mut escaped) = (false, false);
    for &byte in line {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' => {
                open += 1;
                deepest = deepest.max(open);
            }
            b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_brackets_beside_each_other_or_in_strings_are_not_deep() {
        assert!(!is_deeper("[],".repeat(1000).as_bytes(), 128));
        assert!(!is_deeper(format!("\"{}\\\"[\"", "{".repeat(1000)).as_bytes(), 128));
    }

    #[test]
    fn one_level_more_than_the_limit_is_too_deep() {
        let nested = |levels| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        assert!(!is_deeper(nested(128).as_bytes(), 128));
        assert!(is_deeper(nested(129).as_bytes(), 128));
    }
}
