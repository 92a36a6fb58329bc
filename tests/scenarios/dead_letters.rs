//! Lines that are no records, as a stream beside the records.

use std::num::NonZeroU64;

use proptest::collection::vec;
use proptest::prelude::*;
use thalweg::operator::DeadLetter;
use thalweg::prelude::*;
use thalweg::rt::{MemoryFiles, Sim};
use thalweg_tests::oracle::sorted;

/// What the lines should be.
#[record]
#[derive(Eq, PartialOrd, Ord)]
struct Visit {
    #[event_time]
    at: EventTime,
    page: Str,
    seconds: u32,
}

/// A file of lines, of which some are bad.
fn file(lines: &[bool]) -> String {
    let mut text = String::from("page,at,seconds\n");
    for (number, is_bad) in lines.iter().enumerate() {
        let at = EventTime::from_secs(i64::try_from(number).unwrap());
        let seconds = if *is_bad { "many".to_owned() } else { number.to_string() };
        text += &format!("/page {number},{at},{seconds}\n");
    }
    text
}

struct Handles {
    good: Collected<Visit>,
    bad: Collected<DeadLetter>,
}

impl Handles {
    fn new() -> Self {
        Self { good: Collected::new(), bad: Collected::new() }
    }

    /// The job that fills them.
    fn job(
        &self,
        split_bytes: u64,
    ) -> impl Fn(&mut Topology) -> Result<()> + Send + Sync + 'static {
        let (good, bad) = (self.good.clone(), self.bad.clone());
        move |t| {
            let split_bytes = NonZeroU64::new(split_bytes).expect("not zero");
            let Guarded { stream, dead } = t
                .source("visits", Files::csv::<Visit>("in/*.csv").split_bytes(split_bytes))
                .or_dead_letter()
                .watermarks(Monotonic);
            stream.sink("good", good.sink());
            // Through another worker's hands, so that what comes in which page is part of the run.
            dead.rebalance().sink("bad", bad.sink());
            Ok(())
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(60) })]

    #[test]
    fn every_line_is_a_record_or_a_dead_letter_and_a_replay_gives_the_same_run(
        files in vec(vec(prop_oneof![5 => Just(false), 1 => Just(true)], 0..120), 1..4),
        split_bytes in 50..2_000_u64,
        workers in 1..=4_usize,
        seed: u64,
    ) {
        let memory = files.iter().enumerate().fold(MemoryFiles::default(), |memory, (n, lines)| {
            memory.with(format!("in/{n}.csv"), file(lines))
        });
        let handles = Handles::new();
        let ran = Sim::new(seed, workers).files(memory.clone()).run(handles.job(split_bytes))
            .expect("the job runs");
        let (good, bad) = (handles.good.take_per_worker(), handles.bad.take_per_worker());
        Sim::replay(&ran.journal, memory, handles.job(split_bytes)).expect("the replay runs");
        prop_assert_eq!(&handles.good.take_per_worker(), &good);
        prop_assert_eq!(&handles.bad.take_per_worker(), &bad);

        let good = good.into_iter().flatten().map(|(_, visit)| visit.page);
        let lines = || files.iter().flat_map(|lines| lines.iter().enumerate());
        let expected = lines().filter(|(_, is_bad)| !**is_bad).map(|(n, _)| Str::from(format!("/page {n}")));
        prop_assert_eq!(sorted(good), sorted(expected));

        let bad: Vec<DeadLetter> = bad.into_iter().flatten().map(|(_, letter)| letter).collect();
        let place = |letter: &DeadLetter| (letter.file.clone(), letter.offset, String::from_utf8(letter.raw.clone()).unwrap());
        let expected = files.iter().enumerate().flat_map(|(n, lines)| {
            let text = file(lines);
            let bad = text.lines().filter(|line| line.ends_with("many"));
            let bad: Vec<_> = bad
                .map(|line| {
                    let offset = line.as_ptr() as u64 - text.as_ptr() as u64;
                    (Some(Str::from(format!("in/{n}.csv"))), Some(offset), line.to_owned())
                })
                .collect();
            bad
        });
        prop_assert_eq!(sorted(bad.iter().map(place)), sorted(expected));
        let totals = &ran.report.operator("visits").expect("it is there").totals;
        let count = bad.len() as u64;
        prop_assert_eq!((totals.dead_lettered, totals.rejected), (count, count));
        prop_assert_eq!(totals.records_in, lines().count() as u64 - count);
    }
}

#[test]
fn a_dead_letter_of_a_line_says_all_that_an_error_would() {
    let handles = Handles::new();
    let files = MemoryFiles::default().with("in/a.csv", file(&[false, true, false]));
    Sim::new(3, 1).files(files).run(handles.job(1_000)).unwrap();
    let letters = handles.bad.take_per_worker();
    let [(at, letter)] = letters[0].as_slice() else { panic!("{letters:?}") };
    let expected = DeadLetter {
        operator: "visits".into(),
        error: "invalid digit found in string".into(),
        at: None,
        record: "Visit".into(),
        raw: b"/page 1,1970-01-01T00:00:01Z,many".to_vec(),
        file: Some("in/a.csv".into()),
        line: Some(3),
        offset: Some(47),
        column: Some(30),
        field: Some("seconds".into()),
    };
    assert_eq!(*letter, expected);
    assert_eq!(*at, EventTime::EPOCH, "the time of the record before it");
}

/// Watermarks are made after every 64 records; a line that is none is not counted.
#[test]
fn bad_lines_move_no_watermark() {
    let lines: Vec<bool> = (0..400).map(|n| n % 3 == 0).collect();
    let late = |with_dead: bool| {
        let late = Collected::new();
        let handle = late.clone();
        let files = MemoryFiles::default().with("in/a.csv", file(&lines));
        let ran = Sim::new(5, 2).files(files).run(move |t| {
            let source = Files::csv::<Visit>("in/a.csv").on_error(OnError::Skip);
            let source = t.source("visits", source);
            let visits = match with_dead {
                true => {
                    let Guarded { stream, dead } = source.or_dead_letter().watermarks(Monotonic);
                    dead.drop_counted();
                    stream
                }
                false => source.watermarks(Monotonic),
            };
            // Of every ten records one claims to be a hundred seconds older.
            let older = |v: &Rec<Visit>| match v.seconds() % 10 {
                0 => v.at() - 100.secs(),
                _ => v.at(),
            };
            let windowed = visits
                .map(move |v| Visit { at: older(v), ..v.to_value() })
                .key_by_value(|v| v.seconds() % 10)
                .window("windows", Tumbling::of(10.secs()))
                .aggregate(|n: &mut u64, _| *n += 1);
            windowed.on_time.drop_counted();
            windowed.late.map(|v| v.page().to_owned()).sink("late", handle.sink());
            Ok(())
        });
        ran.unwrap();
        sorted(late.take())
    };
    assert_eq!(late(true), late(false));
}
