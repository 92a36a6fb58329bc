//! The table in memory that a log of changes comes to; for tests and small results.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::{UpsertSink, UpsertWriter};
use crate::error::OperatorFault;
use crate::record::Record;
use crate::sink::Writers;
use crate::source::OpenContext;

/// The handle to a table in memory; give its [`Self::sink`] to a stream and read it after the job, or meanwhile.
#[derive(Debug)]
pub struct UpsertCollected<K, V> {
    /// The lock is taken once a change, by the workers and by the reader.
    table: Arc<Mutex<BTreeMap<K, V>>>,
}

impl<K, V> Clone for UpsertCollected<K, V> {
    fn clone(&self) -> Self {
        Self { table: Arc::clone(&self.table) }
    }
}

impl<K, V> Default for UpsertCollected<K, V> {
    fn default() -> Self {
        Self { table: Arc::new(Mutex::new(BTreeMap::new())) }
    }
}

impl<K: Record + Ord + Send, V: Record + Send> UpsertCollected<K, V> {
    /// An empty table.
    pub fn new() -> Self {
        Self::default()
    }

    /// A sink that changes this table.
    pub fn sink(&self) -> Self {
        self.clone()
    }

    /// Takes the table.
    pub fn take(&self) -> BTreeMap<K, V> {
        std::mem::take(&mut *self.table.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The value of a key now.
    pub fn get(&self, key: &K) -> Option<V>
    where
        V: Clone,
    {
        self.table.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }
}

impl<K: Record + Ord + Send, V: Record + Send> UpsertSink<K, V> for UpsertCollected<K, V> {
    type Writer = Self;

    fn writers(&self) -> Writers {
        Writers::PerWorker
    }

    fn open(&self, _: &OpenContext) -> Result<Self, OperatorFault> {
        Ok(self.clone())
    }

    fn describe(&self) -> String {
        "table in memory".into()
    }
}

impl<K: Record + Ord + Send, V: Record + Send> UpsertWriter<K, V> for UpsertCollected<K, V> {
    fn upsert(&mut self, key: K, value: V) -> Result<(), OperatorFault> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner).insert(key, value);
        Ok(())
    }

    fn delete(&mut self, key: K) -> Result<(), OperatorFault> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
        Ok(())
    }
}
