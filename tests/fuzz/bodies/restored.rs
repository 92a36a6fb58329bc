//! What a checkpoint says of its chunks, its dead entries and its rosters, with something changed behind checksums that are right: refused, or opened and used, by as many workers as there may be.
//!
//! What stays on disk is checked when it is touched, and ends the job then with a panic that names the file: that one is allowed, and no other.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind, set_hook, take_hook};
use std::path::Path;

use thalweg_storage::checkpoint::Manifest;
use thalweg_storage::io::Memory;
use thalweg_storage::savepoint::Kind;
use thalweg_storage::{
    Cursor, KeyGroups, Popped, RestoredParts, Store, StoreConfig, Table, TableConfig,
};

use super::checkpoints::{self, Base, FOLDER, KEY_GROUPS, STATES, name};
use super::input::Input;

/// See the file's header.
pub const TARGET: super::Target = super::Target { name: "restored", run, seeds, words: &[] };

/// Which checkpoint (1), whether all is checked first (1), which worker of how many (1), then what is changed.
fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let base = Base::chosen(&mut input);
    let is_checked = input.byte() & 1 == 1;
    let workers = input.byte();
    let (worker, workers) = (u32::from(workers >> 4), u32::from(workers & 3) + 1);
    let groups = KeyGroups::of_worker(KEY_GROUPS, worker % workers, workers);
    let (mut disk, manifest) = base.changed(&mut input);
    let Some(manifest) = manifest else { return };
    if is_checked {
        restore(&mut disk, &manifest, groups, RestoredParts::open_checked);
    } else {
        naming_its_file(|| restore(&mut disk, &manifest, groups, RestoredParts::open));
    }
}

type Open = fn(
    &mut dyn thalweg_storage::io::Disk,
    &Path,
    &Manifest,
    KeyGroups,
) -> Result<RestoredParts, thalweg_storage::PartsError>;

fn restore(disk: &mut Memory, manifest: &Manifest, groups: KeyGroups, open: Open) {
    let Ok(parts) = open(disk, Path::new(FOLDER), manifest, groups) else { return };
    let mut store = Store::restore(StoreConfig::default(), parts);
    for (state, kind) in STATES {
        let config = TableConfig::default();
        match kind {
            Kind::Panes => {
                let Ok(mut panes) = store.panes(name(state), config) else { continue };
                let numbers: Vec<i64> = panes.iter().map(|(pane, _)| pane).collect();
                for pane in numbers {
                    panes.get_mut(pane).into_iter().for_each(use_all);
                    panes.drop_pane(pane);
                }
            }
            Kind::Timed => {
                let Ok(mut timed) = store.timed(name(state), config) else { continue };
                let (mut cursor, mut key) = (Cursor::default(), Vec::new());
                while timed.next(&mut cursor).is_some() {}
                while let Popped::Due { .. } = timed.pop_due(i64::MAX, &mut 1_000_000, &mut key) {}
            }
            _ => {
                let Ok(mut table) = store.table(name(state), config) else { continue };
                use_all(&mut table);
            }
        }
    }
}

/// Looks at every entry, finds some by their keys, and removes or replaces them.
fn use_all(table: &mut Table) {
    let (mut cursor, mut found) = (Cursor::default(), Vec::new());
    while let Some((hash, key, _)) = table.next(&mut cursor) {
        found.push((hash, key.to_vec()));
    }
    for (number, (hash, key)) in found.iter().enumerate() {
        match number % 3 {
            0 => drop(table.remove(*hash, key)),
            1 if table.remove(*hash, key) => drop(table.put(*hash, key, b"another")),
            _ => {}
        }
    }
    table.clear();
}

/// Whether a panic says that a state cannot be read, and so which file is damaged.
fn names_a_file(panic: &(dyn Any + Send)) -> bool {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.is_some_and(|text| text.starts_with("state \"") && text.contains(" cannot be read: "))
}

/// Does something that may end with that panic.
fn naming_its_file(something: impl FnOnce()) {
    // A fuzzer's hook ends the process at any panic; it is asked when it is known which one it is.
    let hook = take_hook();
    set_hook(Box::new(|_| {}));
    let result = catch_unwind(AssertUnwindSafe(something));
    set_hook(hook);
    match result {
        Err(panic) if !names_a_file(&*panic) => {
            match panic.downcast::<String>() {
                Ok(text) => panic!("{text}"),
                Err(panic) => resume_unwind(panic),
            };
        }
        _ => {}
    }
}

fn seeds() -> Vec<Vec<u8>> {
    checkpoints::seeds(&[&[0, 0], &[1, 0], &[0, 0x11], &[1, 0x12]])
}
