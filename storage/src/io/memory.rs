//! A disk that is memory: deterministic, for simulations, tests and reading what came over a network.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::engine::{Engine, Executor, Job, Outcome};
use super::image::{Image, Inode};
use super::{Mapped, Ticket};

/// A disk in memory. Operations are carried out when they are submitted, and complete at the next poll, in order.
pub type Memory = Engine<Immediate>;

/// Carries jobs out at once.
#[derive(Debug)]
pub struct Immediate {
    image: Arc<Mutex<Image>>,
    ended: Vec<(Ticket, io::Result<Outcome<Inode>>)>,
}

impl Memory {
    /// An empty disk.
    #[must_use]
    pub fn new() -> Self {
        Self::over(Immediate { image: Arc::default(), ended: Vec::new() })
    }

    /// Another disk with the same files, for another worker.
    #[must_use]
    pub fn beside(&self) -> Self {
        let image = Arc::clone(&self.executor.image);
        Self::over(Immediate { image, ended: Vec::new() })
    }

    /// What a file holds; `None` if there is none.
    #[must_use]
    pub fn peek(&self, path: &Path) -> Option<Vec<u8>> {
        locked(&self.executor.image).seen(path).ok().map(<[u8]>::to_vec)
    }

    /// Puts a file there, in place of what had its name; files that are open stay as they were.
    pub fn plant(&mut self, path: &Path, bytes: Vec<u8>) {
        locked(&self.executor.image).plant(path, bytes);
    }

    /// Turns over a bit of a file.
    pub fn flip(&mut self, path: &Path, byte: usize, bit: u32) {
        locked(&self.executor.image).flip(path, byte, bit);
    }

    /// All files.
    #[must_use]
    pub fn paths(&self) -> Vec<PathBuf> {
        locked(&self.executor.image).paths()
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

/// A panic while it was locked has ended the test already; what is left is as good as any.
fn locked(image: &Mutex<Image>) -> MutexGuard<'_, Image> {
    image.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Executor for Immediate {
    type Handle = Inode;

    fn start(&mut self, ticket: Ticket, job: Job<Inode>) {
        let mut image = locked(&self.image);
        let now = image.now();
        self.ended.push((ticket, image.perform(job, now)));
    }

    fn reap(&mut self, _wait: bool, end: &mut dyn FnMut(Ticket, io::Result<Outcome<Inode>>)) {
        for (ticket, result) in self.ended.drain(..) {
            end(ticket, result);
        }
    }

    fn map(&mut self, path: &Path, bytes: u64) -> io::Result<Mapped> {
        map(&locked(&self.image), path, bytes)
    }
}

/// The front of a file, copied.
pub(super) fn map(image: &Image, path: &Path, bytes: u64) -> io::Result<Mapped> {
    let seen = image.seen(path)?;
    let front = usize::try_from(bytes).ok().and_then(|bytes| seen.get(..bytes));
    let front = front.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
    Ok(Mapped::memory(front))
}
