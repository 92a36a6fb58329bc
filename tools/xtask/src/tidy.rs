//! Prints the longest files and functions, for a reader to judge.
//!
//! # Not here
//!
//! No limit: a long table is fine and a short tangle is not. Functions are found by counting
//! braces, so what a macro builds is not seen.

use std::fs;
use std::path::Path;

use crate::source::{block_end, code, line_of, words};
use crate::{root, say};

/// How many of each are printed.
const SHOWN: usize = 5;

/// How long something is, in lines, and where it is.
type Length = (usize, String);

/// Prints the table.
pub(crate) fn print() -> bool {
    let (mut files, mut functions) = (Vec::new(), Vec::new());
    for folder in ["core", "storage", "bench", "tools", "tests"] {
        measure(&root().join(folder), folder, &mut files, &mut functions);
    }
    say_longest("files", files);
    say_longest("functions", functions);
    true
}

fn say_longest(what: &str, mut lengths: Vec<Length>) {
    lengths.sort_unstable_by(|a, b| b.cmp(a));
    let median = lengths.get(lengths.len() / 2).map_or(0, |(lines, _)| *lines);
    say(&format!("{} {what}, half of them at most {median} lines; the longest:", lengths.len()));
    for (lines, place) in lengths.iter().take(SHOWN) {
        say(&format!("{lines:>6}  {place}"));
    }
}

/// Walks `path`, which is called `name`; what cannot be read is left out of the figures.
fn measure(path: &Path, name: &str, files: &mut Vec<Length>, functions: &mut Vec<Length>) {
    if let Ok(folder) = fs::read_dir(path) {
        for entry in folder.flatten().filter(|entry| entry.file_name() != "target") {
            let name = format!("{name}/{}", entry.file_name().to_string_lossy());
            measure(&entry.path(), &name, files, functions);
        }
    } else if name.ends_with(".rs")
        && let Ok(source) = fs::read_to_string(path)
    {
        files.push((source.lines().count(), name.to_owned()));
        functions.extend(functions_of(&source, name));
    }
}

/// The functions of `source` that have a body, from the line of `fn` to that of the last brace.
fn functions_of(source: &str, file: &str) -> Vec<Length> {
    let code = code(source);
    let all: Vec<_> = words(&code).collect();
    let named = all.windows(2).filter(|pair| pair[0].1 == "fn");
    named
        .filter_map(|pair| {
            let ((start, _), (name_start, name)) = (pair[0], pair[1]);
            // `fn(u64) -> u64` is a type: its next word does not follow after one space.
            if code.get(start + 2..name_start)?.trim() != "" {
                return None;
            }
            let first = line_of(&code, start);
            let last = line_of(&code, block_end(&code, start)?);
            Some((last - first + 1, format!("{file}:{first} {name}")))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_counted_from_its_name_to_its_last_brace() {
        let source = "trait A { fn a(&self); }\nfn b() {\n    '}';\n}\nstruct C(fn(u8) -> u8);\n";
        assert_eq!(functions_of(source, "x.rs"), [(3, "x.rs:2 b".to_owned())]);
    }
}
