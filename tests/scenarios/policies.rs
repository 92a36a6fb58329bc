//! Closures that fail, and what becomes of their records: in numbers against lists, in words to the letter.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use thalweg::error::{JobError, OperatorFault};
use thalweg::metrics::JobReport;
use thalweg::operator::DeadLetter;
use thalweg::prelude::*;
use thalweg_tests::oracle::{NEVER_LATE, sorted};
use thalweg_tests::random::{Splits, on, some_splits};
use thalweg_tests::records::Event;
use thalweg_tests::run::{On, Settings, source};

/// Whatever the seed draws, threads, and the tightest rings there are.
fn everywhere() -> impl Strategy<Value = On> {
    prop_oneof![6 => on(), 1 => (1..=4_usize).prop_map(|w| On::Plain(Settings::tight(w)))]
}

fn all(splits: &Splits) -> impl Iterator<Item = &Event> + Clone {
    splits.iter().flatten()
}

fn is_bad(value: i64) -> bool {
    value.rem_euclid(3) == 0
}

fn checked(event: &Rec<Event>) -> Result<i64, OperatorFault> {
    match event.value() {
        value if is_bad(value) => Err(format!("{value} is divisible by three").into()),
        value => Ok(value),
    }
}

/// Which of the operators, and what it does with those that fail.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Map,
    Filter,
    FilterMap,
    FlatMap,
    Inspect,
}

fn kinds() -> impl Strategy<Value = Kind> {
    prop_oneof![
        Just(Kind::Map),
        Just(Kind::Filter),
        Just(Kind::FilterMap),
        Just(Kind::FlatMap),
        Just(Kind::Inspect),
    ]
}

/// The operator as it is written, with dead letters.
fn guarded(kind: Kind, events: Stream<Event>) -> Guarded<Event> {
    let doubled = |e: &Rec<Event>, value| Event { value: value * 2, ..e.to_value() };
    // A link before it, so that it is not the first of its chain.
    let events = events.filter(|_| true);
    match kind {
        Kind::Map => events.try_map(move |e| Ok(doubled(e, checked(e)?))).or_dead_letter("op"),
        Kind::Filter => events.try_filter(|e| Ok(checked(e)? % 2 == 0)).or_dead_letter("op"),
        Kind::FilterMap => events
            .try_filter_map(move |e| {
                Ok(Some(checked(e)?).filter(|v| v % 2 == 0).map(|v| doubled(e, v)))
            })
            .or_dead_letter("op"),
        Kind::FlatMap => events
            .try_flat_map(move |e| {
                let value = checked(e)?;
                Ok(vec![e.to_value(), doubled(e, value)])
            })
            .or_dead_letter("op"),
        Kind::Inspect => events
            .try_inspect(|e, at| if e.at() == at { checked(e).map(drop) } else { panic!("time") })
            .or_dead_letter("op"),
    }
}

/// What the operator gives for a record that does not fail.
fn given(kind: Kind, event: &Event) -> Vec<Event> {
    let doubled = Event { value: event.value * 2, ..event.clone() };
    match kind {
        Kind::Map => vec![doubled],
        Kind::Filter if event.value % 2 == 0 => vec![event.clone()],
        Kind::FilterMap if event.value % 2 == 0 => vec![doubled],
        Kind::Filter | Kind::FilterMap => vec![],
        Kind::FlatMap => vec![event.clone(), doubled],
        Kind::Inspect => vec![event.clone()],
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(80) })]

    #[test]
    fn every_record_is_worked_on_or_a_dead_letter(
        splits in some_splits(150), kind in kinds(), on in everywhere(),
    ) {
        let (out, dead) = (Collected::new(), Collected::new());
        let (handles, input) = ((out.clone(), dead.clone()), Arc::clone(&splits));
        let report = on.run(move |t| {
            let guarded = guarded(kind, source(t, "events", &input).watermarks(Monotonic));
            guarded.stream.sink("out", handles.0.sink());
            guarded
                .dead
                .map(|letter| {
                    let event: Event = letter.decode().expect("an event's archive");
                    assert_eq!(letter.operator(), "op");
                    assert_eq!(letter.record(), "Event");
                    assert_eq!(letter.at(), Some(event.at));
                    assert_eq!(letter.error(), format!("{} is divisible by three", event.value));
                    assert!(letter.decode::<u64>().is_none(), "it is no number");
                    event
                })
                .sink("dead", handles.1.sink());
            Ok(())
        }).expect("the job runs");
        let expected = all(&splits).filter(|e| !is_bad(e.value)).flat_map(|e| given(kind, e));
        prop_assert_eq!(sorted(out.take()), sorted(expected));
        let bad = sorted(all(&splits).filter(|e| is_bad(e.value)).cloned());
        let totals = &report.operator("op").expect("it is there").totals;
        prop_assert_eq!(totals.records_in, all(&splits).count() as u64);
        prop_assert_eq!((totals.skipped, totals.dead_lettered, totals.retried), (0, bad.len() as u64, 0));
        prop_assert_eq!(sorted(dead.take()), bad);
    }

    #[test]
    fn skipped_records_are_counted_and_leave_nothing(splits in some_splits(150), on in everywhere()) {
        let out = Collected::new();
        let (handle, input) = (out.clone(), Arc::clone(&splits));
        let report = on.run(move |t| {
            source(t, "events", &input)
                .watermarks(BoundedOutOfOrderness::of(NEVER_LATE))
                .try_map(checked)
                .or_skip("check")
                .filter(|_| true)
                .sink("out", handle.sink());
            Ok(())
        }).expect("the job runs");
        let bad = all(&splits).filter(|e| is_bad(e.value)).count() as u64;
        let totals = &report.operator("check").expect("it is there").totals;
        prop_assert_eq!((totals.skipped, totals.dead_lettered, totals.retried), (bad, 0, 0));
        let expected = all(&splits).map(|e| e.value).filter(|value| !is_bad(*value));
        prop_assert_eq!(sorted(out.take()), sorted(expected));
    }

    /// Each record fails a number of times of its own; then it succeeds, unless the attempts are used up.
    #[test]
    fn record_is_tried_as_often_as_was_asked_for(
        splits in some_splits(120), attempts in 1..5_u32, on in everywhere(),
    ) {
        let (out, dead) = (Collected::new(), Collected::new());
        let (handles, input) = ((out.clone(), dead.clone()), Arc::clone(&splits));
        let report = on.run(move |t| {
            let mut calls = (u64::MAX, 0);
            let guarded = source(t, "events", &input)
                .watermarks(Monotonic)
                .try_map(move |e| {
                    calls = if calls.0 == e.id() { (e.id(), calls.1 + 1) } else { (e.id(), 1) };
                    match calls.1 > e.id() % 6 {
                        true => Ok(e.id()),
                        false => Err(format!("call {}", calls.1).into()),
                    }
                })
                .retry(attempts)
                .or_dead_letter("flaky");
            guarded.stream.sink("out", handles.0.sink());
            guarded
                .dead
                .map(|letter| letter.decode::<Event>().map(|e| (e.id, Str::from(letter.error()))))
                .sink("dead", handles.1.sink());
            Ok(())
        }).expect("the job runs");
        let succeeds = |id: &u64| id % 6 < u64::from(attempts);
        let ids = || all(&splits).map(|e| e.id);
        prop_assert_eq!(sorted(out.take()), sorted(ids().filter(succeeds)));
        let failed = ids().filter(|id| !succeeds(id));
        let expected = failed.map(|id| Some((id, format!("call {attempts}").into())));
        prop_assert_eq!(sorted(dead.take()), sorted(expected));
        let retries: u64 = ids().map(|id| (id % 6).min(u64::from(attempts) - 1)).sum();
        prop_assert_eq!(report.operator("flaky").expect("it is there").totals.retried, retries);
    }

    /// Dead letters carry event time: a window over them closes.
    #[test]
    fn dead_letters_have_the_event_time_of_their_records(splits in some_splits(100), on in everywhere()) {
        let out = Collected::new();
        let (handle, input) = (out.clone(), Arc::clone(&splits));
        on.run(move |t| {
            let guarded = source(t, "events", &input)
                .watermarks(BoundedOutOfOrderness::of(NEVER_LATE))
                .try_filter(|e| checked(e).map(|_| true))
                .or_dead_letter("check");
            guarded.stream.drop_counted();
            let windowed = guarded
                .dead
                .key_by(|letter| letter.operator())
                .window("errors an hour", Tumbling::of(1.hours()))
                .aggregate(|n: &mut u64, _| *n += 1);
            windowed.late.inspect(|l, _| panic!("{l:?} is late")).sink("late", Blackhole);
            windowed.on_time.map(|w| (w.start(), w.value())).sink("out", handle.sink());
            Ok(())
        }).expect("the job runs");
        let bad = || all(&splits).filter(|e| is_bad(e.value)).map(|e| e.at.floor(1.hours()));
        let hours: BTreeSet<EventTime> = bad().collect();
        let expected = hours.into_iter().map(|hour| (hour, bad().filter(|at| *at == hour).count() as u64));
        prop_assert_eq!(sorted(out.take()), sorted(expected));
    }
}

/// A job over the numbers from 0 to 9, on one worker.
fn run(job: impl Fn(Stream<u64>) + Send + Sync + 'static) -> Result<JobReport, JobError> {
    On::Plain(Settings::tight(1)).run(move |t| {
        job(t.source("numbers", Items::of((0..10).collect::<Vec<u64>>())).without_event_time());
        Ok(())
    })
}

/// The error and its cause, in words.
fn words(error: &JobError) -> (String, String) {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    (error.to_string(), cause.unwrap_or_default())
}

fn fail_at_seven(n: &Rec<u64>) -> Result<u64, OperatorFault> {
    match n.to_native() {
        7 => Err("seven".into()),
        n => Ok(n),
    }
}

#[test]
fn error_without_a_policy_names_the_task_and_one_with_a_name_names_it() {
    let unnamed = run(|numbers| numbers.try_map(fail_at_seven).sink("out", Blackhole));
    let expected = ("operator \"numbers\" failed".to_owned(), "seven".to_owned());
    assert_eq!(words(&unnamed.unwrap_err()), expected);
    let named =
        run(|numbers| numbers.try_map(fail_at_seven).or_fail("parse").sink("out", Blackhole));
    let expected = ("operator \"parse\" failed".to_owned(), "seven".to_owned());
    assert_eq!(words(&named.unwrap_err()), expected);
    let each = run(|numbers| numbers.try_for_each("call", |n, _| fail_at_seven(n).map(drop)));
    let expected = ("operator \"call\" failed".to_owned(), "seven".to_owned());
    assert_eq!(words(&each.unwrap_err()), expected);
}

#[test]
fn retries_without_a_policy_end_the_job_with_the_last_error() {
    for attempts in 1..4 {
        let out = Collected::new();
        let handle = out.clone();
        let result = run(move |numbers| {
            let mut calls = 0;
            let call = move |n: &Rec<u64>| -> Result<u64, OperatorFault> {
                calls = if n.to_native() == 7 { calls + 1 } else { 0 };
                if calls == 0 || calls > 2 {
                    Ok(n.to_native())
                } else {
                    Err(format!("call {calls}").into())
                }
            };
            numbers.try_map(call).retry(attempts).sink("out", handle.sink());
        });
        match result {
            Ok(_) => assert_eq!((attempts, out.take().len()), (3, 10)),
            Err(error) => assert_eq!(words(&error).1, format!("call {attempts}")),
        }
    }
}

#[derive(Debug)]
struct Outer(std::num::ParseIntError);

impl std::fmt::Display for Outer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("not a price")
    }
}

impl std::error::Error for Outer {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

#[test]
fn dead_letter_has_all_causes_in_one_line_and_the_archive() {
    let dead = Collected::new();
    let handle = dead.clone();
    run(move |numbers| {
        let Guarded { stream, dead } = numbers
            .map(|n| Str::from(if n.to_native() == 3 { "three" } else { "3" }))
            .try_map(|text: &Rec<Str>| Ok(text.parse::<u64>().map_err(Outer)?))
            .or_dead_letter("prices");
        stream.drop_counted();
        dead.sink("dead", handle.sink());
    })
    .unwrap();
    let letters = dead.take();
    let [letter] = letters.as_slice() else { panic!("{letters:?}") };
    let expected = DeadLetter {
        operator: "prices".into(),
        error: "not a price: invalid digit found in string".into(),
        at: None,
        record: "Str".into(),
        raw: letter.raw.clone(),
        file: None,
        line: None,
        offset: None,
        column: None,
        field: None,
    };
    assert_eq!(*letter, expected);
    assert!(letter.raw.windows(5).any(|bytes| bytes == b"three"));
}

#[test]
fn panic_ends_the_job_under_every_policy() {
    fn explode(n: &Rec<u64>) -> Result<bool, OperatorFault> {
        assert!(n.to_native() != 7, "seven again");
        Ok(true)
    }
    let jobs: [fn(Stream<u64>); 3] = [
        |numbers| numbers.try_filter(explode).or_fail("op").sink("out", Blackhole),
        |numbers| numbers.try_filter(explode).retry(9).or_skip("op").sink("out", Blackhole),
        |numbers| {
            let guarded = numbers.try_filter(explode).retry(9).or_dead_letter("op");
            guarded.stream.sink("out", Blackhole);
            guarded.dead.sink("dead", Blackhole);
        },
    ];
    for job in jobs {
        let error = run(job).unwrap_err();
        assert_eq!(error.to_string(), "operator \"op\" panicked: seven again");
    }
}

#[test]
fn policies_are_seen_in_the_plan() {
    let plan = Engine::builder().build().plan(|t| {
        let numbers = t.source("numbers", Items::of(vec![1_u64])).without_event_time();
        numbers
            .clone()
            .filter(|_| true)
            .try_map(fail_at_seven)
            .or_fail("a")
            .sink("out a", Blackhole);
        numbers.clone().try_map(fail_at_seven).retry(3).or_skip("b").sink("out b", Blackhole);
        let guarded = numbers.clone().try_map(fail_at_seven).or_dead_letter("c");
        guarded.stream.drop_counted();
        guarded.dead.sink("out c", Blackhole);
        numbers.try_map(fail_at_seven).try_filter(|_| Ok(true)).sink("out d", Blackhole);
        Ok(())
    });
    let expected = "\
source \"numbers\": items in 1 split(s)
  └ [u64] filter → same worker ⇒ try_map \"a\"
  └ [u64] same worker ⇒ try_map \"b\"
  └ [u64] same worker ⇒ try_map \"c\"
  └ [u64] try_map → try_filter → same worker ⇒ sink \"out d\"
try_map \"a\": fail
  └ [u64] same worker ⇒ sink \"out a\"
sink \"out a\": blackhole
try_map \"b\": 3 attempts, then skip
  └ [u64] same worker ⇒ sink \"out b\"
sink \"out b\": blackhole
try_map \"c\": dead letter
  └ dead [DeadLetter] same worker ⇒ sink \"out c\"
sink \"out c\": blackhole
sink \"out d\": blackhole
";
    assert_eq!(plan.unwrap().explain(), expected);
}

#[test]
fn dead_letters_that_nobody_reads_and_no_attempt_at_all_are_refused() {
    let refused = Engine::builder().build().plan(|t| {
        let numbers = t.source("numbers", Items::of(vec![1_u64])).without_event_time();
        let guarded = numbers.clone().try_map(fail_at_seven).or_dead_letter("parse");
        drop(guarded.dead);
        guarded.stream.sink("out", Blackhole);
        numbers.try_map(fail_at_seven).retry(0).or_skip("never").drop_counted();
        Ok(())
    });
    assert_eq!(
        refused.unwrap_err().to_string(),
        "the job cannot be built\
         \n  setting of \"never\": there is at least one attempt\
         \n  output `dead` of operator \"parse\" is not used; send it to a sink or call drop_counted()"
    );
}

#[test]
fn report_says_what_was_left_out_below_the_operator() {
    let report = run(|numbers| {
        let guarded = numbers.try_map(fail_at_seven).retry(3).or_dead_letter("parse");
        guarded.dead.drop_counted();
        guarded.stream.try_filter(|n| Ok(fail_at_seven(n)? == 1)).or_skip("one").drop_counted();
    });
    let text = report.unwrap().to_string();
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("  ")).collect();
    assert_eq!(lines, ["  errors: 0 skipped, 1 dead letters, 2 retries"]);
}
