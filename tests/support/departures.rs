//! The departures job, the month that ships with it, and its results by sorting, grouping and folding.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::Path;

use thalweg::prelude::EventTime;

/// Where the shipped files are.
pub const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../core/examples/data/");
/// The shipped departures.
pub const DEPARTURES: &str = "departures-2013-01.csv.gz";
/// The shipped weather.
pub const WEATHER: &str = "weather-2013-01.csv.gz";

/// The job's output files, each with sorted lines behind its header.
pub type Results = BTreeMap<&'static str, Vec<String>>;

/// The job's files.
pub const RESULTS: [&str; 4] =
    ["hourly_by_origin.csv", "sessions_by_tailnum.csv", "departures_with_weather.csv", "late.csv"];

/// A file of the shipped month, unpacked.
pub fn shipped(name: &str) -> String {
    let mut text = String::new();
    let packed = fs::read(Path::new(DATA).join(name)).expect("the data that ships is well formed");
    flate2::read::GzDecoder::new(&packed[..])
        .read_to_string(&mut text)
        .expect("the data that ships is well formed");
    text
}

/// What the job has written, each file's lines sorted; `read` gives a file's text.
pub fn results(read: impl Fn(&str) -> String) -> Results {
    let sorted = |name: &&'static str| {
        let text = read(name);
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines[1..].sort();
        (*name, lines)
    };
    RESULTS.iter().map(sorted).collect()
}

/// One row of a CSV file, by column.
pub type Row = BTreeMap<String, String>;

/// The rows of a CSV file.
///
/// # Panics
///
/// If it is none.
pub fn rows(text: &str) -> Vec<Row> {
    csv::Reader::from_reader(text.as_bytes())
        .deserialize()
        .map(|row| row.expect("the data that ships is well formed"))
        .collect()
}

/// The hour that an RFC 3339 instant lies in.
fn hour(at: &str) -> String {
    format!("{}:00:00Z", &at[..13])
}

fn minutes(at: &str) -> i64 {
    at.parse::<EventTime>().expect("the data that ships is well formed").as_secs() / 60
}

fn with_header(header: &str, mut lines: Vec<String>) -> Vec<String> {
    lines.sort();
    lines.insert(0, header.to_owned());
    lines
}

/// `hourly_by_origin.csv` of some departures.
pub fn hourly<'a>(departures: impl Iterator<Item = &'a Row>) -> Vec<String> {
    let mut delays: BTreeMap<(String, &str), Vec<i64>> = BTreeMap::new();
    for row in departures {
        let delay = row["dep_delay"].parse().expect("the data that ships is well formed");
        delays.entry((hour(&row["scheduled"]), &row["origin"])).or_default().push(delay);
    }
    let lines = delays.iter().map(|((start, origin), delays)| {
        let (total, max) = (
            delays.iter().sum::<i64>(),
            delays.iter().max().expect("the data that ships is well formed"),
        );
        format!("{start},{origin},{},{total},{max}", delays.len())
    });
    with_header("window_start,origin,flights,total_delay,max_delay", lines.collect())
}

fn sessions(departures: &[Row]) -> Vec<String> {
    let mut flights: BTreeMap<&str, Vec<(&str, u64)>> = BTreeMap::new();
    for row in departures {
        let flight = (
            row["departed"].as_str(),
            row["distance"].parse().expect("the data that ships is well formed"),
        );
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

/// The columns of `late.csv`.
pub const LATE_HEADER: &str =
    "departed,scheduled,origin,dest,carrier,flight,tailnum,distance,dep_delay";

/// All results, if nothing is late.
pub fn oracle(departures: &str, weather: &str) -> Results {
    let (departures, weather) = (rows(departures), rows(weather));
    Results::from([
        (RESULTS[0], hourly(departures.iter())),
        (RESULTS[1], sessions(&departures)),
        (RESULTS[2], with_weather(&departures, &weather)),
        (RESULTS[3], vec![LATE_HEADER.to_owned()]),
    ])
}

/// Says which file and which lines differ; whole files are too long to print.
pub fn assert_same(found: &Results, expected: &Results, run: &str) {
    for (name, expected) in expected {
        let found = &found[name];
        let differs = found.iter().zip(expected).find(|(found, expected)| found != expected);
        assert_eq!(differs, None, "{name}, {run}");
        assert_eq!(found.len(), expected.len(), "{name}, {run}");
    }
}
