//! The departures example on the month that ships, against results that are computed by sorting, grouping and folding.

#[path = "../../core/examples/departures/job.rs"]
pub(crate) mod job;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use thalweg::prelude::*;
use thalweg::rt::{MemoryFiles, Sim};

use job::Args;
use thalweg_tests::departures::{
    DATA, DEPARTURES, LATE_HEADER, RESULTS, Results, Row, WEATHER, assert_same, hourly, oracle,
    results, rows, shipped,
};

fn args(output: &Path, bound: Duration) -> Args {
    let (input, weather) = (Path::new(DATA).join(DEPARTURES), Path::new(DATA).join(WEATHER));
    Args { input, weather, output: output.to_owned(), out_of_orderness: bound }
}

fn run(workers: usize, batch: u32, driver: Driver, bound: Duration) -> Results {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::builder().workers(workers).batch_records(batch).driver(driver).build();
    let args = args(folder.path(), bound);
    let report = engine.run("departures", move |t| job::departures(t, &args)).unwrap();
    assert_eq!(report.operator("departures").unwrap().totals.rejected, 0);
    results(|name| fs::read_to_string(folder.path().join(name)).unwrap())
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
