//! The rules of the house that neither the compiler nor clippy can hold, as tests.
//!
//! They read the source as text. Folders that do not exist yet are passed over; a rule that is
//! broken lists every place at once.
//!
//! # Not here
//!
//! No limit on the length of files and functions: `cargo xtask tidy` prints the longest ones and
//! a reader decides.

use std::process::Command;

mod tree;
mod source;
mod mentions;
mod layers;

use mentions::mentions;
use source::{line_of, words};

/// The only folders in which `unsafe` compiles; each file there states its contract.
const UNSAFE: [&str; 2] = ["core/src/raw", "storage/src/raw"];

/// What the outside world is called, and so what a seeded run has to be able to replace.
const OUTSIDE: [&str; 6] = [
    "glommio",
    "io_uring",
    "std::time::Instant",
    "std::time::SystemTime",
    "std::thread",
    "std::fs",
];

/// Where the outside world is let in: the driver of the workers and the disk of the store.
const DOORS: [&str; 3] = ["core/src/rt", "storage/src/io", "storage/src/raw"];

/// Everything that may lie at the top level, besides entries that start with a dot.
const TOP_LEVEL: [&str; 9] = [
    "Cargo.toml",
    "Cargo.lock",
    "LICENSE",
    "README.md",
    "core",
    "storage",
    "bench",
    "tools",
    "tests",
];

/// Which endings a folder may hold; `*` is any. A file is fine if one line allows it.
const FILE_TYPES: [(&str, &[&str]); 14] = [
    ("core", &["rs", "toml", "md"]),
    ("storage", &["rs", "toml", "md"]),
    ("bench", &["rs", "toml", "md"]),
    ("tools", &["rs", "toml", "md"]),
    ("tests", &["rs", "toml", "md"]),
    ("tests/fuzz", &["lock"]),
    ("core/derive/tests", &["stderr"]),
    ("core/examples/data", &["gz"]),
    ("bench/peers", &["*"]),
    ("bench/results", &["jsonl", "csv", "svg"]),
    ("bench/baseline", &["txt"]),
    ("tools/dashboard", &["html", "css", "js", "svg"]),
    ("tools/python", &["py", "pyi"]),
    ("tests/golden", &["*"]),
];

/// The modules a record passes, in its order.
const WALK: [&str; 7] = ["source", "format", "operator", "exchange", "state", "window", "sink"];

/// The command that decides, here and in the README.
const CHECK: &str = "cargo xtask ci";

#[test]
fn unsafe_code_has_two_addresses() {
    let mut broken = Vec::new();
    for file in tree::rust_files().iter().filter(|file| !file.is_below(&UNSAFE)) {
        let code = file.code();
        for (at, _) in words(&code).filter(|(_, word)| *word == "unsafe") {
            broken.push(format!("{}:{}: unsafe outside of raw/", file.name, line_of(&code, at)));
        }
    }
    none(&broken);
}

#[test]
fn every_file_says_in_its_header_what_it_is_for() {
    let files = tree::rust_files();
    let broken = files.iter().filter(|file| !file.text().starts_with("//!"));
    none(&broken.map(|file| format!("{}: does not start with //!", file.name)).collect::<Vec<_>>());
}

#[test]
fn the_outside_world_comes_in_through_the_doors_alone() {
    let mut broken = Vec::new();
    let files = tree::rust_files();
    let inside =
        |file: &&tree::File| file.is_below(&["core/src", "storage/src"]) && !file.is_below(&DOORS);
    for file in files.iter().filter(inside) {
        for mention in mentions(&file.production_code()) {
            let path = mention.path.join("::") + "::";
            for outside in OUTSIDE.iter().filter(|name| path.starts_with(&format!("{name}::"))) {
                broken.push(format!("{}:{}: names {outside}", file.name, mention.line));
            }
        }
    }
    none(&broken);
}

#[test]
fn modules_import_from_the_layers_above_their_own_line() {
    none(&layers::violations(&tree::rust_files()));
}

#[test]
fn each_module_on_the_walk_says_where_a_record_arrives_from_and_leaves_to() {
    let mut broken = Vec::new();
    for file in tree::rust_files() {
        let on_walk = WALK.iter().any(|module| {
            file.name == format!("core/src/{module}/mod.rs")
                || file.name == format!("core/src/{module}.rs")
        });
        if !on_walk {
            continue;
        }
        let text = file.text();
        let header: String = text.lines().take_while(|line| line.starts_with("//!")).collect();
        for wanted in ["Arrives from", "Leaves to"] {
            if !header.contains(wanted) {
                broken.push(format!("{}: its header lacks `{wanted}`", file.name));
            }
        }
    }
    none(&broken);
}

#[test]
fn nothing_is_put_off_in_a_comment() {
    // Put together here, or this file would break its own rule.
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("X", "XX")];
    let mut broken = Vec::new();
    for file in tree::files() {
        // Data, golden files and peers may be binary; what they hold is not ours to word.
        if file.is_below(&["core/examples/data", "tests/golden", "bench/peers"])
            || file.name.starts_with("LICENSE")
        {
            continue;
        }
        let text = file.text();
        for (at, word) in words(&text).filter(|(_, word)| marks.contains(word)) {
            broken.push(format!("{}:{}: {word}", file.name, line_of(&text, at)));
        }
    }
    none(&broken);
}

#[test]
fn no_test_and_no_example_is_ignored() {
    let mut broken = Vec::new();
    for file in tree::rust_files() {
        let (text, code) = (file.text(), file.code());
        for (at, _) in code.match_indices("#[ignore") {
            broken.push(format!("{}:{}: an ignored test", file.name, line_of(&code, at)));
        }
        for (number, line) in text.lines().enumerate() {
            let comment = line.trim_start();
            let fence = comment.strip_prefix("//").and_then(|rest| rest.split_once("```"));
            if fence.is_some_and(|(_, tags)| words(tags).any(|(_, tag)| tag == "ignore")) {
                broken.push(format!("{}:{}: an ignored example", file.name, number + 1));
            }
        }
    }
    none(&broken);
}

#[test]
fn the_top_level_shows_the_project_and_nothing_else() {
    let names = tree::top_level();
    let stray =
        names.iter().filter(|name| !name.starts_with('.') && !TOP_LEVEL.contains(&name.as_str()));
    none(
        &stray.map(|name| format!("{name}: does not belong at the top level")).collect::<Vec<_>>(),
    );
}

#[test]
fn folders_hold_the_file_types_they_are_for() {
    let mut broken = Vec::new();
    for file in tree::files() {
        // At the top level and in dot folders names are checked one by one, not by ending.
        if !file.name.contains('/') || file.name.starts_with('.') {
            continue;
        }
        let (_, ending) = file.name.rsplit_once('.').unwrap_or_default();
        let allowed = FILE_TYPES.iter().any(|(folder, endings)| {
            file.is_below(&[folder]) && (endings.contains(&"*") || endings.contains(&ending))
        });
        if !allowed {
            broken.push(format!("{}: a stray file type", file.name));
        }
    }
    none(&broken);
}

#[test]
fn the_default_build_has_no_tokio() {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "-p", "thalweg", "-e", "normal", "--prefix", "none", "--locked"])
        .current_dir(tree::root())
        .output()
        .expect("cargo runs: it has started this test");
    assert!(tree.status.success(), "cargo tree: {}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8_lossy(&tree.stdout);
    assert!(tree.starts_with("thalweg "), "cargo tree printed {tree:?}");
    none(&tree.lines().filter(|line| line.contains("tokio")).collect::<Vec<_>>());
}

#[test]
fn the_readme_names_the_command_that_decides() {
    let Ok(readme) = std::fs::read_to_string(tree::root().join("README.md")) else { return };
    let mut in_block = false;
    let named = readme.lines().any(|line| {
        in_block ^= line.starts_with("```");
        in_block && line.split('#').next().unwrap_or_default().trim() == CHECK
    });
    assert!(named, "README.md has no fenced block with the line `{CHECK}`");
}

/// Fails with one line for each broken place.
fn none(broken: &[impl AsRef<str>]) {
    let lines: Vec<_> = broken.iter().map(AsRef::as_ref).collect();
    assert!(lines.is_empty(), "\n{}\n", lines.join("\n"));
}
