//! Segment files for new lives.
//!
//! A retired file is not removed but written again: its blocks are allocated and were written before, so writing them is 1.8 times as fast as in a new file, and
//! no metadata changes. Only when there are more of them than are worth keeping are they removed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{Life, Prepare, SegmentError};
use crate::format::header::Header;
use crate::format::{Generation, Identity, PAGE_BYTES, SegmentId};
use crate::io::{Access, Answer, Disk, DiskError, Operation, Ticket, read_exactly, run};

/// A file that nothing refers to and nobody has mapped.
#[derive(Debug)]
pub struct Retired {
    header: Header,
}

impl Retired {
    pub(crate) fn of(header: Header) -> Self {
        Self { header }
    }

    /// The file, in the life that has ended.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.header.identity
    }
}

/// Where segments come from, and go to.
///
/// Several of them share a state directory by their numbers: each takes every `step`-th, from a first one of its own.
#[derive(Debug)]
pub struct Recycler {
    directory: PathBuf,
    layout: u64,
    capacity: u64,
    keep: usize,
    free: Vec<Retired>,
    next: u64,
    step: u64,
}

impl Recycler {
    /// Makes segments of `capacity` bytes in `directory`, numbered `first`, `first + step` and so on, and keeps up to `keep` retired ones.
    ///
    /// In a directory that is not empty, it has to [adopt](Recycler::adopt) what is there first: a number that is in use is not used for a new file.
    ///
    /// # Panics
    ///
    /// If `capacity` is not whole pages, at least three, or `step` is 0.
    #[must_use]
    pub fn new(
        directory: PathBuf,
        layout: u64,
        capacity: u64,
        keep: usize,
        first: SegmentId,
        step: u64,
    ) -> Self {
        let page = PAGE_BYTES as u64;
        assert!(
            capacity.is_multiple_of(page) && capacity >= 3 * page && step > 0,
            "invariant: a segment is whole pages with room for an extent, and numbers go up"
        );
        Self { directory, layout, capacity, keep, free: Vec::new(), next: first.0, step }
    }

    /// Takes over the files of `directory` that have a number of this recycler's and are not in `named`, which is what retained manifests name; others
    /// are left to their recyclers, also where there were more or fewer of them before. What cannot be read as a segment, for want of a whole header, or has another
    /// length is removed: which lives it has had is not known, or it is of no use.
    ///
    /// For a start, after [`crate::checkpoint::newest`], which makes the names durable that are seen, and before anything is written; it waits. Gives the files that were removed.
    ///
    /// # Errors
    ///
    /// The directory cannot be listed. A file that cannot be read or removed is left alone.
    pub fn adopt(
        &mut self,
        disk: &mut dyn Disk,
        named: &BTreeSet<SegmentId>,
    ) -> Result<Vec<PathBuf>, DiskError> {
        let listing = run(disk, Operation::List { path: self.directory.clone() })?;
        let Answer::Names(names) = listing else {
            panic!("invariant: a listing is answered by names")
        };
        let found: BTreeSet<_> =
            names.iter().filter_map(|name| SegmentId::of_file_name(name)).collect();
        let residue = self.next % self.step;
        let ours = |id: &&SegmentId| id.0 % self.step == residue;
        if let Some(last) = found.union(named).filter(ours).max() {
            self.next = self.next.max(last.0 + self.step);
        }
        let mut removed = Vec::new();
        for id in found.difference(named).filter(ours).copied().collect::<Vec<_>>() {
            let path = self.path(id);
            match header_of(disk, &path) {
                Ok(header) if header.identity.id == id && self.fits(&header) => {
                    self.free.push(Retired { header });
                }
                Err(SegmentError::Disk { .. }) => {}
                _ => {
                    if run(disk, Operation::Remove { path: path.clone() }).is_ok() {
                        removed.push(path);
                    }
                }
            }
        }
        Ok(removed)
    }

    /// Starts to make the next segment ready: a retired file if there is one, else a new one.
    pub fn prepare(&mut self, disk: &mut dyn Disk) -> Prepare {
        let (identity, life) = match self.free.pop() {
            Some(Retired { header: Header { identity: old, .. } }) => {
                let generation = old.generation.next();
                (Identity { id: old.id, generation }, Life::Recycled)
            }
            None => {
                let id = SegmentId(self.next);
                self.next += self.step;
                (Identity { id, generation: Generation::FIRST }, Life::New)
            }
        };
        let header = Header { identity, layout: self.layout, capacity: self.capacity };
        Prepare::start(disk, self.path(identity.id), header, life)
    }

    /// As [`Recycler::prepare`], of a new file with room for more than others have; it does not come back here.
    pub fn prepare_large(&mut self, disk: &mut dyn Disk, capacity: u64) -> Prepare {
        let identity = Identity { id: SegmentId(self.next), generation: Generation::FIRST };
        self.next += self.step;
        let header = Header { identity, layout: self.layout, capacity };
        Prepare::start(disk, self.path(identity.id), header, Life::New)
    }

    /// Takes a file back. One that is not worth keeping is removed; whose completion the ticket, if there is one, announces.
    pub fn give_back(&mut self, disk: &mut dyn Disk, retired: Retired) -> Option<Ticket> {
        if self.free.len() < self.keep && self.fits(&retired.header) {
            self.free.push(retired);
            return None;
        }
        let path = self.path(retired.header.identity.id);
        Some(disk.submit(Operation::Remove { path }))
    }

    /// How many files wait for a new life.
    #[must_use]
    pub fn spare(&self) -> usize {
        self.free.len()
    }

    /// Where a segment is.
    #[must_use]
    pub fn path(&self, id: SegmentId) -> PathBuf {
        self.directory.join(id.file_name())
    }

    fn fits(&self, header: &Header) -> bool {
        header.capacity == self.capacity
    }
}

/// Reads and checks the first page of a file.
fn header_of(disk: &mut dyn Disk, path: &Path) -> Result<Header, SegmentError> {
    let disk_error = |error| SegmentError::disk(path, error);
    let open = Operation::Open { path: path.to_path_buf(), access: Access::Read };
    let Answer::Opened { file, length, .. } = run(disk, open).map_err(disk_error)? else {
        panic!("invariant: opening is answered by an open file")
    };
    let page = read_exactly(disk, file, 0, PAGE_BYTES);
    // Only read, so closing can lose nothing.
    let _ = run(disk, Operation::Close { file });
    let (page, bytes) = page.map_err(disk_error)?;
    Header::decode(&page[..bytes], length).map_err(|flaw| SegmentError::unfit(path, flaw))
}
