//! Embedding: a host thread sends into a job and receives from it, while a second job runs in the same engine.
//!
//! ```text
//! roof: mean 22.0 of 2
//! cellar: mean 12.0 of 1
//! roof: mean 24.0 of 1
//! report: 4 readings, 3 means, nothing late
//! largest of 100 squares: 9801
//! ```
#![expect(clippy::print_stdout, reason = "a program talks to its user")]

use std::error::Error;

use thalweg::prelude::*;

#[record]
struct Reading {
    #[event_time]
    at: EventTime,
    sensor: Str,
    celsius: f64,
}

#[record]
#[derive(Default)]
struct Mean {
    n: u32,
    sum: f64,
}

/// Means per minute, of what the host sends, for the host.
fn means(t: &mut Topology) -> Result<()> {
    let Windowed { on_time, late } = t
        .input::<Reading>("readings")
        .watermarks(BoundedOutOfOrderness::of(10.secs()))
        .key_by(|r| r.sensor())
        .window("per minute", Tumbling::of(1.minutes()))
        .aggregate(|mean: &mut Mean, r| {
            mean.n += 1;
            mean.sum += r.celsius();
        });
    late.drop_counted();
    on_time.map(|w| (Str::from(w.key()), w.value().sum(), w.value().n())).output("means");
    Ok(())
}

/// Squares, of what the host sends, for the host.
fn squares(t: &mut Topology) -> Result<()> {
    t.input::<u64>("numbers").without_event_time().map(|n| n.to_native().pow(2)).output("squares");
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let engine = Engine::builder().workers(2).build();
    let means = engine.deploy("means", means)?;
    let squares = engine.deploy("squares", squares)?;

    // A handle is one end of a ring: it goes to the thread that uses it.
    let (mut numbers, mut results) = (squares.input("numbers")?, squares.output::<u64>("squares")?);
    let largest = std::thread::Builder::new().spawn(move || {
        let mut largest = 0;
        for n in 0..100u64 {
            numbers.send(&n)?;
            largest = results.recv()?.max(largest);
        }
        Ok::<_, Box<dyn Error + Send + Sync>>(largest)
    })?;

    let (mut readings, mut output) = (means.input("readings")?, means.output("means")?);
    for (s, sensor, celsius) in
        [(3, "roof", 21.5), (9, "cellar", 12.0), (31, "roof", 22.5), (64, "roof", 24.0)]
    {
        readings.send(&Reading { at: EventTime::from_secs(s), sensor: sensor.into(), celsius })?;
    }
    readings.close();
    let mut received = 0;
    let print = |mean: &Rec<(Str, f64, u32)>, _| {
        let (sensor, sum, n) = mean.to_value();
        println!("{sensor}: mean {:.1} of {n}", sum / f64::from(n));
    };
    while output.recv_with(print).is_ok() {
        received += 1;
    }
    let report = means.join()?;
    let sent = report.operator("readings").map_or(0, |input| input.totals.records_in);
    let late = if report.late() == 0 { "nothing" } else { "something" };
    println!("report: {sent} readings, {received} means, {late} late");

    let largest = largest.join().expect("the thread does not panic");
    println!("largest of 100 squares: {}", largest.map_err(|error| error.to_string())?);
    squares.join()?;
    Ok(())
}
