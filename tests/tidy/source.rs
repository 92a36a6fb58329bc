//! Reads Rust source well enough to ask what it names, without a parser.
//!
//! Comments, strings and character literals are blanked, so that a rule about code is not
//! tripped by a sentence about it. Positions and lines stay what they were.
//!
//! Shared with `cargo xtask tidy`, which therefore takes this file by its path.
//!
//! # Not here
//!
//! No macro is expanded and no name is resolved: a rule that needs either belongs into a lint.

/// `source` with comments, strings and character literals replaced by spaces.
///
/// Line breaks stay, so line numbers still hold. Cost: one pass.
pub(crate) fn code(source: &str) -> String {
    let chars: Vec<char> = source.chars().collect();
    let mut out = String::with_capacity(source.len());
    let mut at = 0;
    while at < chars.len() {
        let end = skipped_end(&chars, at);
        if end == at {
            out.push(chars[at]);
            at += 1;
        } else {
            out.extend(chars[at..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    out
}

/// Where the matching closing brace of the first `{` in `code[from..]` is, as a byte position
/// just behind it; `None` where a `;` ends the item first.
pub(crate) fn block_end(code: &str, from: usize) -> Option<usize> {
    let (mut braces, mut others) = (0_i32, 0_i32);
    for (offset, c) in code[from..].char_indices() {
        match c {
            '(' | '[' => others += 1,
            ')' | ']' => others -= 1,
            '{' => braces += 1,
            '}' => {
                braces -= 1;
                if braces <= 0 {
                    return (braces == 0).then_some(from + offset + 1);
                }
            }
            ';' if braces == 0 && others == 0 => return None,
            _ => {}
        }
    }
    None
}

/// The words of `code` (identifiers and keywords) with their byte positions.
pub(crate) fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut rest = 0;
    std::iter::from_fn(move || {
        let start = rest + code[rest..].find(is_word)?;
        let end = code[start..].find(|c| !is_word(c)).map_or(code.len(), |length| start + length);
        rest = end;
        Some((start, &code[start..end]))
    })
}

/// The line, counted from one, of the byte position `at`.
pub(crate) fn line_of(code: &str, at: usize) -> usize {
    code[..at].matches('\n').count() + 1
}

/// Whether `c` can be part of an identifier.
pub(crate) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The end of the comment or literal that starts at `at`; `at` itself if none does.
fn skipped_end(chars: &[char], at: usize) -> usize {
    let next = chars.get(at + 1).copied();
    match chars[at] {
        '/' if next == Some('/') => find(chars, at, |c| c == '\n'),
        '/' if next == Some('*') => block_comment_end(chars, at),
        'r' | 'b' | 'c' if at == 0 || !is_word(chars[at - 1]) => raw_string_end(chars, at),
        '"' => escaped_end(chars, at, '"'),
        // A quote opens a character only if one follows right after it: `'a` alone is a lifetime.
        '\'' if next == Some('\\') || chars.get(at + 2) == Some(&'\'') => {
            escaped_end(chars, at, '\'')
        }
        _ => at,
    }
}

fn find(chars: &[char], from: usize, wanted: impl Fn(char) -> bool) -> usize {
    chars[from..].iter().position(|c| wanted(*c)).map_or(chars.len(), |length| from + length)
}

/// Block comments nest in Rust.
fn block_comment_end(chars: &[char], from: usize) -> usize {
    let (mut depth, mut at) = (0, from);
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at.min(chars.len())
}

/// `r"…"`, `r#"…"#`, `br"…"`, `cr"…"`; anything else that starts with these letters is a word.
fn raw_string_end(chars: &[char], from: usize) -> usize {
    let mut at = from + usize::from(chars[from] != 'r');
    if chars.get(at) != Some(&'r') {
        return from;
    }
    at += 1;
    let hashes = find(chars, at, |c| c != '#') - at;
    at += hashes;
    if chars.get(at) != Some(&'"') {
        return from;
    }
    loop {
        at = find(chars, at + 1, |c| c == '"');
        let tail = &chars[(at + 1).min(chars.len())..];
        if at >= chars.len() || tail.iter().take_while(|c| **c == '#').count() >= hashes {
            return (at + 1 + hashes).min(chars.len());
        }
    }
}

fn escaped_end(chars: &[char], from: usize, quote: char) -> usize {
    let mut at = from + 1;
    while at < chars.len() && chars[at] != quote {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_strings_and_characters_are_not_code() {
        let source = "a /* b /* c */ d */ \"e \\\" f\" r#\"g \" h\"# '\"' i // j\nk";
        let seen: Vec<_> = words(&code(source)).map(|(_, word)| word.to_owned()).collect();
        assert_eq!(seen, ["a", "i", "k"]);
    }

    #[test]
    fn lifetimes_do_not_open_a_literal() {
        assert_eq!(code("fn f<'a>(x: &'a str) {}"), "fn f<'a>(x: &'a str) {}");
    }

    #[test]
    fn line_numbers_survive_blanking() {
        let source = "/* one\ntwo */\n\"three\nfour\"\nfive";
        let code = code(source);
        assert_eq!(line_of(&code, code.find("five").unwrap()), 5);
    }

    #[test]
    fn a_block_ends_at_its_own_brace() {
        let code = "fn a(x: [u8; 2]) { if x { y } } fn b() {}";
        assert_eq!(block_end(code, 0), Some(31));
        assert_eq!(block_end("fn a();", 0), None);
    }
}
