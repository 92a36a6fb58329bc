//! RocksDB, as Flink has it: no write-ahead log, and a flush of the memtable where a checkpoint is.

use std::error::Error;
use std::path::Path;

use rocksdb::{BlockBasedOptions, Cache, DB, Options, WriteOptions};

use super::{Counts, mix};

/// Memory for memtables, bytes; Flink's managed memory for a slot is about this and the cache.
const MEMTABLE_BYTES: usize = 128 << 20;

const CACHE_BYTES: usize = 256 << 20;

/// A database.
pub struct Rocks {
    database: DB,
    write: WriteOptions,
}

impl Rocks {
    pub fn open(place: &Path) -> Result<Self, Box<dyn Error>> {
        let mut blocks = BlockBasedOptions::default();
        blocks.set_block_cache(&Cache::new_lru_cache(CACHE_BYTES)?);
        blocks.set_bloom_filter(10.0, false);
        let mut options = Options::default();
        options.create_if_missing(true);
        options.set_write_buffer_size(MEMTABLE_BYTES);
        options.set_max_background_jobs(2);
        options.set_block_based_table_factory(&blocks);
        let mut write = WriteOptions::default();
        write.disable_wal(true);
        Ok(Self { database: DB::open(&options, place)?, write })
    }
}

impl Counts for Rocks {
    fn add(&mut self, key: u64) -> Result<(), Box<dyn Error>> {
        let key = mix(key).to_be_bytes();
        let before = self.database.get_pinned(key)?;
        let before = before.map_or(Ok(0), |value| value[..].try_into().map(u64::from_le_bytes))?;
        Ok(self.database.put_opt(key, (before + 1).to_le_bytes(), &self.write)?)
    }

    fn make_durable(&mut self) -> Result<(), Box<dyn Error>> {
        Ok(self.database.flush()?)
    }
}
