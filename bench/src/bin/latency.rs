//! Latency at a fixed rate: queries of Nexmark and a keyed count with an exchange, with checkpoints and without, beside the machine's own noise and
//! beside timely.
//!
//! ```text
//! latency [--query count,q1,q4,q5,q7,q8] [--rate 100000,500000,1000000,2000000] [--checkpoints off] [--seconds 3] [--rounds 1] [--save]
//! latency --saturate [--query …] [--rate 2000000] [--checkpoints off] …
//! ```
//!
//! A round of a rate is the engine's jobs, each with every cadence of checkpoints in turn, and around them what no engine has a part in: a loop by hand that
//! passes records through at the same rate, from one pinned core to the other, and the gaps that a spinning core has. Beside each run of the engine it
//! says what the hypervisor and other threads took from the workers meanwhile. After several rounds there are medians, and how many times as long the 99.9th
//! percentile is with checkpoints as without, each compared with the run of its own round.
//!
//! With `--saturate` the highest of the given rates is where a search begins for the highest one that each job keeps: see
//! [`thalweg_bench::latency::saturation`].

use std::error::Error;
use std::io::{Write, stdout};
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use thalweg::rt::Driver;
use thalweg_bench::latency::cadence::Cadence;
use thalweg_bench::latency::rig::Rig;
use thalweg_bench::latency::rounds::{Rounds, What};
use thalweg_bench::latency::run::{self, Offer, Outcome};
use thalweg_bench::latency::saturation;
use thalweg_bench::load::histogram::Percentiles;
use thalweg_bench::load::machine::Machine;
use thalweg_bench::load::noise;
use thalweg_bench::load::report::{Report, SaveOptions, Table};
use thalweg_bench::peers::{contest, ours};
use thalweg_bench::reference::bare_path::{self, OpenLoad};
use thalweg_bench::spine;

/// Measures latency at a fixed rate, or the highest rate that is kept
#[derive(Debug, Parser)]
struct Options {
    /// count, and queries of Nexmark
    #[arg(long, value_delimiter = ',', default_values_t = ["count", "q1", "q4", "q5", "q7", "q8"].map(String::from))]
    query: Vec<String>,
    /// Events a second
    #[arg(long, value_delimiter = ',', default_values_t = [100_000, 500_000, 1_000_000, 2_000_000])]
    rate: Vec<u64>,
    /// How often checkpoints are taken: off, or a time of 10ms or more; each query runs with each of these in turn
    #[arg(long, value_delimiter = ',', default_values_t = [Cadence::Off])]
    checkpoints: Vec<Cadence>,
    /// Where the state of runs with checkpoints goes, in folders that are gone after them; a disk, not memory
    #[arg(long, default_value_os_t = std::env::temp_dir())]
    directory: PathBuf,
    /// Raise the rate until the schedule is not kept, and report the highest one that is
    #[arg(long)]
    saturate: bool,
    /// Seconds of each run, of which the first tenth is not recorded
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Rounds
    #[arg(long, default_value_t = 1)]
    rounds: usize,
    /// Workers
    #[arg(long, default_value_t = 2)]
    workers: usize,
    /// Leave the threads to the scheduler
    #[arg(long)]
    no_pin: bool,
    /// Leave timely out
    #[arg(long)]
    no_timely: bool,
    #[command(flatten)]
    save: SaveOptions,
}

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result {
    let options = Options::parse();
    let runs = Runs { duration: Duration::try_from_secs_f64(options.seconds)?, options: &options };
    let book = Book { options: &options, machine: Machine::read() };
    let done = if options.saturate { saturate(&runs, &book) } else { at_fixed_rates(&runs, &book) };
    // What is shown of an error that ends a program is made for programmers, but for text.
    done.map_err(|error| error.to_string().into())
}

fn at_fixed_rates(runs: &Runs<'_>, book: &Book<'_>) -> Result {
    for &rate in &runs.options.rate {
        let (mut table, mut rounds) = (Table::default(), Rounds::default());
        for round in 1..=runs.options.rounds {
            runs.round(rate, &mut |what, latency, outcome| {
                rounds.push(what, latency);
                let report = book.begin("latency", what).parameter("round", round);
                let report = report.parameter("rate", rate);
                let report = outcome.map_or(report.clone(), |outcome| beside(report, outcome));
                book.enter(&mut table, what, Report { latency: Some(latency), ..report })
            })?;
        }
        for median in rounds.medians().filter(|_| runs.options.rounds > 1) {
            let report = book.begin("latency", median.what).parameter("round", "median");
            let report = report.parameter("rate", rate);
            let report = match median.p99_9_by_off {
                Some(ratio) => report.metric("p99_9_by_off", ratio),
                None => report,
            };
            book.enter(
                &mut table,
                median.what,
                Report { latency: Some(median.latency), ..report },
            )?;
        }
        writeln!(stdout(), "{table}")?;
    }
    Ok(())
}

fn saturate(runs: &Runs<'_>, book: &Book<'_>) -> Result {
    let start = runs.options.rate.iter().copied().max().ok_or("a search begins at some rate")?;
    let mut table = Table::default();
    for round in 1..=runs.options.rounds {
        for what in runs.whats() {
            let found = saturation::highest(start, |rate| {
                let outcome = runs.engine(&what, rate)?;
                let kept = saturation::is_kept(&outcome.latency.percentiles(), outcome.late_ns);
                Ok::<_, Box<dyn Error>>(kept.then_some(outcome))
            })?;
            let report = book.begin("saturation", &what).parameter("round", round);
            let report = match found {
                Some((rate, outcome)) => {
                    let report = beside(report.metric("rate", rate), &outcome);
                    report.latency(&outcome.latency)
                }
                None => report.metric("rate", 0),
            };
            book.enter(&mut table, &what, report)?;
        }
    }
    writeln!(stdout(), "{table}")?;
    Ok(())
}

/// What is known of a run of the engine besides its latencies.
fn beside(report: Report, outcome: &Outcome) -> Report {
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    let taken = outcome.ran.taken;
    report
        .metric("checkpoints", outcome.ran.checkpoints)
        .metric("waited_ms", millis(taken.waited))
        .metric("stolen_ms", millis(taken.stolen))
}

/// Where results are written.
struct Book<'a> {
    options: &'a Options,
    machine: Machine,
}

impl Book<'_> {
    fn begin(&self, benchmark: &str, what: &What) -> Report {
        Report::new(benchmark, &self.machine).parameter("what", what.label())
    }

    /// A row of the table; and a line for later, which also has what all rows of a table have in common.
    fn enter(&self, table: &mut Table, what: &What, report: Report) -> Result {
        table.push(&report);
        let Options { workers, seconds, no_pin, save, .. } = self.options;
        let report = report
            .parameter("job", what.job.as_str())
            .parameter("checkpoints", what.checkpoints.to_string())
            .parameter("workers", *workers)
            .parameter("seconds", *seconds)
            .parameter("pinned", !no_pin);
        save.keep(&report)?;
        Ok(())
    }
}

/// The runs of one call of the program.
struct Runs<'a> {
    options: &'a Options,
    duration: Duration,
}

type Say<'a> = &'a mut dyn FnMut(&What, Percentiles, Option<&Outcome>) -> Result;

impl Runs<'_> {
    /// All jobs at a rate, and what they are compared with.
    fn round(&self, rate: u64, say: Say<'_>) -> Result {
        let mut beside = |what: &str, latency| say(&What::plain(what), latency, None);
        beside(
            "gaps of a spinning core",
            noise::measure(Duration::from_secs(1)).gaps.percentiles(),
        )?;
        let load = self.load(rate);
        beside("no engine", bare_path::open_loop(&load)?.latency.percentiles())?;
        for what in self.whats() {
            let outcome = self.engine(&what, rate)?;
            say(&what, outcome.latency.percentiles(), Some(&outcome))?;
        }
        let mut beside = |what: &str, latency| say(&What::plain(what), latency, None);
        if !self.options.no_timely
            && self.options.query.iter().any(|query| query == ours::COUNT.name)
        {
            beside("timely count", contest::timely_latency(&self.timely_arguments(rate))?)?;
        }
        beside("no engine, again", bare_path::open_loop(&load)?.latency.percentiles())
    }

    /// The engine's jobs, each with every cadence of checkpoints.
    fn whats(&self) -> impl Iterator<Item = What> {
        let Options { query, checkpoints, .. } = self.options;
        query.iter().flat_map(move |query| {
            let what = move |checkpoints: &Cadence| What {
                job: format!("{OURS}{query}"),
                checkpoints: *checkpoints,
            };
            checkpoints.iter().map(what)
        })
    }

    /// One of the engine's jobs at a rate; errors say which.
    fn engine(&self, what: &What, rate: u64) -> Result<Outcome> {
        let outcome = self.job(what, rate);
        outcome.map_err(|error| format!("{} at {rate} a second: {error}", what.label()).into())
    }

    fn job(&self, what: &What, rate: u64) -> Result<Outcome> {
        let Options { workers, no_pin, directory, .. } = self.options;
        let (checkpoints, directory) = (what.checkpoints, directory.clone());
        let rig = Rig { checkpoints, directory, pin: !no_pin, ..Rig::of(*workers) };
        let query = what.job.strip_prefix(OURS).unwrap_or_default();
        if query == ours::COUNT.name {
            let rig = Rig { driver: Driver::Plain, ..rig };
            return spine::open_loop::run(&self.load(rate), &rig);
        }
        let query = ours::find(query).ok_or_else(|| format!("there is no query `{query}`"))?;
        run::query(*query, &Offer { rate, duration: self.duration }, &rig)
    }

    /// The keyed count's, over bids of 48 bytes.
    fn load(&self, records_per_s: u64) -> OpenLoad {
        OpenLoad {
            records_per_s,
            duration: self.duration,
            warm_up: self.duration / 10,
            keys: 100_000,
            pin: !self.options.no_pin,
        }
    }

    fn timely_arguments(&self, rate: u64) -> Vec<String> {
        let Options { seconds, workers, no_pin, .. } = self.options;
        let mut arguments = vec![
            format!("--rate={rate}"),
            format!("--seconds={seconds}"),
            format!("--workers={workers}"),
        ];
        arguments.extend(no_pin.then(|| "--no-pin".to_owned()));
        arguments
    }
}

/// What names of the engine's jobs begin with in tables.
const OURS: &str = "thalweg ";
