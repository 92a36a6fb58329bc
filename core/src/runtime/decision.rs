//! What was decided, in the order in which it was.
//!
//! A worker is a function of its inputs and of the order in which they were taken. That order is the only thing that two runs of a job
//! over one input can differ in; written down, it makes any run repeatable (a few bytes a batch).

use crate::exchange::RecordedInput;
use crate::operator::task::{Choice, PollOutcome};

/// One decision of one worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The wall clock's time at the origin of the clock, in nanoseconds since the Unix epoch; a worker's first decision.
    ClockOrigin(i64),
    /// The clock was read: nanoseconds since its origin.
    Clock(u64),
    /// Task `task` read `elements` elements of the front page of lane `lane`.
    Lane {
        /// The task.
        task: u16,
        /// The lane.
        lane: u16,
        /// How many elements.
        elements: u32,
    },
    /// Task `task` worked off `results` results of a firing at most.
    Slice {
        /// The task.
        task: u16,
        /// The limit.
        results: u32,
    },
    /// Task `task` polled split `slot` and got `records` records.
    Poll {
        /// The task.
        task: u16,
        /// The place of the split among those that are open; 65,535 for a look for new splits.
        slot: u16,
        /// How many records came, or splits.
        records: u32,
        /// How it ended: 0 full, 1 dry, 2 idle, 3 end.
        outcome: u8,
    },
    /// Task `task` did what was due by the clock, `results` results of it at most.
    Alarm {
        /// The task.
        task: u16,
        /// The limit.
        results: u32,
    },
    /// Task `task` sent its open pages on.
    Flush(u16),
    /// The barrier of a checkpoint: sources said where they were, and passed it on.
    Barrier {
        /// The number of the checkpoint.
        epoch: u64,
    },
    /// A checkpoint is complete, and those before it: what was prepared up to it became visible.
    Commit {
        /// Its number.
        epoch: u64,
    },
    /// The job was asked to end: the sources were cut off.
    Stop {
        /// Event time went to its end, so that everything that was open closed; else it stayed where it was.
        drains: bool,
    },
}

impl Decision {
    /// The decision to do `choice` with task `task`, up to `limit`.
    pub(crate) fn of(task: usize, choice: Choice, limit: u32) -> Self {
        let task = u16::try_from(task).expect("invariant: fewer than 65,536 tasks");
        match choice {
            Choice::Lane(lane) => Self::Lane { task, lane, elements: limit },
            Choice::Slice => Self::Slice { task, results: limit },
            Choice::Alarm => Self::Alarm { task, results: limit },
            Choice::Poll(slot) => Self::Poll { task, slot, records: limit, outcome: 0 },
        }
    }

    pub(crate) fn outcome_code(outcome: PollOutcome) -> u8 {
        match outcome {
            PollOutcome::Full => 0,
            PollOutcome::Dry => 1,
            PollOutcome::Idle => 2,
            PollOutcome::End => 3,
        }
    }

    pub(crate) fn outcome_of(code: u8) -> PollOutcome {
        match code {
            0 => PollOutcome::Full,
            1 => PollOutcome::Dry,
            2 => PollOutcome::Idle,
            _ => PollOutcome::End,
        }
    }
}

/// The decisions of all workers of one run and what its host has sent, to be replayed on the simulator.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Journal {
    /// For each worker its decisions, in order.
    pub workers: Vec<Vec<Decision>>,
    /// For each worker the splits that its sources have found while the job ran, in order.
    pub found: Vec<Vec<String>>,
    /// The checkpoint that the run went on from: its state is not part of this, so it cannot be replayed.
    pub began_at: Option<u64>,
    /// Bytes of a page in that run: where pages end is part of what is replayed.
    pub page_bytes: usize,
    /// What the handles of the host have sent, each as its worker read it.
    pub inputs: Vec<RecordedInput>,
}

impl Journal {
    /// Number of decisions.
    pub fn len(&self) -> usize {
        self.workers.iter().map(Vec::len).sum()
    }

    /// True if nothing was decided.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
