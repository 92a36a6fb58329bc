//! The job: three results from one stream of departures, and what came too late for the first.
//!
//! * `hourly_by_origin.csv`: how many flights left each airport in each hour of the timetable, and their delays.
//! * `sessions_by_tailnum.csv`: stretches of work of each aircraft, with no pause longer than 12 hours.
//! * `departures_with_weather.csv`: each departure with the weather of its airport and hour.
//! * `late.csv`: departures that left more than the bound out of order, and so missed their hour.

use std::path::PathBuf;
use std::time::Duration;

use thalweg::prelude::*;

/// A flight that left; event time is when it should have left.
#[record]
pub struct Departure {
    /// When it left.
    pub departed: EventTime,
    /// When it should have left.
    #[event_time]
    pub scheduled: EventTime,
    /// From which airport.
    pub origin: Str,
    /// To which airport.
    pub dest: Str,
    /// By which airline.
    pub carrier: Str,
    /// The flight's number.
    pub flight: u32,
    /// The aircraft.
    pub tailnum: Str,
    /// Miles to fly.
    pub distance: u32,
    /// Minutes late; negative if early.
    pub dep_delay: i32,
}

/// The weather at an airport in one hour; what was not measured is missing.
#[record]
pub struct Weather {
    /// The hour's start.
    #[event_time]
    pub hour: EventTime,
    /// The airport.
    pub origin: Str,
    /// Degrees Fahrenheit.
    pub temp: Option<f64>,
    /// Miles.
    pub visib: Option<f64>,
}

/// Delays of some flights, in minutes.
#[record]
#[derive(Default)]
pub struct Delays {
    pub flights: u32,
    pub total: i64,
    pub max: i32,
}

impl Delays {
    fn add(&mut self, delay: i32) {
        // Delays may all be negative, so the greatest starts from the first, not from zero.
        self.max = if self.flights == 0 { delay } else { self.max.max(delay) };
        self.flights += 1;
        self.total += i64::from(delay);
    }
}

/// What an aircraft flew.
#[record]
#[derive(Default)]
pub struct Flown {
    pub flights: u32,
    pub miles: u64,
}

/// A line of `hourly_by_origin.csv`.
#[record]
pub struct Hourly {
    pub window_start: EventTime,
    pub origin: Str,
    pub flights: u32,
    pub total_delay: i64,
    pub max_delay: i32,
}

/// A line of `sessions_by_tailnum.csv`.
#[record]
pub struct Rotation {
    pub tailnum: Str,
    pub first_departure: EventTime,
    pub last_departure: EventTime,
    pub flights: u32,
    pub miles: u64,
}

/// A line of `departures_with_weather.csv`.
#[record]
pub struct WithWeather {
    #[event_time]
    pub scheduled: EventTime,
    pub origin: Str,
    pub carrier: Str,
    pub flight: u32,
    pub dep_delay: i32,
    pub temp: Option<f64>,
    pub visib: Option<f64>,
}

/// What the job reads and writes.
#[derive(Debug, Clone)]
pub(crate) struct Args {
    /// Departures, in the order in which they left.
    pub input: PathBuf,
    /// Weather, by hour.
    pub weather: PathBuf,
    /// The folder of the results.
    pub output: PathBuf,
    /// How far the timetable may be out of order in the order of departure.
    pub out_of_orderness: Duration,
}

/// Three results from one stream.
pub(crate) fn departures(t: &mut Topology, a: &Args) -> Result<()> {
    let flights = t
        .source("departures", Files::csv::<Departure>(&a.input))
        .watermarks(BoundedOutOfOrderness::of(a.out_of_orderness));
    let weather = t.source("weather", Files::csv::<Weather>(&a.weather)).watermarks(Monotonic);

    let Windowed { on_time, late } = flights
        .clone()
        .key_by(|d| d.origin())
        .window("hourly", Tumbling::of(1.hours()))
        .aggregate(|sum: &mut Delays, d| sum.add(d.dep_delay()));
    on_time
        .map(|w| Hourly {
            window_start: w.start(),
            origin: w.key().into(),
            flights: w.value().flights(),
            total_delay: w.value().total(),
            max_delay: w.value().max(),
        })
        .sink("hourly results", Files::csv(a.output.join("hourly_by_origin.csv")));
    late.sink("late departures", Files::csv(a.output.join("late.csv")));

    // An aircraft works by the clock, not by the timetable. The file is in the order of departure; the bound is for
    // those who mix several.
    let Windowed { on_time, late } = flights
        .clone()
        .assign_time("by departure", |d| d.departed(), BoundedOutOfOrderness::of(1.hours()))
        .key_by(|d| d.tailnum())
        .session("rotations", Session::gap(12.hours()))
        .aggregate(
            |sum: &mut Flown, d| {
                sum.flights += 1;
                sum.miles += u64::from(d.distance());
            },
            |sum, other| {
                sum.flights += other.flights;
                sum.miles += other.miles;
            },
        );
    late.drop_counted();
    on_time
        .map(|s| Rotation {
            tailnum: s.key().into(),
            first_departure: s.first(),
            last_departure: s.last(),
            flights: s.value().flights(),
            miles: s.value().miles(),
        })
        .sink("rotation results", Files::csv(a.output.join("sessions_by_tailnum.csv")));

    let Joined { on_time, late_left, late_right } = flights
        .key_by(|d| d.origin())
        .join("weather of the hour", weather.key_by(|w| w.origin()), Tumbling::of(1.hours()))
        .apply(|d, w| WithWeather {
            scheduled: d.scheduled(),
            origin: d.origin().into(),
            carrier: d.carrier().into(),
            flight: d.flight(),
            dep_delay: d.dep_delay(),
            temp: w.temp(),
            visib: w.visib(),
        });
    late_left.drop_counted();
    late_right.drop_counted();
    on_time.sink("weather results", Files::csv(a.output.join("departures_with_weather.csv")));
    Ok(())
}
