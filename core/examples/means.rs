//! Means of a sensor's readings for each minute: the README's job.
//!
//! ```text
//! 1970-01-01T00:00:00Z cellar 12.0
//! 1970-01-01T00:00:00Z roof 22.0
//! 1970-01-01T00:01:00Z roof 24.0
//! ```
#![expect(clippy::print_stdout, reason = "a program talks to its user")]

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

fn main() -> Result<()> {
    let reading = |s, sensor: &str, celsius| Reading {
        at: EventTime::from_secs(s),
        sensor: sensor.into(),
        celsius,
    };
    let readings = [
        reading(3, "roof", 21.5),
        reading(9, "cellar", 12.0),
        reading(31, "roof", 22.5),
        reading(64, "roof", 24.0),
    ];
    Engine::builder().workers(2).build().run("means", move |t| {
        let Windowed { on_time, late } = t
            .source("readings", Items::of(readings.clone()))
            .watermarks(BoundedOutOfOrderness::of(10.secs()))
            .key_by(|r| r.sensor())
            .window("per minute", Tumbling::of(1.minutes()))
            .aggregate(|mean: &mut Mean, r| {
                mean.n += 1;
                mean.sum += r.celsius();
            });
        late.drop_counted();
        on_time.for_each("print", |w, _| {
            let mean = w.value().sum() / f64::from(w.value().n());
            println!("{} {} {mean:.1}", w.start(), w.key());
        });
        Ok(())
    })?;
    Ok(())
}
