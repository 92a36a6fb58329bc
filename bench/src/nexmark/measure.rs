//! What a query costs: events a second, processor seconds for a million events, and memory.
//!
//! The result is dropped where it arrives, as the field's own harness does. The processor time is that of the whole process, workers that wait for
//! others included.

use std::fs;

use thalweg::prelude::*;
use thalweg::source::Source;

use super::model::Event;
use super::outlet::Outlet;
use super::queries::Query;
use super::run;
use crate::load::machine::Machine;
use crate::load::report::Report;

/// What was measured of one run.
#[derive(Debug, Clone, Copy)]
pub struct Measured {
    /// Events of the run.
    pub events: u64,
    /// From the start of the job to its end.
    pub elapsed_ns: u64,
    /// Processor time of the process meanwhile.
    pub cpu_ns: u64,
}

/// Ticks of a second in which the kernel counts processor time for programs: fixed on Linux.
const TICKS_PER_S: u64 = 100;

/// Processor time of this process since its start; to 10 ms.
#[must_use]
pub fn cpu_ns() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name of the program, in parentheses, may hold spaces.
    let behind_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let fields = behind_name.split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    ticks * (1_000_000_000 / TICKS_PER_S)
}

/// The most memory that this process has held so far, bytes.
#[must_use]
pub fn peak_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1_024
}

/// Runs a query over `events` events of a source.
///
/// # Errors
///
/// If the job fails.
pub fn measure<S>(
    query: Query,
    source: S,
    side_input: &LookupTable<u64, Str>,
    (events, workers): (u64, usize),
) -> Result<Measured>
where
    S: Source<Out = Event> + Clone + Send + Sync,
{
    let side_input = side_input.clone();
    let engine = Engine::builder().workers(workers).build();
    let (start_ns, start_cpu_ns) = (thalweg::rt::now_ns(), cpu_ns());
    engine.run(query.name, move |t| {
        run::build(query, t, source.clone(), side_input.clone(), &Outlet::Dropped);
        Ok(())
    })?;
    let elapsed_ns = thalweg::rt::now_ns() - start_ns;
    Ok(Measured { events, elapsed_ns, cpu_ns: cpu_ns() - start_cpu_ns })
}

#[expect(clippy::cast_precision_loss, reason = "figures for people to read")]
impl Measured {
    /// Events a second of the clock.
    #[must_use]
    pub fn events_per_s(&self) -> f64 {
        self.events as f64 * 1e9 / self.elapsed_ns.max(1) as f64
    }

    /// Processor seconds for a million events.
    #[must_use]
    pub fn cpu_s_per_million(&self) -> f64 {
        self.cpu_ns as f64 / 1e3 / self.events.max(1) as f64
    }

    /// As a report of this machine.
    #[must_use]
    pub fn report(&self, query: Query, workers: usize, kind: &str, machine: &Machine) -> Report {
        Report::new("nexmark", machine)
            .parameter("query", query.name)
            .parameter("workers", workers)
            .parameter("events", kind)
            .metric("events_per_s", self.events_per_s())
            .metric("cpu_s_per_million", self.cpu_s_per_million())
            .metric("peak_mib", peak_bytes() >> 20)
    }
}
