//! Every setting of a job: unit, default, bounds, and why the default is what it is.

use std::collections::BTreeMap;

use crate::error::BuildError;
use crate::raw::page::MIN_PAGE_BYTES;

/// The most workers that a job runs on.
pub const WORKERS_MAX: usize = 256;

/// How a job runs; made by the engine's builder.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct JobConfig {
    /// Workers, each a core's loop; 1 to [`WORKERS_MAX`].
    pub workers: usize,
    /// Records that one poll of a split gives at most, and elements of one page that a step reads at most; 1 or more. Default 256: two
    /// pages of 48-byte records, so that a step takes a few microseconds.
    pub batch_records: u32,
    /// Pages of a ring; 1 or more. `None` = derived from the number of rings: all rings into a worker should fit its L2.
    pub ring_pages: Option<usize>,
    /// Bytes of a page; a multiple of 64, at least 256. `None` = derived, 8 KiB if the rings are few.
    pub ring_page_bytes: Option<usize>,
    /// Bytes of an operator's own output page; set with the rings'.
    pub page_bytes: usize,
    /// Results of a long firing that one step sends at most; default 512.
    pub slice_records: u32,
    /// Keys that operators will have, by the operator's name, over all workers; see [`EngineBuilder::expected_keys`](crate::control::EngineBuilder::expected_keys).
    pub expected_keys: BTreeMap<String, usize>,
    /// Memory that is ready for state to grow into, bytes, over all workers; see
    /// [`EngineBuilder::state_reserve_bytes`](crate::control::EngineBuilder::state_reserve_bytes). Default 0.
    pub state_reserve_bytes: usize,
    /// See [`EngineBuilder::state_resident_bytes`](crate::control::EngineBuilder::state_resident_bytes). Default 0.
    pub state_resident_bytes: usize,
    /// Whether counters are published while the job runs, and latencies and times measured. Default true; the totals at the end are there either way.
    pub measure: bool,
    /// Whether the job has checkpoints; set by [`EngineBuilder::checkpoints`](crate::control::EngineBuilder::checkpoints).
    pub checkpoints: bool,
}

/// What the rings into one worker may take together; half of a 1 MiB L2, the rest is for state.
const RING_BUDGET_BYTES: usize = 512 << 10;
const PAGE_BYTES: usize = 8 << 10;
const RING_PAGES: usize = 8;

impl Default for JobConfig {
    fn default() -> Self {
        Self {
            workers: 1,
            batch_records: 256,
            ring_pages: None,
            ring_page_bytes: None,
            page_bytes: PAGE_BYTES,
            slice_records: 512,
            expected_keys: BTreeMap::new(),
            state_reserve_bytes: 0,
            state_resident_bytes: 0,
            measure: true,
            checkpoints: false,
        }
    }
}

/// Pages and bytes of the ring of an input: as many small pages, because one record that is sent is one page, and it is the
/// pages that say how far ahead the host may be.
const INPUT_PAGES: usize = 64;
const INPUT_PAGE_BYTES: usize = 2 << 10;

impl JobConfig {
    /// Pages, and bytes of a page, of the ring behind an input's handle; before sizes are derived.
    pub(crate) fn input_ring(&self) -> (usize, usize) {
        let pages = self.ring_pages.unwrap_or(INPUT_PAGES);
        (pages, self.ring_page_bytes.unwrap_or(INPUT_PAGE_BYTES))
    }

    /// Refuses what cannot work.
    pub(crate) fn check(&self) -> Result<(), BuildError> {
        let refuse = |name: &str, message: &str| {
            Err(BuildError::Setting { name: name.into(), message: message.into() })
        };
        if !(1..=WORKERS_MAX).contains(&self.workers) {
            return refuse("workers", "a job has 1 to 256 workers");
        }
        if self.batch_records == 0 || self.slice_records == 0 {
            return refuse("batch", "a batch has at least one record");
        }
        if self.ring_pages == Some(0) {
            return refuse("ring_pages", "a ring has at least one page");
        }
        if self.ring_page_bytes.is_some_and(|bytes| bytes < MIN_PAGE_BYTES || bytes % 64 != 0) {
            return refuse("page_bytes", "a page has a multiple of 64 bytes, at least 256");
        }
        Ok(())
    }

    /// Keys of `operator` that one worker may come to own, 0 if nobody said: an even share and a little more, since keys are dealt by
    /// hash.
    pub(crate) fn expected_keys_a_worker(&self, operator: &str) -> usize {
        let keys = self.expected_keys.get(operator).copied().unwrap_or(0);
        let share = keys.div_ceil(self.workers);
        if self.workers == 1 { share } else { share + share / 32 }
    }

    /// One worker's part of [`Self::state_reserve_bytes`].
    pub(crate) fn state_reserve_bytes_a_worker(&self) -> usize {
        self.state_reserve_bytes.div_ceil(self.workers)
    }

    /// Sizes for a job with `rings` rings into its busiest worker: fewer pages first, then smaller ones.
    pub(crate) fn with_ring_sizes(mut self, rings: usize) -> Self {
        let (mut pages, mut bytes) = (RING_PAGES, PAGE_BYTES);
        while rings * pages * bytes > RING_BUDGET_BYTES && pages > 4 {
            pages /= 2;
        }
        while rings * pages * bytes > RING_BUDGET_BYTES && bytes > 2048 {
            bytes /= 2;
        }
        self.ring_pages.get_or_insert(pages);
        self.page_bytes = *self.ring_page_bytes.get_or_insert(bytes);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_rings_get_eight_pages_of_eight_kib() {
        let config = JobConfig::default().with_ring_sizes(4);
        assert_eq!((config.ring_pages, config.page_bytes), (Some(8), 8192));
    }

    #[test]
    fn many_rings_share_the_budget() {
        let config = JobConfig::default().with_ring_sizes(30);
        assert!(30 * config.ring_pages.unwrap() * config.page_bytes <= RING_BUDGET_BYTES);
    }

    #[test]
    fn state_is_sized_for_a_worker_s_share() {
        let mut config = JobConfig { workers: 3, state_reserve_bytes: 10, ..JobConfig::default() };
        config.expected_keys.insert("count".into(), 9_600);
        assert_eq!(config.expected_keys_a_worker("count"), 3_300);
        assert_eq!(config.expected_keys_a_worker("other"), 0);
        assert_eq!(config.state_reserve_bytes_a_worker(), 4);
        let alone = JobConfig { workers: 1, ..config };
        assert_eq!(alone.expected_keys_a_worker("count"), 9_600);
    }

    #[test]
    fn zero_workers_are_refused() {
        let config = JobConfig { workers: 0, ..JobConfig::default() };
        assert!(config.check().unwrap_err().to_string().contains("workers"));
    }
}
