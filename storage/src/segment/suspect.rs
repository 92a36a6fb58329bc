//! Segments that were seen to be damaged.
//!
//! A map is checked block by block, when somebody needs one; that a block is damaged then ends the job, and what starts it again has to know, or it would begin from the same checkpoint. So the
//! file is noted, and [`crate::checkpoint::newest_noting`] reads all of a file that is noted, whatever else it was told.
//!
//! Notes are kept where their owner is, who hands them to whatever opens files and to whatever looks for a checkpoint; nothing is shared behind anybody's back. Written down they are
//! files beside the segments, `00000042.suspect` beside `00000042.seg`, a page of zeros each: their names are all they say. A process that starts later reads those.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::format::SegmentId;
use crate::io::{Answer, Disk, DiskError, Operation, PAGE_BYTES, directory_of, run};

/// What a note is called, behind the number of its segment.
const NOTE: &str = "suspect";

/// Notes of files that were seen to be damaged. A clone is the same notes.
#[derive(Clone, Debug, Default)]
pub struct Suspects {
    noted: Arc<Mutex<BTreeSet<PathBuf>>>,
}

impl Suspects {
    fn noted(&self) -> MutexGuard<'_, BTreeSet<PathBuf>> {
        // A set is whole after any of its operations.
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a file.
    pub(crate) fn note(&self, path: &Path) {
        self.noted().insert(path.to_path_buf());
    }

    /// Whether something was wrong with a file, in this life of it or another.
    pub(crate) fn is_noted(&self, path: &Path) -> bool {
        self.noted().contains(path)
    }

    /// All of a file was read, and it is whole.
    pub(crate) fn acquit(&self, path: &Path) {
        self.noted().remove(path);
    }

    /// Whether nothing is noted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.noted().is_empty()
    }

    /// Adds what is written down in a directory, in which these names are.
    pub(crate) fn read(&self, directory: &Path, names: &[String]) {
        let noted = names.iter().filter_map(|name| segment_of(name));
        self.noted().extend(noted.map(|id| directory.join(id.file_name())));
    }

    /// Makes the notes durable, for whoever starts later. Waits for the disk.
    ///
    /// # Errors
    ///
    /// The disk refuses; what was not written is known to this process still.
    pub fn write_down(&self, disk: &mut dyn Disk) -> Result<(), DiskError> {
        let noted = self.noted().clone();
        for path in noted {
            let directory = directory_of(&path);
            let note = path.with_extension(NOTE);
            let there = run(disk, Operation::List { path: directory.clone() })?;
            let is_there = |name: &String| note.file_name().is_some_and(|own| own == &**name);
            if matches!(&there, Answer::Names(names) if names.iter().any(is_there)) {
                continue;
            }
            let create = Operation::Create { path: note.clone(), bytes: PAGE_BYTES };
            if let Answer::Opened { file, .. } = run(disk, create)? {
                run(disk, Operation::Close { file })?;
            }
            run(disk, Operation::SyncDirectory { path: directory })?;
        }
        Ok(())
    }

    /// Forgets the files of a directory that nobody needs, and gives the written notes, by name and of the `names` that are there, which say nothing any more: their files are not needed, or
    /// were seen to be whole since.
    #[must_use]
    pub fn settle(
        &self,
        directory: &Path,
        names: &[String],
        is_needed: impl Fn(SegmentId) -> bool,
    ) -> Vec<String> {
        let mut noted = self.noted();
        let is_settled = |name: &&String| {
            segment_of(name).is_some_and(|id| {
                let path = directory.join(id.file_name());
                if !is_needed(id) {
                    noted.remove(&path);
                }
                !noted.contains(&path)
            })
        };
        names.iter().filter(is_settled).cloned().collect()
    }
}

/// The segment of which a note is written under this name.
fn segment_of(name: &str) -> Option<SegmentId> {
    let stem = name.strip_suffix(NOTE)?;
    SegmentId::of_file_name(&format!("{stem}seg"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::Memory;

    fn names(disk: &mut Memory) -> Vec<String> {
        let list = Operation::List { path: PathBuf::from("state") };
        match run(disk, list).unwrap() {
            Answer::Names(names) => names,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_written_down_is_read_until_it_is_settled() {
        let (mut disk, directory) = (Memory::new(), Path::new("state"));
        let path = |id| directory.join(SegmentId(id).file_name());
        let suspects = Suspects::default();
        disk.plant(&path(1), vec![0; 4096]);
        [1, 2, 3].iter().for_each(|id| suspects.note(&path(*id)));
        suspects.write_down(&mut disk).unwrap();
        // Again: nothing is in the way of itself.
        suspects.write_down(&mut disk).unwrap();
        let names = names(&mut disk);
        assert_eq!(
            names,
            ["00000001.seg", "00000001.suspect", "00000002.suspect", "00000003.suspect"]
        );

        let later = Suspects::default();
        later.read(directory, &names);
        assert!([1, 2, 3].iter().all(|id| later.is_noted(&path(*id))));
        assert!(!later.is_noted(&path(4)) && !Suspects::default().is_noted(&path(1)));
        // One is whole, one is not needed any more, and of one it is not known.
        later.acquit(&path(2));
        let settled = later.settle(directory, &names, |id| id != SegmentId(3));
        assert_eq!(settled, ["00000002.suspect", "00000003.suspect"]);
        assert!(later.is_noted(&path(1)) && !later.is_noted(&path(3)));
    }
}
