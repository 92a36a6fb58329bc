//! Names of parts: unique over the life of a job, and ordered by when their parts were begun.

use std::path::{Path, PathBuf};

/// What all parts of a sink have in common.
#[derive(Debug, Clone)]
pub(super) struct Family {
    pub(super) folder: PathBuf,
    /// What names begin with.
    pub(super) prefix: String,
    /// What names end with, such as ".csv.gz".
    pub(super) ending: &'static str,
}

/// Which part: the epoch that was prepared last when it was begun, the worker, and a number among those.
///
/// A restart begins parts behind the epoch that it goes on from, and those that an earlier attempt has begun there were never committed; so no name is given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PartId {
    pub(super) behind: u64,
    pub(super) worker: usize,
    pub(super) number: u64,
}

/// What the name of a part ends with until it is committed.
pub(super) const IN_PROGRESS: &str = ".inprogress";

impl Family {
    /// The name of a part that is committed.
    pub(super) fn name(&self, id: PartId) -> String {
        let PartId { behind, worker, number } = id;
        let Self { prefix, ending, .. } = self;
        format!("{prefix}-{behind:010}-{worker:03}-{number:05}{ending}")
    }

    /// Which part has this name, and whether it is committed; none of this family, if there is none.
    pub(super) fn parse(&self, name: &str) -> Option<(PartId, bool)> {
        let (committed, is_committed) = match name.strip_suffix(IN_PROGRESS) {
            Some(committed) => (committed, false),
            None => (name, true),
        };
        let numbers = committed.strip_prefix(&self.prefix)?.strip_prefix('-')?;
        let mut numbers = numbers.strip_suffix(self.ending)?.split('-');
        let id = PartId {
            behind: numbers.next()?.parse().ok()?,
            worker: numbers.next()?.parse().ok()?,
            number: numbers.next()?.parse().ok()?,
        };
        // A name that only reads like one of ours is not ours.
        (self.name(id) == committed).then_some((id, is_committed))
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Where a part is until it is committed.
    pub(super) fn in_progress(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}{IN_PROGRESS}"))
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_others_are_not_ours() {
        let family = Family { folder: "out".into(), prefix: "part".into(), ending: ".csv" };
        let id = PartId { behind: 12, worker: 3, number: 7 };
        let name = family.name(id);
        assert_eq!(name, "part-0000000012-003-00007.csv");
        assert_eq!(family.parse(&name), Some((id, true)));
        assert_eq!(family.parse(&format!("{name}.inprogress")), Some((id, false)));
        for other in [
            "part-12-3-7.csv",
            "part-0000000012-003-00007.csv.gz",
            "apart-0000000012-003-00007.csv",
            "part-0000000012-003-00007-1.csv",
            "part-.csv",
            "",
        ] {
            assert_eq!(family.parse(other), None, "{other}");
        }
        let large = PartId { behind: u64::MAX, worker: 1000, number: 100_000 };
        assert_eq!(family.parse(&family.name(large)), Some((large, true)));
    }
}
