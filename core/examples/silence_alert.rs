//! An alert for each sensor that has said nothing for half a minute: a named timer that every reading puts off.
//!
//! ```text
//! cellar is silent since 1970-01-01T00:00:09Z, after 2 readings
//! attic is silent since 1970-01-01T00:00:31Z, after 1 readings
//! roof is silent since 1970-01-01T00:01:04Z, after 4 readings
//! cellar is silent since 1970-01-01T00:02:00Z, after 3 readings
//! ```
#![expect(clippy::print_stdout, reason = "a program talks to its user")]

use std::time::Duration;

use thalweg::prelude::*;
use thalweg::process::{Cx, KeyedProcess, NoSide, Timers};
use thalweg::state::{State, Value};

#[record]
struct Reading {
    #[event_time]
    at: EventTime,
    sensor: Str,
}

#[record]
struct Alert {
    sensor: Str,
    since: EventTime,
    readings: u64,
}

#[derive(State)]
struct Seen {
    readings: Value<u64>,
}

#[derive(Timers)]
enum Timer {
    Silent,
}

struct Silence {
    after: Duration,
}

impl KeyedProcess for Silence {
    type Key = Str;
    type In = Reading;
    type Out = Alert;
    type State = Seen;
    type Timer = Timer;
    type Side = NoSide;

    fn on_event(
        &mut self,
        cx: &mut Cx<'_, Self>,
        reading: &Rec<Reading>,
    ) -> Result<(), OperatorFault> {
        cx.state.readings.update(|n| *n += 1);
        cx.event_timers.set(Timer::Silent, reading.at() + self.after);
        Ok(())
    }

    fn on_timer(
        &mut self,
        cx: &mut Cx<'_, Self>,
        Timer::Silent: Timer,
        at: EventTime,
    ) -> Result<(), OperatorFault> {
        let readings = cx.state.readings.get_or_default();
        cx.out.emit(&Alert { sensor: cx.key(), since: at - self.after, readings });
        Ok(())
    }
}

fn main() -> Result<()> {
    let reading = |s, sensor: &str| Reading { at: EventTime::from_secs(s), sensor: sensor.into() };
    let readings = [
        reading(3, "roof"),
        reading(5, "cellar"),
        reading(9, "cellar"),
        reading(29, "roof"),
        reading(31, "attic"),
        reading(58, "roof"),
        reading(64, "roof"),
        reading(120, "cellar"),
    ];
    // A watermark after each record: with real streams, one after every 64 does.
    let each = Punctuated::by(|r: &Rec<Reading>| Some(r.at()));
    Engine::builder().workers(2).build().run("alerts", move |t| {
        t.source("readings", Items::of(readings.clone()))
            .watermarks(each.clone())
            .key_by(|r| r.sensor())
            .process("silence", || Silence { after: 30.secs() })
            .for_each("print", |alert, _| {
                let (sensor, since, n) = (alert.sensor(), alert.since(), alert.readings());
                println!("{sensor} is silent since {since}, after {n} readings");
            });
        Ok(())
    })?;
    Ok(())
}
