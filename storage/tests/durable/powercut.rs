//! Power is lost at every operation in turn: what was acknowledged is whole, what was not does not show in part, and the job goes on from there.

use thalweg_storage::io::{Fault, Faulty, Rates, What};

use crate::job::{Known, check, go};

/// Epochs of one run: long enough for segments to be sealed, retired and written again.
const EPOCHS: u64 = 9;

/// How many operations an uninterrupted run has.
fn operations() -> u64 {
    let mut disk = Faulty::new(0);
    let mut known = Known::default();
    go(&mut disk, &mut known, EPOCHS).unwrap();
    let operations = disk.operations();
    assert_eq!(check(&mut disk, known), Ok(EPOCHS));
    assert!(disk.paths().len() < 9, "files are written again: {:?}", disk.paths());
    operations
}

/// Runs until power goes at operation `at`, looks, goes on until it goes again, looks, and finishes.
fn cut_twice(seed: u64, at: u64, rates: Rates) -> Result<u64, String> {
    let mut disk = Faulty::new(seed);
    disk.chance(rates);
    let mut known = Known::default();
    disk.plan(Fault { at, lasting: false, what: What::Cut });
    let ended = go(&mut disk, &mut known, EPOCHS);
    if ended.is_ok() && disk.has_power() {
        return Err(format!("operation {at} never came"));
    }
    disk.cut();
    known.acknowledged = check(&mut disk, known)?;
    disk.chance(rates);
    let again = disk.operations() + at % 61;
    disk.plan(Fault { at: again, lasting: false, what: What::Cut });
    let _ = go(&mut disk, &mut known, EPOCHS);
    disk.cut();
    known.acknowledged = check(&mut disk, known)?;
    go(&mut disk, &mut known, EPOCHS).map_err(|error| error.to_string())?;
    check(&mut disk, known)
}

#[test]
fn power_cut_at_every_operation_loses_and_invents_nothing() {
    let slow = Rates { slow: 200, ..Rates::default() };
    let mut cuts = 0;
    for at in 0..operations() {
        for seed in 0..24 {
            let rates = if seed % 2 == 0 { Rates::default() } else { slow };
            let result = cut_twice(seed, at, rates);
            assert_eq!(result, Ok(EPOCHS), "seed {seed}, cut at operation {at}");
            cuts += 2;
        }
    }
    assert!(cuts > 5000, "{cuts} cuts");
}

/// The harness counts only while it finds this: a device that claims to have synced what it has not.
#[test]
fn a_device_that_lies_about_syncs_is_found_out() {
    let lies = Rates { lie: 1000, ..Rates::default() };
    let operations = operations();
    let found = (0..operations).filter(|at| cut_twice(7, *at, lies).is_err()).count();
    assert!(found * 2 > usize::try_from(operations).unwrap(), "{found} of {operations} cuts");
}
