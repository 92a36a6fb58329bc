//! Every example prints what its header says.
//!
//! The order of lines is left open: where keys lie on several workers it is not fixed. `departures` writes files and has a test of its own.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const WITH_OWN_TEST: &[&str] = &["departures"];

/// The project's root.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The first block of text in a file's header, line by line.
fn promised(source: &str) -> Vec<String> {
    let header = source.lines().map_while(|line| line.strip_prefix("//!"));
    let block = header.map(str::trim_start).skip_while(|line| *line != "```text").skip(1);
    block.take_while(|line| *line != "```").map(str::to_owned).collect()
}

/// The examples by name, with their source.
fn examples() -> BTreeMap<String, String> {
    let entries =
        fs::read_dir(root().join("core/examples")).unwrap().map(|entry| entry.unwrap().path());
    let files = entries.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    let named = files.map(|path| {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        (name, fs::read_to_string(path).unwrap())
    });
    named.filter(|(name, _)| !WITH_OWN_TEST.contains(&name.as_str())).collect()
}

/// Builds all examples as `cargo test --workspace` does, which has then done so already; returns their folder.
fn build() -> PathBuf {
    let built = Command::new(env!("CARGO"))
        .args(["build", "--workspace", "--examples", "--profile", "test", "--locked", "--quiet"])
        .current_dir(root())
        .status();
    assert!(built.unwrap().success(), "the examples do not build");
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(2).unwrap().join("examples")
}

#[test]
fn each_example_prints_what_its_header_says() {
    let folder = build();
    let examples = examples();
    assert!(examples.contains_key("means"));
    for (name, source) in examples {
        let mut promised = promised(&source);
        assert!(!promised.is_empty(), "the header of {name}.rs has no ```text block");
        let run = Command::new(folder.join(&name)).output().unwrap();
        let errors = String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success(), "{name} failed: {errors}");
        let mut printed: Vec<_> =
            String::from_utf8(run.stdout).unwrap().lines().map(str::to_owned).collect();
        promised.sort();
        printed.sort();
        assert_eq!(printed, promised, "{name} prints something else than its header says");
    }
}
