//! What a contestant says of its run.

use serde::{Deserialize, Serialize};

use crate::load::machine::Machine;
use crate::load::report::Report;

/// One run; printed as one line of JSON, the last one of a contestant's standard output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Who.
    pub engine: String,
    /// Which version of it.
    pub version: String,
    /// All that was set.
    pub settings: String,
    /// Events of the run.
    pub events: u64,
    /// From the start of the program to its first event.
    pub startup_ns: u64,
    /// From the first event to the end of the job.
    pub elapsed_ns: u64,
    /// Processor time meanwhile, of all threads.
    pub cpu_ns: u64,
    /// From the event in the middle to the end of the job: what has to warm up has done so by then.
    pub warm_ns: u64,
    /// Processor time meanwhile.
    pub warm_cpu_ns: u64,
    /// Events meanwhile.
    pub warm_events: u64,
    /// The most memory that the program has held, in the kernel's count.
    pub peak_bytes: u64,
}

#[expect(clippy::cast_precision_loss, reason = "figures for people to read")]
impl Outcome {
    /// Events a second of the second half.
    #[must_use]
    pub fn events_per_s(&self) -> f64 {
        self.warm_events as f64 * 1e9 / self.warm_ns.max(1) as f64
    }

    /// Processor seconds for a million events of the second half.
    #[must_use]
    pub fn cpu_s_per_million(&self) -> f64 {
        self.warm_cpu_ns as f64 / 1e3 / self.warm_events.max(1) as f64
    }

    /// Events a second of the whole run.
    #[must_use]
    pub fn whole_events_per_s(&self) -> f64 {
        self.events as f64 * 1e9 / self.elapsed_ns.max(1) as f64
    }

    /// Milliseconds from the start of the program to its first event.
    #[must_use]
    pub fn startup_ms(&self) -> f64 {
        self.startup_ns as f64 / 1e6
    }

    /// As a report of this machine.
    #[must_use]
    pub fn report(&self, machine: &Machine) -> Report {
        Report::new("peers", machine)
            .parameter("engine", self.engine.as_str())
            .parameter("version", self.version.as_str())
            .parameter("settings", self.settings.as_str())
            .parameter("events", self.events)
            .metric("events_per_s", self.events_per_s())
            .metric("whole_events_per_s", self.whole_events_per_s())
            .metric("cpu_s_per_million", self.cpu_s_per_million())
            .metric("peak_mib", self.peak_bytes >> 20)
            .metric("startup_ms", self.startup_ms())
    }
}
