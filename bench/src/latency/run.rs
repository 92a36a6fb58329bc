//! A query at a fixed rate.

use std::error::Error;
use std::time::Duration;

use thalweg::prelude::*;
use thalweg::rt::now_ns;

use super::arrivals::Arrivals;
use super::schedule::Schedule;
use super::scheduled::Scheduled;
use crate::load::histogram::LatencyHistogram;
use crate::nexmark::generator::Config;
use crate::nexmark::outlet::Outlet;
use crate::nexmark::queries::{Input, Query};
use crate::nexmark::run::no_side_input;

/// What is offered.
#[derive(Debug, Clone, Copy)]
pub struct Offer {
    /// Events a second.
    pub rate: u64,
    /// For how long; the first tenth is not recorded.
    pub duration: Duration,
    /// Workers.
    pub workers: usize,
    /// Whether each is pinned to a core and spins there.
    pub pin: bool,
}

/// Before the first event is due all workers are built and spinning.
const LEAD_NS: u64 = 200_000_000;

/// Runs a query and gives the latencies of its results.
///
/// # Errors
///
/// If event time cannot follow the rate, or the job fails.
pub fn query(query: Query, offer: &Offer) -> std::result::Result<LatencyHistogram, Box<dyn Error>> {
    let Offer { rate, duration, workers, pin } = *offer;
    let events = u128::from(rate) * duration.as_nanos() / 1_000_000_000;
    let config = Config::of(u64::try_from(events)?).splits(workers).exact_times();
    let schedule = Schedule::of(&config, rate, now_ns() + LEAD_NS, duration / 10)?;
    let source = Scheduled::of(config, schedule);
    let arrivals = Arrivals::of(schedule);
    let outlet = Outlet::Timed(arrivals.clone());
    let engine = if pin {
        Engine::builder().spin().cores(0..workers)
    } else {
        Engine::builder().workers(workers)
    };
    engine.build().run(query.name, move |t| {
        let events = t.source("events", source.clone()).watermarks(Monotonic);
        (query.build)(Input { events, side_input: no_side_input() }, &outlet);
        Ok(())
    })?;
    Ok(arrivals.latency())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nexmark::queries;

    fn recorded(name: &str) -> u64 {
        let offer =
            Offer { rate: 100_000, duration: Duration::from_millis(300), workers: 2, pin: false };
        query(*queries::find(name).unwrap(), &offer).unwrap().len()
    }

    #[test]
    fn every_bid_after_the_warm_up_is_recorded_once() {
        // 30,000 events but for the first tenth, 46 of 50 of them bids.
        assert_eq!(recorded("q1"), 27_000 * 46 / 50);
    }

    #[test]
    fn results_of_windows_are_recorded_while_there_are_events() {
        // Three seconds of event time: the window that ends after two.
        assert!(recorded("q5") >= 1);
    }
}
