//! Thalweg's store: a table, and its archive on another thread.

use std::collections::VecDeque;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use thalweg_storage::checkpoint::Manifest;
use thalweg_storage::io::{Operation, Publish, open, run};
use thalweg_storage::{
    Archive, ArchiveConfig, Frozen, KeyGroups, Store, StoreConfig, Table, TableConfig, TableName,
    look_ahead,
};

use super::{Counts, mix};

const GROUPS: u32 = 4096;

const RETAINED: usize = 3;

/// A store and the thread that writes its checkpoints. A checkpoint is waited for when the next one begins, so the table goes on meanwhile.
pub struct Thalweg {
    store: Store,
    table: Table,
    epoch: u64,
    frozen: Option<Sender<Frozen>>,
    written: Receiver<Result<(), String>>,
    is_writing: bool,
    thread: Option<JoinHandle<()>>,
}

impl Thalweg {
    pub fn open(place: &Path, keys: u64) -> Result<Self, Box<dyn Error>> {
        let keys = usize::try_from(keys)?;
        let mut store = Store::new(StoreConfig::default().reserve_bytes(64 * keys + (64 << 20)));
        let config = TableConfig::default().expected_keys(keys);
        let table = store.table(TableName::new("peer", "counts"), config)?;
        let (frozen, to_write) = channel();
        let (done, written) = channel();
        let place = place.to_path_buf();
        let thread = std::thread::spawn(move || {
            let result = write(&place, &to_write, &done).map_err(|error| error.to_string());
            if result.is_err() {
                let _ = done.send(result);
            }
        });
        let (frozen, thread) = (Some(frozen), Some(thread));
        Ok(Self { store, table, epoch: 0, frozen, written, is_writing: false, thread })
    }

    fn wait(&mut self) -> Result<(), Box<dyn Error>> {
        if std::mem::take(&mut self.is_writing) {
            self.written.recv()??;
        }
        Ok(())
    }
}

impl Counts for Thalweg {
    fn add(&mut self, key: u64) -> Result<(), Box<dyn Error>> {
        self.add_all(&[key])
    }

    fn add_all(&mut self, keys: &[u64]) -> Result<(), Box<dyn Error>> {
        let hashes = keys.iter().map(|key| mix(*key));
        look_ahead(hashes, keys, &mut self.table, |table, hint, key| {
            let (value, _) = table.upsert_at(hint, mix(*key), &key.to_le_bytes(), 8, |_| {});
            let count = value.first_chunk_mut::<8>().expect("counts have eight bytes");
            *count = (u64::from_le_bytes(*count) + 1).to_le_bytes();
        });
        Ok(())
    }

    fn make_durable(&mut self) -> Result<(), Box<dyn Error>> {
        self.wait()?;
        self.epoch += 1;
        let mut freezer = self.store.freezer(self.epoch);
        freezer.table(&mut self.table);
        let frozen = freezer.finish(&self.store);
        self.frozen.as_ref().ok_or("it is open")?.send(frozen)?;
        self.is_writing = true;
        Ok(())
    }
}

impl Drop for Thalweg {
    fn drop(&mut self) {
        self.frozen = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn write(
    place: &PathBuf,
    to_write: &Receiver<Frozen>,
    done: &Sender<Result<(), String>>,
) -> Result<(), Box<dyn Error>> {
    let mut disk = open();
    let config = ArchiveConfig::new(KeyGroups::all(GROUPS)).workers(1).spare_segments(64);
    let mut archive = Archive::open(&mut *disk, place, 0, config, &[])?;
    let mut retained = VecDeque::new();
    while let Ok(frozen) = to_write.recv() {
        let epoch = frozen.epoch();
        let parts = vec![archive.write(&mut *disk, frozen)?];
        let manifest = Manifest { epoch, parent: None, time_ns: 0, key_groups: GROUPS, schemas: Vec::new(), parts };
        Publish::now(&mut *disk, place.join(Manifest::file_name(epoch)), manifest.encode())?;
        retained.push_back(manifest);
        if retained.len() > RETAINED
            && let Some(old) = retained.pop_front()
        {
            let path = place.join(Manifest::file_name(old.epoch));
            run(&mut *disk, Operation::Remove { path })?;
            run(&mut *disk, Operation::SyncDirectory { path: place.clone() })?;
        }
        archive.retire(&mut *disk, retained.make_contiguous())?;
        done.send(Ok(()))?;
    }
    Ok(())
}
