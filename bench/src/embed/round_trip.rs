//! One record to the other core and its answer back, over and over, both sides spinning.
//!
//! The host's thread is on the first core that the process may use, the worker, or the echo of the bare rings, on the second. A round trip is measured
//! from before the send to after the receipt; beside the histogram is how often and how long the core was taken away in the same run
//! ([`crate::load::noise`] before and after: with two cores there is none left to watch on).

use std::hint::spin_loop;
use std::thread;

use thalweg::prelude::*;
use thalweg::raw::page::page_ring;
use thalweg::record::KeyHash;

use crate::load::affinity::{self, PinError};
use crate::load::clock::Clock;
use crate::load::histogram::LatencyHistogram;

/// What goes round: four words.
#[record]
#[derive(Debug, Clone, Copy)]
pub struct Ping {
    /// When it was sent, by the benchmark's clock.
    #[event_time]
    pub at: EventTime,
    /// Its number.
    pub number: u64,
    /// Of so many.
    pub key: u64,
    /// Pads it.
    pub price: u64,
}

/// What lies between the input and the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Between {
    /// A fused map.
    Map,
    /// An exchange by key and a count for each of 1,000 keys.
    KeyedCount,
}

impl Ping {
    fn new(number: u64) -> Self {
        let at = EventTime::from_nanos(i64::try_from(number).unwrap_or(i64::MAX));
        Self { at, number, key: number % 1_000, price: number }
    }
}

/// The job.
///
/// # Errors
///
/// None.
pub fn build(t: &mut Topology, between: Between) -> Result<()> {
    let pings = t.input::<Ping>("pings").watermarks(Monotonic);
    match between {
        Between::Map => pings.map(answer).output("pongs"),
        Between::KeyedCount => pings
            .key_by(|p| &p.key)
            .filter_map_with_state("count", |count: &mut u64, p| {
                *count += 1;
                Some(Ping { price: *count, ..p.to_value() })
            })
            .output("pongs"),
    }
    Ok(())
}

fn answer(ping: &Rec<Ping>) -> Ping {
    let ping = ping.to_value();
    Ping { price: ping.price + 1, ..ping }
}

/// The latencies of `rounds` round trips through a job, after a tenth as many that are not measured.
///
/// # Errors
///
/// A thread could not be pinned.
///
/// # Panics
///
/// If the job fails, which would be a bug.
pub fn through_a_job(
    between: Between,
    driver: Driver,
    rounds: u64,
) -> Result<LatencyHistogram, PinError> {
    let cores = affinity::available();
    let worker = cores.get(1).map(|core| core.id);
    let host = move || {
        affinity::pin_to_one_of(&cores, 0)?;
        let worker = worker.ok_or(PinError::NoSuchCore { nth: 1, available: 1 })?;
        // The engine pins its own thread, whatever this one is pinned to.
        let engine = Engine::builder().cores([worker]).spin().driver(driver).build();
        let job = engine.deploy("ping", move |t| build(t, between)).expect("the job can be built");
        let mut pings = job.input::<Ping>("pings").expect("the job has it");
        let mut pongs = job.output::<Ping>("pongs").expect("the job has it");
        let latencies = measure(rounds, |number| {
            pings.try_send(&Ping::new(number)).expect("the ring is empty");
            loop {
                let answer = pongs.try_recv_with(|pong, _| pong.number());
                match answer.expect("the job runs") {
                    Some(answer) => break answer,
                    None => spin_loop(),
                }
            }
        });
        pings.close();
        while pongs.recv().is_ok() {}
        job.join().expect("the job ends well");
        Ok(latencies)
    };
    thread::scope(|scope| scope.spawn(host).join().expect("the host does not panic"))
}

/// The same through a pair of bare rings of pages, with an echo on the other core: what the way there and back takes at least.
///
/// # Errors
///
/// A thread could not be pinned.
///
/// # Panics
///
/// If a thread panics, which would be a bug.
pub fn through_bare_rings(rounds: u64) -> Result<LatencyHistogram, PinError> {
    let cores = affinity::available();
    let (mut there, mut arrived) = page_ring::<Ping>(64, 2048);
    let (mut back, mut returned) = page_ring::<Ping>(64, 2048);
    let total = rounds + rounds / 10;
    thread::scope(|scope| {
        let echo = scope.spawn(|| {
            affinity::pin_to_one_of(&cores, 1)?;
            for _ in 0..total {
                while !arrived.is_ready() {
                    spin_loop();
                }
                let page = arrived.front().expect("the loop found one");
                let pushed = back.push_archived(page.record(0), page.event_time(0), KeyHash(0));
                assert!(pushed && back.publish(), "the ring is empty");
                arrived.release();
            }
            Ok(())
        });
        let host = scope.spawn(|| {
            affinity::pin_to_one_of(&cores, 0)?;
            Ok(measure(rounds, |number| {
                let ping = Ping::new(number);
                assert!(there.push(&ping, ping.at, KeyHash(0)) && there.publish());
                while !returned.is_ready() {
                    spin_loop();
                }
                let number = returned.front().expect("the loop found one").record(0).number();
                returned.release();
                number
            }))
        });
        echo.join().expect("the echo does not panic")?;
        host.join().expect("the host does not panic")
    })
}

fn measure(rounds: u64, mut round: impl FnMut(u64) -> u64) -> LatencyHistogram {
    let clock = Clock::start();
    let mut latencies = LatencyHistogram::new();
    let warm_up = rounds / 10;
    for number in 0..warm_up + rounds {
        let sent_ns = clock.now_ns();
        let answered = round(number);
        let latency_ns = clock.now_ns() - sent_ns;
        assert_eq!(answered, number, "each answer is that of its question");
        if number >= warm_up {
            latencies.record_ns(latency_ns);
        }
    }
    latencies
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_question_is_answered() {
        for between in [Between::Map, Between::KeyedCount] {
            match through_a_job(between, Driver::Plain, 50) {
                Ok(latencies) => assert_eq!(latencies.len(), 50),
                Err(error) => assert!(affinity::available().len() < 2, "{error}"),
            }
        }
    }
}
