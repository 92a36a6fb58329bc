//! What it costs to embed: a host thread's round trip through a job, and how many records an input takes.
//!
//! Round trips are closed loops, both sides spinning, on two cores: a record is sent, its answer awaited. Rounds alternate between a bare pair of rings
//! and the job, so that a noisy minute hits both; a core's noise floor is taken before each and after the last, as there is no third core to watch on. The
//! goal is a median under 2 us; the tail is read beside the floor.
//!
//! Usage: `embed [round trips per run] [runs] [records of the throughput]`.
#![expect(clippy::print_stdout, reason = "a benchmark reports to its terminal")]

use std::error::Error;
use std::time::Duration;

use thalweg::prelude::Driver;
use thalweg_bench::embed::round_trip::{Between, through_a_job, through_bare_rings};
use thalweg_bench::embed::throughput::{Sending, into_a_job};
use thalweg_bench::load::histogram::LatencyHistogram;
use thalweg_bench::load::{affinity, noise};

fn main() -> Result<(), Box<dyn Error>> {
    let mut numbers = std::env::args().skip(1).map(|number| number.parse::<u64>());
    let mut next = |default| numbers.next().unwrap_or(Ok(default));
    let (rounds, runs, records) = (next(1_000_000)?, next(5)?, next(20_000_000)?);

    let floor = || {
        std::thread::scope(|scope| {
            let watch = scope.spawn(|| {
                affinity::pin_current_thread(0)?;
                Ok::<_, affinity::PinError>(noise::measure(Duration::from_secs(1)))
            });
            watch.join().expect("the watch does not panic")
        })
    };
    let mut bare = LatencyHistogram::new();
    let mut map = LatencyHistogram::new();
    let mut keyed = LatencyHistogram::new();
    let mut glommio = LatencyHistogram::new();
    let mut gaps = floor()?.gaps;
    for _ in 0..runs {
        bare.merge(&through_bare_rings(rounds)?);
        map.merge(&through_a_job(Between::Map, Driver::Plain, rounds)?);
        keyed.merge(&through_a_job(Between::KeyedCount, Driver::Plain, rounds)?);
        glommio.merge(&through_a_job(Between::KeyedCount, Driver::Auto, rounds)?);
        gaps.merge(&floor()?.gaps);
    }
    println!("round trips, {runs} runs of {rounds}:");
    println!("bare pair of rings        {}", bare.percentiles());
    println!("job, map                  {}", map.percentiles());
    println!("job, keyed count          {}", keyed.percentiles());
    println!("job, keyed count, auto    {}", glommio.percentiles());
    println!("gaps of a spinning core   {}", gaps.percentiles());

    for sending in [Sending::Each, Sending::Pushed] {
        let mut rates = Vec::new();
        for _ in 0..runs {
            let elapsed = into_a_job(sending, records)?;
            #[expect(clippy::cast_precision_loss, reason = "a rate for people to read")]
            rates.push(records as f64 / elapsed.as_secs_f64() / 1e6);
        }
        rates.sort_by(f64::total_cmp);
        println!(
            "throughput, {sending:?}: {:.1} M records/s (median of {runs})",
            rates[rates.len() / 2]
        );
    }
    Ok(())
}
