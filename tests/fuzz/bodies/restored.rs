//! What a checkpoint says of its chunks, its dead entries and its rosters, with something changed behind checksums that are right: refused, or opened and used, by as many workers as there may be.
//!
//! What stays on disk is checked when it is touched, and ends the job then with a panic that names the file: that one is allowed, and no other.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::path::Path;
use std::sync::{Arc, Mutex};

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

/// Looks at every entry, and removes or replaces some of those whose keys are there once: a checkpoint that is wrong may have one with a value and with a list.
fn use_all(table: &mut Table) {
    let (mut cursor, mut found) = (Cursor::default(), BTreeMap::new());
    while let Some((hash, key, value)) = table.next(&mut cursor) {
        let (times, bytes) = found.entry((hash, key.to_vec())).or_insert((0, value.len()));
        (*times, *bytes) = (*times + 1, value.len());
    }
    let once = found.iter().filter(|(_, (times, _))| *times == 1);
    for (number, ((hash, key), (_, bytes))) in once.enumerate() {
        match number % 3 {
            0 => drop(table.remove(*hash, key)),
            1 if *bytes > 0 => drop(table.put(*hash, key, &[7; 100])),
            _ => {}
        }
    }
    table.clear();
}

/// Does something that may end with that panic.
fn naming_its_file(something: impl FnOnce()) {
    // A fuzzer's hook ends the process at any panic; it is asked when it is known which one it is.
    let place = Arc::new(Mutex::new(String::new()));
    let noted = Arc::clone(&place);
    let hook = take_hook();
    set_hook(Box::new(move |panic| {
        *noted.lock().expect("nothing panics with it") = panic.to_string();
    }));
    let result = catch_unwind(AssertUnwindSafe(something));
    set_hook(hook);
    let said = std::mem::take(&mut *place.lock().expect("nothing panics with it"));
    let names_a_file = said.contains("state \"") && said.contains(" cannot be read: ");
    assert!(result.is_ok() || names_a_file, "{said}");
}

fn seeds() -> Vec<Vec<u8>> {
    checkpoints::seeds(&[&[0, 0], &[1, 0], &[0, 0x11], &[1, 0x12]])
}
