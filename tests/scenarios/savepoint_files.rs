//! Files that are written exactly once, across savepoints.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use thalweg::prelude::*;
use thalweg_tests::departures::{DATA, DEPARTURES, WEATHER, assert_same, oracle, results, shipped};
use thalweg_tests::run::checkpointed as engine;

use crate::departures::job;

const MS: Duration = Duration::from_millis(1);

#[test]
fn files_written_exactly_once_go_on_where_the_savepoint_was() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("results");
    fs::create_dir(&output).unwrap();
    let args = job::Args {
        input: Path::new(DATA).join(DEPARTURES),
        weather: Path::new(DATA).join(WEATHER),
        output: output.clone(),
        out_of_orderness: 24.hours(),
    };
    let departures = |args: &job::Args| {
        let args = args.clone();
        move |t: &mut Topology| job::departures(t, &args)
    };
    let mut last: Option<PathBuf> = None;
    for (round, workers) in [1, 2, 3, 1].into_iter().enumerate() {
        let mut engine = engine(workers, &folder.path().join(format!("state {round}")));
        if let Some(last) = &last {
            engine = engine.restore_from(last);
        }
        let host = engine.build();
        let running = host.deploy("departures", departures(&args)).unwrap();
        std::thread::sleep(10 * MS);
        let saved = folder.path().join(format!("saved {round}"));
        drop(running.stop_with_savepoint(&saved).unwrap().wait().unwrap());
        running.join().unwrap();
        last = Some(saved);
    }
    let engine = engine(2, &folder.path().join("state")).restore_from(last.unwrap());
    engine.build().run("departures", departures(&args)).unwrap();
    let found = results(|name| fs::read_to_string(output.join(name)).unwrap());
    assert_same(&found, &oracle(&shipped(DEPARTURES), &shipped(WEATHER)), "after four savepoints");
}
