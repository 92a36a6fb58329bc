//! The departures job on some hundred lines of the month that ships.
//!
//! With a bound of a day nothing is late and all files equal the oracle's. With two hours, in every fourth seed, what is on time and what is late
//! are all departures, and the hours are those of the departures on time.

#[path = "../../../core/examples/departures/job.rs"]
mod job;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use thalweg::rt::{MemoryFiles, Sim, SimReport};
use thalweg_tests::departures::{
    DEPARTURES, LATE_HEADER, RESULTS, Results, WEATHER, hourly, oracle, results, rows, shipped,
};

use crate::dice;

/// Lines from which a seed takes its own: three days of departures, and the weather of five.
const DEPARTURE_LINES: usize = 2500;
const WEATHER_LINES: usize = 400;

/// Some lines of the shipped files.
struct Sample {
    departures: String,
    weather: String,
    workers: usize,
    bound: Duration,
}

/// The first lines of the shipped files, unpacked once.
fn heads() -> &'static (Vec<String>, String) {
    static HEADS: OnceLock<(Vec<String>, String)> = OnceLock::new();
    HEADS.get_or_init(|| {
        let departures = shipped(DEPARTURES);
        let lines = departures.split_inclusive('\n').take(DEPARTURE_LINES).map(str::to_owned);
        let weather = shipped(WEATHER).split_inclusive('\n').take(WEATHER_LINES).collect();
        (lines.collect(), weather)
    })
}

impl Sample {
    fn new(seed: u64) -> Self {
        let mut dice = dice::of(seed);
        let (lines, weather) = heads();
        let count = usize::try_from(dice.between(0, 300)).expect("few");
        let rest = (lines.len() - 1 - count) as u64;
        let first = 1 + usize::try_from(dice.between(0, rest)).expect("few");
        let hours = if dice.below(4) == 0 { 2 } else { 24 };
        Self {
            departures: lines[0].clone() + &lines[first..first + count].concat(),
            weather: weather.clone(),
            workers: usize::try_from(dice.between(1, 4)).expect("few"),
            bound: Duration::from_secs(hours * 3600),
        }
    }

    fn files(&self) -> MemoryFiles {
        MemoryFiles::default()
            .with("departures.csv", self.departures.as_str())
            .with("weather.csv", self.weather.as_str())
    }

    fn args(&self) -> job::Args {
        job::Args {
            input: PathBuf::from("departures.csv"),
            weather: PathBuf::from("weather.csv"),
            output: PathBuf::from("results"),
            out_of_orderness: self.bound,
        }
    }

    fn check(&self, found: &Results) -> Result<(), String> {
        let expected = oracle(&self.departures, &self.weather);
        if self.bound >= Duration::from_secs(24 * 3600) {
            let differs = RESULTS.iter().find(|name| found[*name] != expected[*name]);
            return differs.map_or(Ok(()), |name| Err(format!("{name} is not what it should be")));
        }
        let mut late = found["late.csv"][1..].to_vec();
        let fields: Vec<&str> = LATE_HEADER.split(',').collect();
        let departures = rows(&self.departures);
        let on_time = departures.iter().filter(|row| {
            let line =
                fields.iter().map(|field| row[*field].as_str()).collect::<Vec<_>>().join(",");
            let place = late.iter().position(|late| *late == line);
            place.map(|place| late.swap_remove(place)).is_none()
        });
        if hourly(on_time) != found["hourly_by_origin.csv"] {
            return Err("the hours are not those of the departures on time".into());
        }
        if late.is_empty() { Ok(()) } else { Err(format!("late and not in the input: {late:?}")) }
    }
}

/// What was written, byte by byte.
fn written(files: &MemoryFiles) -> Vec<Option<Vec<u8>>> {
    RESULTS.iter().map(|name| files.read(Path::new("results").join(name))).collect()
}

fn simulate(seed: u64, sample: &Sample) -> Result<(SimReport, MemoryFiles), String> {
    let (files, args) = (sample.files(), sample.args());
    let report = Sim::new(seed, sample.workers)
        .files(files.clone())
        .run(move |t| job::departures(t, &args))
        .map_err(|error| format!("the job failed: {error}"))?;
    Ok((report, files))
}

/// Runs one seed that crashes some times on the way.
pub(crate) fn run_crashing(seed: u64) -> Result<(), String> {
    let sample = Sample::new(seed);
    let files = sample.files();
    crate::crashes::until_the_end(seed, None, |sim| {
        let args = sample.args();
        let report = sim.files(files.clone()).run(move |t| job::departures(t, &args));
        report.map_err(|error| format!("the job failed: {error:?}"))
    })?;
    let text = |name: &str| {
        let bytes = files.read(Path::new("results").join(name)).unwrap_or_default();
        String::from_utf8(bytes).unwrap_or_default()
    };
    sample.check(&results(text))
}

/// Runs one seed; `twice` also runs it again and replays it.
pub(crate) fn run(seed: u64, twice: bool) -> Result<(), String> {
    let sample = Sample::new(seed);
    let (report, files) = simulate(seed, &sample)?;
    let text = |name: &str| {
        let bytes = files.read(Path::new("results").join(name)).unwrap_or_default();
        String::from_utf8(bytes).unwrap_or_default()
    };
    sample.check(&results(text))?;
    if !twice {
        return Ok(());
    }
    let (again, files_again) = simulate(seed, &sample)?;
    if again.journal != report.journal || written(&files_again) != written(&files) {
        return Err("the same seed ran otherwise the second time".into());
    }
    let (replay_files, args) = (sample.files(), sample.args());
    Sim::replay(&report.journal, replay_files.clone(), move |t| job::departures(t, &args))
        .map_err(|error| format!("the replay failed: {error}"))?;
    if written(&replay_files) != written(&files) {
        return Err("the replay wrote other files".into());
    }
    Ok(())
}
