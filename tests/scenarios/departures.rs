//! The departures example on the month that ships, against results that are computed by sorting, grouping and folding.

#[path = "../../core/examples/departures/job.rs"]
mod job;

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use thalweg::prelude::*;
use thalweg::rt::{MemoryFiles, Sim};

use job::Args;

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../core/examples/data/");
const DEPARTURES: &str = "departures-2013-01.csv.gz";
const WEATHER: &str = "weather-2013-01.csv.gz";

/// The job's output files, each with sorted lines behind its header.
type Results = BTreeMap<&'static str, Vec<String>>;

const RESULTS: [&str; 4] =
    ["hourly_by_origin.csv", "sessions_by_tailnum.csv", "departures_with_weather.csv", "late.csv"];

/// A file of the shipped month, unpacked.
fn shipped(name: &str) -> String {
    let mut text = String::new();
    let packed = fs::read(Path::new(DATA).join(name)).unwrap();
    flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut text).unwrap();
    text
}

fn args(output: &Path, bound: Duration) -> Args {
    let (input, weather) = (Path::new(DATA).join(DEPARTURES), Path::new(DATA).join(WEATHER));
    Args { input, weather, output: output.to_owned(), out_of_orderness: bound }
}

fn results(read: impl Fn(&str) -> String) -> Results {
    let sorted = |name: &&'static str| {
        let text = read(name);
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines[1..].sort();
        (*name, lines)
    };
    RESULTS.iter().map(sorted).collect()
}

fn run(workers: usize, batch: u32, driver: Driver, bound: Duration) -> Results {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::builder().workers(workers).batch_records(batch).driver(driver).build();
    let args = args(folder.path(), bound);
    let report = engine.run("departures", move |t| job::departures(t, &args)).unwrap();
    assert_eq!(report.operator("departures").unwrap().totals.rejected, 0);
    results(|name| fs::read_to_string(folder.path().join(name)).unwrap())
}

/// One row of a CSV file, by column.
type Row = BTreeMap<String, String>;

fn rows(text: &str) -> Vec<Row> {
    csv::Reader::from_reader(text.as_bytes()).deserialize().map(|row| row.unwrap()).collect()
}

/// The hour that an RFC 3339 instant lies in.
fn hour(at: &str) -> String {
    format!("{}:00:00Z", &at[..13])
}

fn minutes(at: &str) -> i64 {
    at.parse::<EventTime>().unwrap().as_secs() / 60
}

fn with_header(header: &str, mut lines: Vec<String>) -> Vec<String> {
    lines.sort();
    lines.insert(0, header.to_owned());
    lines
}

fn hourly<'a>(departures: impl Iterator<Item = &'a Row>) -> Vec<String> {
    let mut delays: BTreeMap<(String, &str), Vec<i64>> = BTreeMap::new();
    for row in departures {
        let delay = row["dep_delay"].parse().unwrap();
        delays.entry((hour(&row["scheduled"]), &row["origin"])).or_default().push(delay);
    }
    let lines = delays.iter().map(|((start, origin), delays)| {
        let (total, max) = (delays.iter().sum::<i64>(), delays.iter().max().unwrap());
        format!("{start},{origin},{},{total},{max}", delays.len())
    });
    with_header("window_start,origin,flights,total_delay,max_delay", lines.collect())
}

fn sessions(departures: &[Row]) -> Vec<String> {
    let mut flights: BTreeMap<&str, Vec<(&str, u64)>> = BTreeMap::new();
    for row in departures {
        let flight = (row["departed"].as_str(), row["distance"].parse().unwrap());
        flights.entry(&row["tailnum"]).or_default().push(flight);
    }
    let mut lines = Vec::new();
    for (tailnum, flights) in &mut flights {
        flights.sort_unstable();
        let pause = |a: &(&str, u64), b: &(&str, u64)| minutes(b.0) - minutes(a.0) <= 12 * 60;
        for session in flights.chunk_by(pause) {
            let (first, last) = (session[0].0, session[session.len() - 1].0);
            let miles: u64 = session.iter().map(|(_, miles)| miles).sum();
            lines.push(format!("{tailnum},{first},{last},{},{miles}", session.len()));
        }
    }
    with_header("tailnum,first_departure,last_departure,flights,miles", lines)
}

fn with_weather(departures: &[Row], weather: &[Row]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut by_hour: BTreeMap<(&str, &str), Vec<&Row>> = BTreeMap::new();
    for row in weather {
        by_hour.entry((&row["origin"], &row["hour"])).or_default().push(row);
    }
    for d in departures {
        let hour = hour(&d["scheduled"]);
        for w in by_hour.get(&(d["origin"].as_str(), hour.as_str())).into_iter().flatten() {
            let d = |name: &str| &d[name];
            let flight =
                format!("{},{},{},{}", d("scheduled"), d("origin"), d("carrier"), d("flight"));
            lines.push(format!("{flight},{},{},{}", d("dep_delay"), w["temp"], w["visib"]));
        }
    }
    with_header("scheduled,origin,carrier,flight,dep_delay,temp,visib", lines)
}

const LATE_HEADER: &str =
    "departed,scheduled,origin,dest,carrier,flight,tailnum,distance,dep_delay";

fn oracle(departures: &str, weather: &str) -> Results {
    let (departures, weather) = (rows(departures), rows(weather));
    Results::from([
        (RESULTS[0], hourly(departures.iter())),
        (RESULTS[1], sessions(&departures)),
        (RESULTS[2], with_weather(&departures, &weather)),
        (RESULTS[3], vec![LATE_HEADER.to_owned()]),
    ])
}

/// Says which file and which lines differ; whole files are too long to print.
fn assert_same(found: &Results, expected: &Results, run: &str) {
    for (name, expected) in expected {
        let found = &found[name];
        let differs = found.iter().zip(expected).find(|(found, expected)| found != expected);
        assert_eq!(differs, None, "{name}, {run}");
        assert_eq!(found.len(), expected.len(), "{name}, {run}");
    }
}

#[test]
fn the_results_are_the_same_at_every_number_of_workers_and_batch_size() {
    let expected = oracle(&shipped(DEPARTURES), &shipped(WEATHER));
    for workers in 1..=3 {
        for batch in [1, 7, 256] {
            let found = run(workers, batch, Driver::Plain, 24.hours());
            assert_same(&found, &expected, &format!("{workers} worker(s), batch {batch}"));
        }
    }
}

/// Where io_uring is not permitted the driver is the plain one, which says so in the log.
#[test]
fn the_results_are_the_same_on_the_driver_of_this_machine() {
    let expected = oracle(&shipped(DEPARTURES), &shipped(WEATHER));
    assert_same(&run(2, 256, Driver::Auto, 24.hours()), &expected, "the machine's driver");
}

/// The join is left out: which of its two sides is ahead is a matter of scheduling, so a record that is late for one side's
/// watermark may find its window open for the other's.
#[test]
fn with_a_bound_of_two_hours_what_is_late_depends_on_the_input_alone() {
    let departures = rows(&shipped(DEPARTURES));
    let fields: Vec<&str> = LATE_HEADER.split(',').collect();
    let line = |row: &Row| fields.iter().map(|f| row[*f].as_str()).collect::<Vec<_>>().join(",");
    let mut first: Option<Results> = None;
    for workers in 1..=3 {
        for batch in [1, 7, 256] {
            let mut found = run(workers, batch, Driver::Plain, 2.hours());
            found.remove(RESULTS[2]);
            let first = first.get_or_insert_with(|| found.clone());
            assert_same(&found, first, &format!("{workers} worker(s), batch {batch}"));
        }
    }
    let found = first.unwrap();
    // On time and late together are all departures, and the hours are those of the departures on time.
    let mut late: BTreeMap<&str, usize> = BTreeMap::new();
    found["late.csv"][1..].iter().for_each(|line| *late.entry(line.as_str()).or_default() += 1);
    let count = late.values().sum::<usize>();
    assert!(count > 0 && count < departures.len());
    let on_time = departures.iter().filter(|row| match late.get_mut(line(row).as_str()) {
        Some(left) if *left > 0 => {
            *left -= 1;
            false
        }
        _ => true,
    });
    assert_eq!(hourly(on_time), found["hourly_by_origin.csv"]);
    assert!(late.values().all(|left| *left == 0), "a late departure that is not in the input");
}

#[test]
fn the_results_are_the_same_in_every_order_of_the_simulator() {
    let head =
        |text: &str, lines: usize| -> String { text.split_inclusive('\n').take(lines).collect() };
    let (departures, weather) = (head(&shipped(DEPARTURES), 2500), head(&shipped(WEATHER), 400));
    let expected = oracle(&departures, &weather);
    for seed in 0..24 {
        let files = MemoryFiles::default()
            .with("departures.csv", departures.as_str())
            .with("weather.csv", weather.as_str());
        let args = Args {
            input: PathBuf::from("departures.csv"),
            weather: PathBuf::from("weather.csv"),
            output: PathBuf::from("results"),
            out_of_orderness: 24.hours(),
        };
        let workers = 1 + usize::try_from(seed % 3).unwrap();
        let sim = Sim::new(seed, workers).files(files.clone());
        sim.run(move |t| job::departures(t, &args)).unwrap();
        let read = |name: &str| {
            String::from_utf8(files.read(Path::new("results").join(name)).unwrap()).unwrap()
        };
        assert_same(&results(read), &expected, &format!("seed {seed}"));
    }
}
