//! The keyed count at a fixed rate: from the scheduled instant of each record to the sink.
//!
//! The records are those of the engine's own open loop (48 bytes, even keys), half of them from each worker, and each worker does as timely's
//! `openloop` example does: it gives what is due, moves its input's time on, and turns. No batch is waited for.

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};
use thalweg::rt::now_ns;
use thalweg_bench::load::affinity;
use thalweg_bench::load::histogram::LatencyHistogram;
use thalweg_bench::reference::bids::BidSource;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::generic::operator::Operator;
use timely::dataflow::operators::{Input, Probe};
use timely::dataflow::{InputHandle, ProbeHandle, StreamVec};

/// What to offer.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Records a second
    #[arg(long, default_value_t = 500_000)]
    rate: u64,
    /// Seconds, of which the first tenth is not recorded
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Keys
    #[arg(long, default_value_t = 100_000)]
    keys: u64,
    /// Workers, each pinned to a core
    #[arg(long, default_value_t = 2)]
    workers: usize,
    /// Leave the threads to the scheduler
    #[arg(long)]
    no_pin: bool,
}

/// A bid, and when it is due.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Due {
    bid: [u64; 6],
}

const AUCTION: usize = 0;
const AT: usize = 3;

/// Before the first record is due all workers are there.
const LEAD_NS: u64 = 200_000_000;

pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let Options { rate, seconds, keys, workers, no_pin } = options.clone();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a run is short"
    )]
    let records = (seconds * rate as f64) as u64;
    let start_ns = now_ns() + LEAD_NS;
    let warm_ns = start_ns + records / 10 * 1_000_000_000 / rate;
    let due_ns = move |n: u64| start_ns + n * 1_000_000_000 / rate;
    let all = Arc::new(Mutex::new(LatencyHistogram::new()));
    let into = Arc::clone(&all);
    let cores = affinity::available();
    timely::execute(crate::configured(workers), move |worker| {
        let (index, peers) = (worker.index() as u64, worker.peers() as u64);
        if !no_pin {
            affinity::pin_to_one_of(&cores, worker.index()).expect("each worker has a core");
        }
        let mut input = InputHandle::<u64, _>::new();
        let probe = ProbeHandle::new();
        let own = Arc::new(Mutex::new(LatencyHistogram::new()));
        let recorded = Arc::clone(&own);
        worker.dataflow(|scope| {
            let bids: StreamVec<'_, u64, Due> = scope.input_from(&mut input);
            let by_auction = Exchange::new(|due: &Due| due.bid[AUCTION]);
            let counts: StreamVec<'_, u64, (u64, u64, u64)> =
                bids.unary(by_auction, "count", |_, _| {
                    let mut counts = HashMap::<u64, u64>::new();
                    move |input, output| {
                        input.for_each(|time, bids| {
                            let mut session = output.session(&time);
                            for Due { bid } in bids.drain(..) {
                                let count = counts.entry(bid[AUCTION]).or_default();
                                *count += 1;
                                session.give((bid[AUCTION], *count, bid[AT]));
                            }
                        });
                    }
                });
            // The sink's histogram is this thread's alone until the end: locked once for each batch, without anybody to wait for.
            let counts: StreamVec<'_, u64, ()> = counts
                .unary::<CapacityContainerBuilder<Vec<()>>, _, _, _>(
                    Pipeline,
                    "latency",
                    move |_, _| {
                        move |input, _| {
                            let mut latency =
                                recorded.lock().unwrap_or_else(PoisonError::into_inner);
                            input.for_each(|_, counts| {
                                for (.., due_ns) in counts.drain(..) {
                                    let at_ns = now_ns();
                                    if due_ns >= warm_ns {
                                        latency.record_ns(at_ns.saturating_sub(due_ns));
                                    }
                                }
                            });
                        }
                    },
                );
            counts.probe_with(&probe);
        });
        let mut source = BidSource::new(index, keys);
        let mut next = index;
        while next < records {
            let at_ns = now_ns();
            while next < records && due_ns(next) <= at_ns {
                let mut bid = source.next_bid();
                bid[AT] = due_ns(next);
                input.send(Due { bid });
                next += peers;
            }
            input.advance_to(at_ns);
            worker.step();
        }
        drop(input);
        while !probe.done() {
            worker.step();
        }
        let own = own.lock().unwrap_or_else(PoisonError::into_inner);
        into.lock().unwrap_or_else(PoisonError::into_inner).merge(&own);
    })?;
    let latency = all.lock().unwrap_or_else(PoisonError::into_inner);
    println!("{}", serde_json::to_string(&latency.percentiles())?);
    Ok(())
}
