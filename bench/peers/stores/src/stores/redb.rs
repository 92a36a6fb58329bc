//! redb, a copy-on-write B tree in Rust.

use std::error::Error;
use std::path::Path;

use redb::{Database, ReadableTable, TableDefinition, WriteTransaction};

use super::{Counts, mix};

const COUNTS: TableDefinition<u64, u64> = TableDefinition::new("counts");

/// A table, and the transaction of the interval.
pub struct Redb {
    database: Database,
    open: Option<WriteTransaction>,
}

impl Redb {
    pub fn open(place: &Path) -> Result<Self, Box<dyn Error>> {
        Ok(Self { database: Database::create(place.join("counts.redb"))?, open: None })
    }
}

impl Counts for Redb {
    fn add(&mut self, key: u64) -> Result<(), Box<dyn Error>> {
        self.add_all(&[key])
    }

    fn add_all(&mut self, keys: &[u64]) -> Result<(), Box<dyn Error>> {
        if self.open.is_none() {
            self.open = Some(self.database.begin_write()?);
        }
        let open = self.open.as_ref().ok_or("it was just opened")?;
        let mut counts = open.open_table(COUNTS)?;
        for key in keys {
            let before = counts.get(mix(*key))?.map_or(0, |value| value.value());
            counts.insert(mix(*key), before + 1)?;
        }
        Ok(())
    }

    fn make_durable(&mut self) -> Result<(), Box<dyn Error>> {
        self.open.take().map_or(Ok(()), |open| Ok(open.commit()?))
    }
}
