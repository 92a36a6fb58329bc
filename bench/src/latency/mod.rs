//! Nexmark at a fixed rate: from the scheduled instant of what caused a result to the sink's receipt of it.
//!
//! The loop is open: each event has its instant, and a source that comes late with it has its lateness counted. Event time is a function of the
//! schedule, so that a result's time says when what caused it was due: the event it was made of; or, of a window, the event at whose time the window
//! was over.
//!
//! Event time runs at ten thousand events a second, as it does when throughput is measured, and so faster than the clock: windows hold the same
//! events, and a few seconds are enough for hundreds of them. Watermarks follow the events closely, since none is late.
//!
//! * [`schedule`]: when events are due. [`lateness`]: how late they were at the end. [`scheduled`]: the source. [`arrivals`]: the sink's clock.
//! * [`cadence`]: how often checkpoints are taken. [`rig`]: the engine of a run, with its state on a disk. [`run`]: a job of these.
//! * [`rounds`]: several runs of each, beside each other. [`saturation`]: the highest rate that is kept.

pub mod schedule;
pub mod lateness;
pub mod scheduled;
pub mod arrivals;
pub mod cadence;
pub mod rig;
pub mod run;
pub mod rounds;
pub mod saturation;
