//! fjall, an LSM tree in Rust.

use std::error::Error;
use std::path::Path;

use fjall::{Config, Keyspace, PartitionCreateOptions, PartitionHandle, PersistMode};

use super::{Counts, mix};

/// A partition of a keyspace.
pub struct Fjall {
    keyspace: Keyspace,
    counts: PartitionHandle,
}

impl Fjall {
    pub fn open(place: &Path) -> Result<Self, Box<dyn Error>> {
        let keyspace = Config::new(place).open()?;
        let counts = keyspace.open_partition("counts", PartitionCreateOptions::default())?;
        Ok(Self { keyspace, counts })
    }
}

impl Counts for Fjall {
    fn add(&mut self, key: u64) -> Result<(), Box<dyn Error>> {
        let key = mix(key).to_be_bytes();
        let before = self
            .counts
            .get(key)?
            .map_or(Ok(0), |value| value[..].try_into().map(u64::from_le_bytes))?;
        self.counts.insert(key, (before + 1).to_le_bytes())?;
        Ok(())
    }

    fn make_durable(&mut self) -> Result<(), Box<dyn Error>> {
        Ok(self.keyspace.persist(PersistMode::SyncAll)?)
    }
}
