//! Savepoints: one that is whole, with something changed in its files, whose checksums are made right or not; what is accepted is looked into to its end.

use std::path::Path;

use thalweg_storage::savepoint::Contents;

use super::checkpoints::{self, Base, FOLDER};
use super::input::Input;

/// See the file's header.
pub const TARGET: super::Target = super::Target { name: "savepoint", run, seeds, words: &[] };

fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let (mut disk, _) = Base::chosen(&mut input).changed(&mut input);
    if let Ok(contents) = Contents::open(&mut disk, Path::new(FOLDER)) {
        for state in contents.states() {
            assert!(contents.for_each(&state.name, |_| {}));
        }
    }
}

fn seeds() -> Vec<Vec<u8>> {
    checkpoints::seeds(&[&[]])
}
