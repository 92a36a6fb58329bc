//! What a task counts, and how it lies in a cell: words of 64 bits.

/// Counts of one task, for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TaskCounters {
    /// Records read or polled.
    pub records_in: u64,
    /// Records emitted, over all outputs.
    pub records_out: u64,
    /// Bytes of the pages read; of a source those that it read from outside, if it reads bytes.
    pub bytes_in: u64,
    /// Bytes of the pages emitted.
    pub bytes_out: u64,
    /// Records that came after their window had closed.
    pub late: u64,
    /// Records that could not be decoded.
    pub rejected: u64,
    /// Records that claimed to lie too far in the future.
    pub far_future: u64,
    /// Memory of its state, in bytes.
    pub state_bytes: u64,
    /// Keys in its state.
    pub state_keys: u64,
    /// Records left out because user code failed on them.
    pub skipped: u64,
    /// Records sent on as dead letters.
    pub dead_lettered: u64,
    /// Calls of user code after one that failed on the same record.
    pub retried: u64,
    /// The watermark that was last passed on, in nanoseconds of event time; `i64::MIN` before the first.
    pub watermark_ns: i64,
    /// The decided clock when the watermark last moved.
    pub moved_ns: u64,
    /// What the watermark waits for: the lane of an operator's inbox, or the split of a source.
    pub held_by: Option<u64>,
    /// Its output waits for room in a ring.
    pub is_blocked: bool,
    /// A watermark is being worked off.
    pub is_firing: bool,
    /// All that may still come to it is idle.
    pub is_idle: bool,
    /// Of a source: it was stopped before its end.
    pub is_halted: bool,
    /// Time in its steps; an estimate from the turns that were measured.
    pub busy_ns: u64,
    /// Time in which its output waited for room in a ring.
    pub blocked_ns: u64,
}

impl Default for TaskCounters {
    fn default() -> Self {
        Self::from_words([0; WORDS]).before_the_first_watermark()
    }
}

/// Words of a task's cell.
pub(super) const WORDS: usize = 18;

const BLOCKED: u64 = 1;
const FIRING: u64 = 2;
const IDLE: u64 = 4;
const HALTED: u64 = 8;

impl TaskCounters {
    fn before_the_first_watermark(self) -> Self {
        Self { watermark_ns: i64::MIN, held_by: None, ..self }
    }

    pub(super) fn words(&self) -> [u64; WORDS] {
        let flag = |is_set: bool, flag: u64| if is_set { flag } else { 0 };
        let flags = flag(self.is_blocked, BLOCKED)
            | flag(self.is_firing, FIRING)
            | flag(self.is_idle, IDLE)
            | flag(self.is_halted, HALTED);
        [
            self.records_in,
            self.records_out,
            self.bytes_in,
            self.bytes_out,
            self.late,
            self.rejected,
            self.far_future,
            self.state_bytes,
            self.state_keys,
            self.skipped,
            self.dead_lettered,
            self.retried,
            self.watermark_ns.cast_unsigned(),
            self.moved_ns,
            self.held_by.unwrap_or(u64::MAX),
            flags,
            self.busy_ns,
            self.blocked_ns,
        ]
    }

    pub(super) fn from_words(words: [u64; WORDS]) -> Self {
        let [
            records_in,
            records_out,
            bytes_in,
            bytes_out,
            late,
            rejected,
            far_future,
            state_bytes,
            state_keys,
            skipped,
            dead_lettered,
            retried,
            watermark_ns,
            moved_ns,
            held_by,
            flags,
            busy_ns,
            blocked_ns,
        ] = words;
        Self {
            records_in,
            records_out,
            bytes_in,
            bytes_out,
            late,
            rejected,
            far_future,
            state_bytes,
            state_keys,
            skipped,
            dead_lettered,
            retried,
            watermark_ns: watermark_ns.cast_signed(),
            moved_ns,
            held_by: Some(held_by).filter(|held_by| *held_by != u64::MAX),
            is_blocked: flags & BLOCKED != 0,
            is_firing: flags & FIRING != 0,
            is_idle: flags & IDLE != 0,
            is_halted: flags & HALTED != 0,
            busy_ns,
            blocked_ns,
        }
    }
}

/// What a split is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SplitState {
    /// It waits for its turn; it does not hold event time back.
    #[default]
    Waiting,
    /// It is read.
    Open,
    /// It was silent for so long that it does not hold event time back.
    Idle,
    /// It is so far ahead of the others that it is not read; see `aligned_within`.
    Held,
    /// It has ended.
    Ended,
}

/// How far one split is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SplitCounters {
    pub(crate) watermark_ns: i64,
    /// The decided clock when the watermark last moved.
    pub(crate) moved_ns: u64,
    pub(crate) state: SplitState,
}

impl SplitCounters {
    pub(super) const UNREAD: Self =
        Self { watermark_ns: i64::MIN, moved_ns: 0, state: SplitState::Waiting };

    pub(super) fn words(&self) -> [u64; 3] {
        let state = match self.state {
            SplitState::Waiting => 0,
            SplitState::Open => 1,
            SplitState::Idle => 2,
            SplitState::Held => 3,
            SplitState::Ended => 4,
        };
        [self.watermark_ns.cast_unsigned(), self.moved_ns, state]
    }

    pub(super) fn from_words([watermark_ns, moved_ns, state]: [u64; 3]) -> Self {
        let state = match state {
            0 => SplitState::Waiting,
            1 => SplitState::Open,
            2 => SplitState::Idle,
            3 => SplitState::Held,
            _ => SplitState::Ended,
        };
        Self { watermark_ns: watermark_ns.cast_signed(), moved_ns, state }
    }
}

/// How one worker's thread spends its time, in nanoseconds since its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct WorkerTime {
    pub(crate) elapsed_ns: u64,
    pub(crate) busy_ns: u64,
    pub(crate) idle_ns: u64,
}

impl WorkerTime {
    pub(super) fn words(&self) -> [u64; 3] {
        [self.elapsed_ns, self.busy_ns, self.idle_ns]
    }

    pub(super) fn from_words([elapsed_ns, busy_ns, idle_ns]: [u64; 3]) -> Self {
        Self { elapsed_ns, busy_ns, idle_ns }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_the_counters_and_back() {
        let mut words = [0; WORDS];
        // Small numbers, because one of the words is four flags.
        words.iter_mut().zip(0..).for_each(|(word, n)| *word = n % 16);
        let counters = TaskCounters::from_words(words);
        assert_eq!(counters.words(), words);
        assert_eq!(
            TaskCounters::from_words(TaskCounters::default().words()),
            TaskCounters::default()
        );
        use SplitState::{Ended, Held, Idle, Open, Waiting};
        for state in [Waiting, Open, Idle, Held, Ended] {
            let split = SplitCounters { watermark_ns: -5, moved_ns: 7, state };
            assert_eq!(SplitCounters::from_words(split.words()), split);
        }
    }
}
