//! What a job has done so far, and what it waits for: counters that each worker publishes, and totals at the end.
//!
//! A worker counts in plain fields and copies them about once a millisecond into cells of its own cache lines by plain stores; whoever wants to know
//! reads them. So counting costs next to nothing on the record path, and a snapshot disturbs nobody: it takes no lock, and no worker waits for it.
//!
//! Clocks are read for a sample of the steps (latency) and turns (time), and not at all where the engine was told to measure nothing.

mod counters;
mod cell;
mod histogram;
mod shape;
mod cells;
mod snapshot;
mod holds;
mod prometheus;
mod report;
mod checkpoints;

pub(crate) use cells::{Metrics, WorkerCells};
pub(crate) use checkpoints::CheckpointCell;
pub use checkpoints::{CheckpointSnapshot, CheckpointStats, OperatorStall};
pub use counters::SplitState;
pub(crate) use counters::{SplitCounters, TaskCounters, WorkerTime};
pub use histogram::Latency;
pub(crate) use histogram::LatencyHistogram;
pub use holds::{HoldCause, Hop, WatermarkHold};
pub use report::{Ending, JobReport, OperatorReport};
pub(crate) use shape::{LaneOrigin, Shape, TaskShape};
pub use snapshot::{
    EdgeSnapshot, OperatorSnapshot, Snapshot, SplitSnapshot, TaskSnapshot, WorkerSnapshot,
};
