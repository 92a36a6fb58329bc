//! What a job has done so far: counters that each worker publishes, and totals at the end.
//!
//! A worker counts in plain fields and copies them once a turn into cells of its own cache lines by plain stores; whoever wants to know
//! reads them. So counting costs nothing on the record path, and a snapshot may mix counts of neighbouring turns.

mod cells;
mod report;

pub(crate) use cells::{Metrics, TaskCounters, WorkerCells};
pub use cells::{OperatorSnapshot, Snapshot};
pub(crate) use report::OperatorTotals;
pub use report::{JobReport, OperatorReport};
