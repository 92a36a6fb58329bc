//! Prints the machine and its noise floor: how often and how long a spinning core is taken away.

use std::error::Error;
use std::io::{Write, stdout};
use std::time::Duration;

use clap::Parser;
use thalweg_bench::load::machine::Machine;
use thalweg_bench::load::report::{Report, SaveOptions};
use thalweg_bench::load::{affinity, noise};

/// Measures how often and how long a core that only spins is taken away
#[derive(Debug, Parser)]
struct Options {
    /// Seconds to watch each core
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Cores to watch, counted from 0, one after the other [default: all]
    #[arg(long, value_delimiter = ',')]
    cores: Vec<usize>,
    #[command(flatten)]
    save: SaveOptions,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let duration = Duration::try_from_secs_f64(options.seconds)?;
    let machine = Machine::read();
    let mut out = stdout().lock();
    writeln!(out, "{machine}")?;
    let cores = affinity::available();
    let chosen = if options.cores.is_empty() { (0..cores.len()).collect() } else { options.cores };
    for core in chosen {
        affinity::pin_to_one_of(&cores, core)?;
        let floor = noise::measure(duration);
        writeln!(out, "\ncore {core}\n{floor}")?;
        let report = Report::new("noise", &machine)
            .parameter("core", core)
            .parameter("seconds", options.seconds)
            .metric("lost_percent", floor.lost_share() * 100.0)
            .metric("interruptions_per_s", floor.interruptions_per_s())
            .latency(&floor.gaps);
        options.save.keep(&report)?;
    }
    Ok(())
}
