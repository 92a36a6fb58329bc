//! The outside of a suite: files and streams in memory, or the real ones, and a clock that moves when it is told to.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::io::{Files, Streams};
use crate::rt::{MemoryFiles, MemoryStreams, SystemFiles, SystemStreams};
use crate::source::OpenContext;
use crate::time::Clock;

/// What a source or sink under test finds outside; clones share it.
#[derive(Clone)]
pub struct World {
    files: Rc<dyn Files>,
    streams: Arc<dyn Streams>,
    memory: Option<(MemoryFiles, MemoryStreams)>,
    clock: Rc<HandClock>,
    patience: u32,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("World")
    }
}

/// A clock that is moved by hand.
struct HandClock(Cell<u64>);

impl Clock for HandClock {
    fn now_ns(&self) -> u64 {
        self.0.get()
    }

    fn origin_unix_ns(&self) -> i64 {
        0
    }
}

impl World {
    /// These files and streams.
    pub fn new(files: MemoryFiles, streams: MemoryStreams) -> Self {
        let memory = Some((files.clone(), streams.clone()));
        Self { memory, ..Self::of(Rc::new(files), Arc::new(streams), 1_000_000) }
    }

    /// The files and sockets of this machine.
    pub fn real() -> Self {
        Self::of(Rc::new(SystemFiles), Arc::new(SystemStreams::default()), u32::MAX)
    }

    fn of(files: Rc<dyn Files>, streams: Arc<dyn Streams>, patience: u32) -> Self {
        let clock = Rc::new(HandClock(Cell::new(1)));
        Self { files, streams, memory: None, clock, patience }
    }

    /// True if it is made of [`Self::new`].
    pub(super) fn is_in_memory(&self) -> bool {
        self.memory.is_some()
    }

    /// The world when the power is back: its files are what was durable of them, and some of the rest; its streams, and its time, go on. See
    /// [`MemoryFiles::after_power_cut`].
    ///
    /// # Panics
    ///
    /// If this is the real world.
    #[must_use]
    pub fn after_power_cut(&self, choose: &mut dyn FnMut(usize) -> usize) -> Self {
        let files = self.memory_files().after_power_cut(choose);
        let memory = Some((files.clone(), self.memory_streams().clone()));
        Self { files: Rc::new(files), memory, ..self.clone() }
    }

    /// Its files in memory.
    ///
    /// # Panics
    ///
    /// If this is the real world.
    pub fn memory_files(&self) -> &MemoryFiles {
        &self.memory.as_ref().expect("the real world is not in memory").0
    }

    /// Its streams in memory.
    ///
    /// # Panics
    ///
    /// If this is the real world.
    pub fn memory_streams(&self) -> &MemoryStreams {
        &self.memory.as_ref().expect("the real world is not in memory").1
    }

    /// Its files.
    pub fn files(&self) -> &dyn Files {
        &*self.files
    }

    /// Asking in vain so often is hanging; how long others take in the real world nobody knows.
    pub(super) fn patience(&self) -> u32 {
        self.patience
    }

    /// Lets time go by.
    pub fn pass(&self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.clock.0.set(self.clock.0.get().saturating_add(nanos));
    }

    /// Now, in nanoseconds.
    pub fn now_ns(&self) -> u64 {
        self.clock.0.get()
    }

    /// What worker `worker` of `workers` opens with.
    pub fn context(&self, worker: usize, workers: usize) -> OpenContext {
        OpenContext {
            worker,
            workers,
            operator: "under test".into(),
            files: Rc::clone(&self.files),
            streams: Arc::clone(&self.streams),
            clock: Rc::clone(&self.clock) as Rc<dyn Clock>,
            checkpoints: false,
            restored: Rc::default(),
        }
    }
}
