//! A query at a fixed rate.

use std::error::Error;
use std::time::Duration;

use thalweg::prelude::*;
use thalweg::rt::now_ns;

use super::arrivals::Arrivals;
use super::rig::{Ran, Rig};
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
}

/// What became of it.
#[derive(Debug)]
pub struct Outcome {
    /// Of the results.
    pub latency: LatencyHistogram,
    /// How late the sources were at their end, nanoseconds.
    pub late_ns: u64,
    /// The job.
    pub ran: Ran,
}

/// Before the first event is due all workers are built and spinning.
const LEAD_NS: u64 = 200_000_000;

/// Runs a query and gives the latencies of its results.
///
/// # Errors
///
/// If event time cannot follow the rate; as of [`Rig::run`].
pub fn query(
    query: Query,
    offer: &Offer,
    rig: &Rig,
) -> std::result::Result<Outcome, Box<dyn Error>> {
    let Offer { rate, duration } = *offer;
    let events = u128::from(rate) * duration.as_nanos() / 1_000_000_000;
    let config = Config::of(u64::try_from(events)?).splits(rig.workers).exact_times();
    let schedule = Schedule::of(&config, rate, now_ns() + LEAD_NS, duration / 10)?;
    let source = Scheduled::of(config, schedule);
    let lateness = source.lateness().clone();
    let arrivals = Arrivals::of(schedule);
    let outlet = Outlet::Timed(arrivals.clone());
    let ran = rig.run(query.name, move |t| {
        let events = t.source("events", source.clone()).watermarks(Monotonic);
        (query.build)(Input { events, side_input: no_side_input() }, &outlet);
        Ok(())
    })?;
    Ok(Outcome { latency: arrivals.latency(), late_ns: lateness.at_end_ns(), ran })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::cadence::Cadence;
    use crate::latency::rig::CheckpointsMissing;
    use crate::nexmark::queries;

    const OFFER: Offer = Offer { rate: 100_000, duration: Duration::from_millis(300) };

    /// Of 30,000 events all but the first tenth, 46 of 50 of them bids.
    const BIDS: u64 = 27_000 * 46 / 50;

    fn recorded(name: &str) -> u64 {
        query(*queries::find(name).unwrap(), &OFFER, &Rig::of(2)).unwrap().latency.len()
    }

    #[test]
    fn every_bid_after_the_warm_up_is_recorded_once() {
        assert_eq!(recorded("q1"), BIDS);
    }

    #[test]
    fn results_of_windows_are_recorded_while_there_are_events() {
        // Three seconds of event time: the window that ends after two.
        assert!(recorded("q5") >= 1);
    }

    #[test]
    fn with_checkpoints_there_are_the_same_results() {
        let rig = Rig { checkpoints: Cadence::Every(Duration::from_millis(10)), ..Rig::of(2) };
        match query(*queries::find("q1").unwrap(), &OFFER, &rig) {
            Ok(outcome) => {
                assert_eq!(outcome.latency.len(), BIDS);
                assert!(outcome.ran.checkpoints >= 1);
            }
            // A disk may be slower than the whole run.
            Err(error) => assert_eq!(error.to_string(), CheckpointsMissing::None.to_string()),
        }
    }
}
