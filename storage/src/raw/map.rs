//! Files seen as memory, to be read only.
//!
//! # Contract
//!
//! A mapped range of a file is never written and the file never shortened while the map lives. A store to it by anybody would be a data
//! race with whoever reads the slice; a shorter file makes the next touch behind its end a SIGBUS, which ends the process.
//! Who holds to it:
//!
//! * this process, since only [`crate::segment`] maps files, maps only what was written and synced, and gives a file to be
//!   written again only in exchange for its map ([`crate::segment::MappedSegment::retire`]);
//! * other processes of this kind, since a state directory is locked ([`crate::io::StateLock`]);
//! * anybody else with the right to write there is trusted not to: no system call can keep them from it. What they would have changed before the map
//!   was made is found by its checksum.
//!
//! An error of the medium under a mapped page is a SIGBUS too. So pages are [populated](Map::populate) before they are first touched, where it is an error; a page that the
//! kernel drops later, and the medium then does not give again, is a signal.

use std::fs::File;
use std::io;
use std::ops::{Deref, Range};

use memmap2::{Advice, Mmap, MmapOptions};

/// A file, or its front, in memory; dereferences to its bytes.
#[derive(Debug)]
pub struct Map {
    map: Mmap,
}

impl Map {
    /// Maps the first `bytes` bytes of `file`, which must have them; see the file's header for what the caller promises.
    ///
    /// Cost: two system calls, whatever the size. Nothing is read before it is touched or [populated](Map::populate).
    ///
    /// # Errors
    ///
    /// `UnexpectedEof` if the file is shorter; else what the system says.
    pub(crate) fn front_of(file: &File, bytes: u64) -> io::Result<Self> {
        let length = file.metadata()?.len();
        if length < bytes {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
        let bytes =
            usize::try_from(bytes).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
        // SAFETY: nobody writes or shortens the file while the map lives (the contract above, held to by the callers,
        // all of which are in this crate), and it is at least this long.
        let map = unsafe { MmapOptions::new().len(bytes).map(file) }?;
        Ok(Self { map })
    }

    /// Reads the pages of `range` in and maps them, so that their first touch does not fault; waits until it is done. Where the kernel cannot (before Linux 5.14), it is
    /// asked to read ahead.
    ///
    /// Cost: 65 us for a page that is not in the page cache, 0.5 us for one that is.
    ///
    /// # Errors
    ///
    /// The medium does not give them: touching them would be a signal.
    ///
    /// # Panics
    ///
    /// If `range` does not lie in the map.
    pub fn populate(&self, range: Range<usize>) -> io::Result<()> {
        let bytes = &self[range.clone()];
        if bytes.is_empty() {
            return Ok(());
        }
        #[cfg(target_os = "linux")]
        match self.map.advise_range(Advice::PopulateRead, range.start, range.len()) {
            // A kernel that does not know it.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {}
            result => return result,
        }
        self.ask_for(range);
        Ok(())
    }

    /// Has the kernel begin to read the pages of `range`; does not wait for them. A hint: refused means slower and nothing else.
    ///
    /// # Panics
    ///
    /// If `range` does not lie in the map.
    pub fn ask_for(&self, range: Range<usize>) {
        if !self[range.clone()].is_empty() {
            let _ = self.map.advise_range(Advice::WillNeed, range.start, range.len());
        }
    }
}

impl Deref for Map {
    type Target = [u8];

    #[inline(always)]
    fn deref(&self) -> &[u8] {
        &self.map
    }
}

#[cfg(all(test, not(miri)))]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn the_front_of_a_file_is_seen_and_populating_changes_nothing() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[7; 10_000]).unwrap();
        let map = Map::front_of(&file, 9000).unwrap();
        map.ask_for(1..9000);
        map.populate(4096..9000).unwrap();
        map.populate(0..0).unwrap();
        assert_eq!((map.len(), map[0], map[8999]), (9000, 7, 7));
    }

    #[test]
    fn more_than_there_is_is_refused_before_it_could_be_a_signal() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[7; 10]).unwrap();
        let error = Map::front_of(&file, 11).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
