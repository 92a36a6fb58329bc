//! The engine beside timely dataflow and Apache Flink: one command, one run, one table.
//!
//! ```text
//! peers contest [--query q0,q5] [--who thalweg,timely,flink] [--feed made,prepared] [--events 4000000] [--flink-events 1000000]
//!               [--rounds 3] [--workers 1] [--core 0] [--save]
//! peers check [--query ...] [--events 100000]
//! peers plot
//! peers run --query q5 --events 1000000 [--feed prepared] [--results FILE]
//! ```
//!
//! A contest first checks that all give the same result.

use std::error::Error;
use std::io::{Write, stdout};

use clap::{Parser, Subcommand};
use thalweg_bench::load::machine::Machine;
use thalweg_bench::load::report::{Report, SaveOptions, Table};
use thalweg_bench::nexmark::queries;
use thalweg_bench::peers::contest::{self, Contestant};
use thalweg_bench::peers::order::{Feed, Order};
use thalweg_bench::peers::outcome::Outcome;
use thalweg_bench::peers::{fingerprint, ours, plot};

/// Compares the engine with its peers
#[derive(Debug, Parser)]
struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// All of them, one after the other
    Contest(ContestOptions),
    /// Only whether all give the same results
    Check(CheckOptions),
    /// Plots of what was saved
    Plot {
        #[command(flatten)]
        save: SaveOptions,
    },
    /// Our own part of a contest
    Run(Order),
}

#[derive(Debug, Clone, clap::Args)]
struct CheckOptions {
    /// q0 to q22, and count; all of them if none is named
    #[arg(long, value_delimiter = ',')]
    query: Vec<String>,
    /// Who takes part
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Contestant::Thalweg, Contestant::Timely, Contestant::Flink])]
    who: Vec<Contestant>,
    /// Events over which results are compared; none, if zero
    #[arg(long, default_value_t = 100_000)]
    check_events: u64,
    /// Everything is built already
    #[arg(long)]
    built: bool,
}

#[derive(Debug, Clone, clap::Args)]
struct ContestOptions {
    #[command(flatten)]
    check: CheckOptions,
    /// Where events come from
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Feed::Made, Feed::Lean, Feed::Prepared])]
    feed: Vec<Feed>,
    /// Events of a run
    #[arg(long, default_value_t = 4_000_000)]
    events: u64,
    /// Events of a run of Flink
    #[arg(long, default_value_t = 1_000_000)]
    flink_events: u64,
    /// Rounds, each of every contestant; the medians are shown, and between which figures they lie
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Workers; Flink takes part only with one
    #[arg(long, default_value_t = 1)]
    workers: usize,
    /// Everything that a contestant does has this one core
    #[arg(long)]
    core: Option<usize>,
    #[command(flatten)]
    save: SaveOptions,
}

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result {
    match Options::parse().what {
        What::Run(order) => {
            writeln!(stdout(), "{}", serde_json::to_string(&ours::run(&order)?)?)?;
            Ok(())
        }
        What::Check(options) => check(&options),
        What::Contest(options) => contest(&options),
        What::Plot { save } => plot::all(&save.results)?
            .iter()
            .try_for_each(|path| writeln!(stdout(), "{}", path.display()).map_err(Box::from)),
    }
}

impl CheckOptions {
    fn queries(&self) -> Vec<&'static str> {
        let known = queries::ALL.iter().map(|query| query.name).chain([ours::COUNT.name]);
        known.filter(|name| self.query.is_empty() || self.query.iter().any(|q| q == name)).collect()
    }
}

/// That all make the same events, and give the same results over them.
fn check(options: &CheckOptions) -> Result {
    if !options.built {
        options.who.iter().try_for_each(|who| who.build())?;
    }
    let events = options.check_events;
    if events == 0 {
        return Ok(());
    }
    if options.who.contains(&Contestant::Flink) {
        let (ours, other) = (fingerprint::of(events), contest::fingerprint_of_flink(events)?);
        if ours != other {
            return Err(format!("the generators differ: {ours} and {other}").into());
        }
        writeln!(stdout(), "events  {events} the same, fingerprint {ours}")?;
    }
    let folder = std::env::temp_dir().join(format!("thalweg-peers-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    for query in options.queries() {
        let results = |who: Contestant| folder.join(format!("{query}.{who:?}.csv"));
        let order = |who, feed| Order {
            query: query.into(),
            events,
            feed,
            workers: 1,
            started_unix_ns: 0,
            results: Some(results(who)),
        };
        Contestant::Thalweg.run(&order(Contestant::Thalweg, Feed::Made), None)?;
        for &who in options.who.iter().filter(|&&who| who != Contestant::Thalweg) {
            let feeds = [Feed::Made, Feed::Lean, Feed::Prepared];
            for feed in feeds.into_iter().filter(|&feed| who.has(query, feed, 1)) {
                // Flink's two ways differ in nothing but when rows are made; each start of it takes seconds.
                if who == Contestant::Flink && feed == Feed::Prepared {
                    continue;
                }
                who.run(&order(who, feed), None)?;
                let lines = contest::compare(query, &results(Contestant::Thalweg), &results(who))?;
                writeln!(
                    stdout(),
                    "{query:<7} {lines} lines the same, {who:?}, events {}",
                    feed.name()
                )?;
            }
        }
    }
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

fn contest(options: &ContestOptions) -> Result {
    check(&options.check)?;
    let ContestOptions { check, feed, events, flink_events, rounds, workers, core, save } = options;
    let machine = Machine::read();
    let mut table = Table::default();
    let mut settings = Vec::new();
    for query in check.queries() {
        let mut ours: Option<Outcome> = None;
        for &feed in feed {
            for &who in check.who.iter().filter(|who| who.has(query, feed, *workers)) {
                let events = if who == Contestant::Flink { *flink_events } else { *events };
                let order = Order {
                    query: query.into(),
                    events,
                    feed,
                    workers: *workers,
                    started_unix_ns: 0,
                    results: None,
                };
                let runs: Result<Vec<Outcome>> =
                    (0..*rounds).map(|_| who.run(&order, *core)).collect();
                let mut runs = runs?;
                runs.sort_by_key(|run| run.warm_ns * 1_000 / run.warm_events.max(1));
                let median = runs[runs.len() / 2].clone();
                if who == Contestant::Thalweg {
                    ours = Some(median.clone());
                }
                let full = described(median.report(&machine), query, feed, *workers, &runs);
                save.keep(
                    &full.clone().parameter("core", core.map_or("any".into(), |c| c.to_string())),
                )?;
                table.push(&shown(query, feed, &median, &runs, ours.as_ref(), &machine));
                settings.push(format!("{} {}: {}", median.engine, median.version, median.settings));
            }
        }
    }
    settings.sort();
    settings.dedup();
    writeln!(stdout(), "{table}\n{}", settings.join("\n"))?;
    Ok(())
}

fn described(report: Report, query: &str, feed: Feed, workers: usize, runs: &[Outcome]) -> Report {
    let (slowest, fastest) = (runs.last(), runs.first());
    report
        .parameter("query", query)
        .parameter("feed", feed.name())
        .parameter("workers", workers)
        .parameter("rounds", runs.len())
        .metric("slowest_events_per_s", slowest.map_or(0.0, Outcome::events_per_s))
        .metric("fastest_events_per_s", fastest.map_or(0.0, Outcome::events_per_s))
}

/// A row for people: rates in thousands a second, how many times the rate and the economy of ours theirs are behind.
fn shown(
    query: &str,
    feed: Feed,
    median: &Outcome,
    runs: &[Outcome],
    ours: Option<&Outcome>,
    machine: &Machine,
) -> Report {
    let thousands = |run: &Outcome| format!("{:.0}", run.events_per_s() / 1e3);
    let row = Report::new("peers", machine)
        .parameter("query", query)
        .parameter("feed", feed.name())
        .parameter("engine", median.engine.as_str())
        .metric("k_events_per_s", thousands(median))
        .metric("from", runs.last().map_or(String::new(), thousands))
        .metric("to", runs.first().map_or(String::new(), thousands))
        .metric("cpu_s_per_million", format!("{:.3}", median.cpu_s_per_million()))
        .metric("peak_mib", (median.peak_bytes >> 20).to_string())
        .metric("startup_ms", format!("{:.0}", median.startup_ms()));
    let Some(ours) = ours.filter(|ours| ours.engine != median.engine) else { return row };
    #[expect(clippy::cast_precision_loss, reason = "a ratio for people to read")]
    let memory = median.peak_bytes as f64 / ours.peak_bytes.max(1) as f64;
    row.metric("rate_x", format!("{:.2}", ours.events_per_s() / median.events_per_s()))
        .metric("cpu_x", format!("{:.2}", median.cpu_s_per_million() / ours.cpu_s_per_million()))
        .metric("memory_x", format!("{memory:.1}"))
}
