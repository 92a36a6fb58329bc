//! Hops that are reached through a job: the least job that has them, on the thread that asks.

use thalweg::prelude::*;

use super::Run;
use crate::reference::bids::BidSource;
use crate::spine::bids::Bid;
use crate::spine::windows::Tick;

/// Keys of all jobs.
const KEYS: u64 = 1_000;

/// Runs a job for as many records as are asked for. Clocks are not looked at, so that what is counted does not depend on how fast the machine is.
fn job(build: fn(&mut Topology, u64)) -> Run {
    Box::new(move |records| {
        let engine = Engine::builder().measure(false).spin().build_inline();
        let mut engine = engine.expect("one worker was asked for");
        let ran = engine.run("loop", move |t| {
            build(t, records);
            Ok(())
        });
        ran.expect("nothing in these jobs can fail");
    })
}

/// `at` gives each record's time by its number, in milliseconds.
fn ticks(t: &mut Topology, records: u64, at: fn(u64) -> u64) -> Stream<Tick> {
    let tick = move |n: u64| {
        let at = EventTime::from_millis(i64::try_from(at(n)).expect("few"));
        Tick { at, key: n.wrapping_mul(0x9E37_79B9) % KEYS, value: n }
    };
    t.source("ticks", Generator::of(0..records, tick)).watermarks(Monotonic).boxed()
}

pub(super) fn path() -> Run {
    job(|t, records| {
        let bids = Items::per_split(1, move |_| {
            let mut source = BidSource::new(0, KEYS);
            (0..records).map(move |_| Bid::next(&mut source, EventTime::EPOCH))
        });
        t.source("bids", bids)
            .without_event_time()
            .key_by(|bid| &bid.auction)
            .filter_map_with_state("count", |count: &mut u64, _| {
                *count += 1;
                None::<u64>
            })
            .sink("none", Blackhole);
    })
}

/// All ticks are in one slice, whose windows are open until the end.
pub(super) fn slice_add() -> Run {
    job(|t, records| {
        let sums = ticks(t, records, |_| 1)
            .key_by(|tick| &tick.key)
            .window("sums", Sliding::of(60.secs(), 10.secs()))
            .aggregate_with(|of| {
                of.fold(|sum: &mut u64, tick| *sum += tick.value(), |sum, later| *sum += later)
            });
        sums.late.drop_counted();
        sums.on_time.sink("none", Blackhole);
    })
}

/// Each tick is in a window of its own.
pub(super) fn window_fire() -> Run {
    job(|t, records| {
        let sums = ticks(t, records, |n| n)
            .key_by(|tick| &tick.key)
            .window("sums", Tumbling::of(1.millis()))
            .aggregate(|sum: &mut u64, tick| *sum += tick.value());
        sums.late.drop_counted();
        sums.on_time.sink("none", Blackhole);
    })
}
