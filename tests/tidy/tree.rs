//! The files of the project, as a clean clone would have them.
//!
//! # Not here
//!
//! No git: the rules must also hold in a tarball. What `.gitignore` names is left out by hand.

use std::fs;
use std::path::{Path, PathBuf};

use crate::mentions::without_tests;
use crate::source::code;

/// One file of the project.
#[derive(Debug)]
pub(crate) struct File {
    /// Relative to the root, with forward slashes: `core/src/lib.rs`.
    pub(crate) name: String,
    pub(crate) path: PathBuf,
}

impl File {
    /// The file as text.
    pub(crate) fn text(&self) -> String {
        fs::read_to_string(&self.path).unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }

    /// The file without comments and literals.
    pub(crate) fn code(&self) -> String {
        code(&self.text())
    }

    /// What a build without tests compiles of this file; nothing for `tests.rs`.
    pub(crate) fn production_code(&self) -> String {
        let only_tests = self.name.ends_with("/tests.rs") || self.name.contains("/tests/");
        if only_tests { String::new() } else { without_tests(&self.code()) }
    }

    /// Whether the file lies in one of `folders`.
    pub(crate) fn is_below(&self, folders: &[&str]) -> bool {
        folders
            .iter()
            .any(|folder| self.name.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')))
    }
}

/// The root of the workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The names at the top level, without what `.gitignore` names.
pub(crate) fn top_level() -> Vec<String> {
    let ignored = fs::read_to_string(root().join(".gitignore")).unwrap_or_default();
    entries(root()).into_iter().filter(|name| !is_ignored(name, &ignored)).collect()
}

/// Every file below the top level, in order of name; `.git` is left out.
pub(crate) fn files() -> Vec<File> {
    let mut files = Vec::new();
    for name in top_level().into_iter().filter(|name| name != ".git") {
        collect(root().join(&name), name, &mut files);
    }
    files
}

/// Every `.rs` file of the five source folders.
pub(crate) fn rust_files() -> Vec<File> {
    let mut files = files();
    files.retain(|file| {
        file.name.ends_with(".rs") && file.is_below(&["core", "storage", "bench", "tools", "tests"])
    });
    assert!(!files.is_empty(), "no source below {}", root().display());
    files
}

fn collect(path: PathBuf, name: String, files: &mut Vec<File>) {
    if !path.is_dir() {
        files.push(File { name, path });
        return;
    }
    // The fuzzers are a workspace of their own and so have build output of their own.
    for entry in entries(&path).into_iter().filter(|entry| entry != "target") {
        collect(path.join(&entry), format!("{name}/{entry}"), files);
    }
}

fn entries(folder: &Path) -> Vec<String> {
    let listing =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut names: Vec<_> = listing
        .map(|entry| entry.expect("the folder is listed while nothing changes it").file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// The two shapes of line that our `.gitignore` has: `/name` and `*.ending`.
fn is_ignored(name: &str, ignored: &str) -> bool {
    ignored.lines().map(str::trim).any(|line| match line.strip_prefix('*') {
        Some(ending) => name.ends_with(ending),
        None => line.trim_matches('/') == name,
    })
}
