//! Nexmark on timely dataflow: the queries q0 to q5, q7, q8 and a keyed count, as somebody who knows timely would write them.
//!
//! ```text
//! thalweg-peer-timely run --query q5 --events 1000000 [--feed made|lean|prepared] [--workers 2] [--results FILE]
//! thalweg-peer-timely latency --rate 500000 --seconds 5
//! ```
//!
//! * [`feed`]: events into a dataflow. [`outlet`]: results out of it. [`queries`]: one file each.
//! * [`latency`]: the keyed count at a fixed rate.

mod feed;
mod latency;
mod outlet;
mod queries;

use std::error::Error;

use clap::{Parser, Subcommand};
use thalweg_bench::nexmark::generator::Config;
use thalweg_bench::peers::laps::Laps;
use thalweg_bench::peers::order::Order;

use feed::Feeding;
use outlet::Outlet;
use queries::Query;

/// Runs Nexmark on timely dataflow
#[derive(Debug, Parser)]
struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// One query; says what it cost
    Run(Order),
    /// The keyed count at a fixed rate; says its latencies
    Latency(latency::Options),
}

fn main() -> Result<(), Box<dyn Error>> {
    match Options::parse().what {
        What::Run(order) => match order.query.as_str() {
            "q0" => run::<queries::q0::PassThrough>(&order),
            "q1" => run::<queries::q1::Convert>(&order),
            "q2" => run::<queries::q2::Select>(&order),
            "q3" => run::<queries::q3::LocalItems>(&order),
            "q4" => run::<queries::q4::Means>(&order),
            "q5" => run::<queries::q5::HotItems>(&order),
            "q7" => run::<queries::q7::Highest>(&order),
            "q8" => run::<queries::q8::NewSellers>(&order),
            "count" => run::<queries::count::Count>(&order),
            other => Err(format!("`{other}` is not written for timely").into()),
        },
        What::Latency(options) => latency::run(&options),
    }
}

fn configured(workers: usize) -> timely::Config {
    if workers == 1 { timely::Config::thread() } else { timely::Config::process(workers) }
}

fn run<Q: Query>(order: &Order) -> Result<(), Box<dyn Error>> {
    let laps = Laps::of(order.events);
    let feeding = Feeding::of(order, Config::of(order.events), laps.clone());
    let outlet = Outlet::of(order.results.is_some());
    let given = outlet.clone();
    timely::execute(configured(order.workers), move |worker| {
        let (index, peers) = (worker.index(), worker.peers());
        worker.dataflow::<u64, _, _>(|scope| {
            Q::build(feeding.stream::<Q>(scope, index, peers), &given);
        });
    })?;
    let settings =
        format!("{} worker(s), {} events a turn of the source", order.workers, feed::TURN);
    let outcome = laps.end(order, "timely", "0.32.0", settings);
    if let Some(path) = &order.results {
        std::fs::write(path, outlet.sorted())?;
    }
    println!("{}", serde_json::to_string(&outcome)?);
    Ok(())
}
