//! Which keys a worker has: a contiguous range of the job's key groups.

/// A contiguous range of the key groups of a job.
///
/// The group of a hash is the number that its top bits make: `hash * count / 2^64`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyGroups {
    /// How many groups the job has.
    pub count: u32,
    /// The first one of the range.
    pub first: u32,
    /// The last one of the range.
    pub last: u32,
}

impl KeyGroups {
    /// All groups of a job that has `count`.
    #[must_use]
    pub fn all(count: u32) -> Self {
        Self { count, first: 0, last: count.saturating_sub(1) }
    }

    /// Those of one worker of several, as even shares as can be: group `g` belongs to worker `g * workers / count`.
    #[must_use]
    pub fn of_worker(count: u32, worker: u32, workers: u32) -> Self {
        let (count64, worker, workers) = (u64::from(count), u64::from(worker), u64::from(workers));
        let start = |worker: u64| (worker * count64).div_ceil(workers);
        let number = |group: u64| u32::try_from(group).expect("invariant: a share of them");
        // A worker without any group has a range that runs backwards.
        let (first, end) = (number(start(worker)), number(start(worker + 1)));
        if first == end {
            return Self { count, first: 1, last: 0 };
        }
        Self { count, first, last: end - 1 }
    }

    /// Whether the key with this hash is in the range.
    #[inline]
    #[must_use]
    pub fn hold(&self, hash: u64) -> bool {
        let group = (u128::from(hash) * u128::from(self.count)) >> 64;
        (u128::from(self.first)..=u128::from(self.last)).contains(&group)
    }

    /// Whether all groups of `others` are in the range.
    pub(crate) fn has_all_of(&self, others: Self) -> bool {
        others.first > others.last || self.first <= others.first && others.last <= self.last
    }

    pub(crate) fn and(self, other: Option<(u32, u32)>) -> Self {
        let (first, last) = other.unwrap_or((self.first, self.last));
        Self { first: self.first.max(first), last: self.last.min(last), ..self }
    }
}
