//! Which paths a source file names, and which of its items only a test build compiles.
//!
//! Works on what [`crate::source::code`] leaves over.
//!
//! # Not here
//!
//! Paths that a macro builds and names behind a glob (`use std::*`) are not seen.

use std::ops::Range;

use crate::source::{block_end, is_word, line_of, words};

/// `code` without the items that only a test build compiles: `#[cfg(test)] mod tests { … }`.
pub(crate) fn without_tests(code: &str) -> String {
    let mut kept = code.to_owned();
    for (start, _) in code.match_indices("#[cfg(") {
        let Some(close) = code[start..].find(")]").map(|length| start + length + 2) else { break };
        let only_in_tests = words(&code[start..close]).any(|(_, word)| word == "test")
            && !words(&code[start..close]).any(|(_, word)| word == "any")
            && !code[start..close].contains("not(test");
        if only_in_tests {
            let end = block_end(code, close)
                .or_else(|| code[close..].find(';').map(|length| close + length + 1))
                .unwrap_or(code.len());
            blank(&mut kept, start..end);
        }
    }
    kept
}

fn blank(text: &mut String, range: Range<usize>) {
    // As many bytes as before, whatever the characters were: positions must not move.
    let spaces: String =
        text[range.clone()].bytes().map(|b| if b == b'\n' { '\n' } else { ' ' }).collect();
    text.replace_range(range, &spaces);
}

/// A path as the source names it (`std::fs`, `crate::record::Batch`), and where.
#[derive(Debug, PartialEq)]
pub(crate) struct Mention {
    /// Counted from one.
    pub(crate) line: usize,
    /// The path's segments; a `use` group gives one mention for each of its leaves.
    pub(crate) path: Vec<String>,
}

/// Every path that `code` names, in `use` lines as well as in the middle of an expression.
pub(crate) fn mentions(code: &str) -> Vec<Mention> {
    let mut found = Vec::new();
    let mut behind = 0;
    for (start, _) in words(code) {
        if start >= behind {
            behind = path_end(code, start, &[], &mut found);
        }
    }
    found
}

/// Follows one path from `start`, records it, and returns where it ends.
fn path_end(code: &str, start: usize, prefix: &[&str], found: &mut Vec<Mention>) -> usize {
    let mut path = prefix.to_vec();
    let mut at = start;
    loop {
        let length = code[at..].find(|c| !is_word(c)).unwrap_or(code.len() - at);
        match &code[at..at + length] {
            "" => break,
            // `a::{self}` is `a`.
            "self" if !prefix.is_empty() => {}
            word => path.push(word),
        }
        at += length;
        let Some(rest) = code[at..].strip_prefix("::") else { break };
        at = code.len() - rest.len();
        if rest.starts_with('{') {
            return group_end(code, at + 1, &path, found);
        }
    }
    found.push(Mention {
        line: line_of(code, start),
        path: path.into_iter().map(str::to_owned).collect(),
    });
    at
}

/// Follows the paths of `a::{b, c::{d, e}}` from behind the brace.
fn group_end(code: &str, start: usize, prefix: &[&str], found: &mut Vec<Mention>) -> usize {
    let mut at = start;
    let mut expects_path = true;
    while let Some(c) = code[at..].chars().next() {
        match c {
            '}' => return at + 1,
            ',' => (expects_path, at) = (true, at + 1),
            c if is_word(c) && expects_path => {
                at = path_end(code, at, prefix, found);
                // What follows up to the comma can only be `as name`.
                expects_path = false;
            }
            c => at += c.len_utf8(),
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::code;

    fn paths(source: &str) -> Vec<String> {
        mentions(&code(source)).into_iter().map(|mention| mention.path.join("::")).collect()
    }

    #[test]
    fn an_item_for_tests_alone_disappears_and_its_neighbours_stay() {
        let source = "fn a() {}\n#[cfg(test)]\nmod b { fn c() {} }\n#[cfg(test)] use d;\nfn e() {}";
        let left = without_tests(source);
        let seen: Vec<_> = words(&left).map(|(_, word)| word.to_owned()).collect();
        assert_eq!(seen, ["fn", "a", "fn", "e"]);
    }

    #[test]
    fn an_item_that_production_may_see_stays() {
        let source = "#[cfg(any(test, feature))] mod a {} #[cfg(not(test))] mod b {}";
        assert_eq!(without_tests(source), source);
    }

    #[test]
    fn groups_of_a_use_line_are_flattened() {
        assert_eq!(
            paths("use std::{fs::{self, File as F}, thread, time::*};"),
            ["use", "std::fs", "std::fs::File", "std::thread", "std::time"]
        );
    }

    #[test]
    fn paths_in_expressions_are_found() {
        assert_eq!(paths("x.map(crate::record::new)"), ["x", "map", "crate::record::new"]);
    }
}
