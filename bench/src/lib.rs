//! What the engine costs, and what it is measured against.
//!
//! * [`load`]: how a run is driven and reported: clock, pinning, histograms, the machine's own noise.
//! * [`mod@reference`]: the hand-written loops that say what the hardware allows for the same work.
//! * [`spine`]: the engine on the same workloads.
//! * [`embed`]: a job between threads of its host.
//! * [`nexmark`]: the field's own benchmark.
//! * [`latency`]: Nexmark at a fixed rate.
//! * [`peers`]: the engine beside others.
//! * [`loops`]: each hop of a record by itself, and how many instructions it takes.
//!
//! # Not here
//!
//! No assertion about time. A benchmark reports, a reader judges; what must hold is a test.

pub mod load;
pub mod reference;
pub mod spine;
pub mod embed;
pub mod nexmark;
pub mod latency;
pub mod peers;
pub mod loops;
