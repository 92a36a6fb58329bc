//! A state directory that is taken away while the job runs.

use thalweg::prelude::*;
use thalweg_tests::run::watched;

fn job(t: &mut Topology) -> Result<()> {
    t.source("numbers", Generator::endless(|n| n).records_per_s(10_000))
        .without_event_time()
        .key_by_value(|n| n.to_native() % 100)
        .filter_map_with_state("counts", |count: &mut u64, _| {
            *count += 1;
            Some(*count)
        })
        .sink("out", Blackhole);
    Ok(())
}

/// The job goes on; who looks, and who asks for a savepoint, is told why there is none, until there is one again.
#[test]
fn a_checkpoint_that_cannot_be_written_is_an_alarm_with_the_disks_own_words() {
    let folder = tempfile::tempdir().unwrap();
    let (state, saved) = (folder.path().join("state"), folder.path().join("saved"));
    let (error, alarm) = watched({
        let (state, saved) = (state.clone(), saved.clone());
        move || {
            let checkpoints = Checkpoints::in_directory(&state).on_demand();
            let engine = Engine::builder().checkpoints(checkpoints).build();
            let handle = engine.deploy("counts", job).unwrap();
            std::fs::rename(state.join("counts"), state.join("away")).unwrap();
            let error = handle.savepoint(&saved).unwrap().wait().unwrap_err();
            let alarm = handle.snapshot().checkpoints.alarm;
            std::fs::rename(state.join("away"), state.join("counts")).unwrap();
            handle.savepoint(&saved).unwrap().wait().unwrap();
            assert_eq!(handle.snapshot().checkpoints.alarm, None);
            handle.cancel();
            handle.join().unwrap_err();
            (error.to_string(), alarm.unwrap())
        }
    });
    let segment = state.join("counts/00000000.seg");
    let said = format!(
        "the state was not written: the state of worker 0 was not written for checkpoint 1: \
         cannot create {segment:?}: there is no such file: No such file or directory (os error 2)"
    );
    assert_eq!(alarm, said);
    assert_eq!(
        error,
        format!("checkpoint 1, which savepoint {saved:?} was to be made of, was given up: {said}")
    );
}
