//! Long firings: a task with a window, stepped by hand.

use std::marker::PhantomData;
use std::rc::Rc;
use std::time::Duration;

use thalweg_storage::{Store, TableConfig, TableName};

use super::aligned::{AlignedState, AlignedWindows};
use super::contents::Aggregated;
use super::operator::{WindowOperator, Windows};
use super::pane::Firing;
use super::separate::Separate;
use super::session::Merging;
use super::timers::Timers;
use super::trigger::AtWatermark;
use super::*;
use crate::agg::Of;
use crate::exchange::ByValue;
use crate::exchange::inbox::Inbox;
use crate::operator::output::Output;
use crate::operator::rig::{Seen, at, lane, output, receive, send, step};
use crate::operator::task::{Choice, OnePort, OperatorTask, Task};
use crate::raw::page::Control;
use crate::raw::view::Rec;
use crate::state::{SlicePanes, ValueTable};

const KEYS: u64 = 1_000;

type Results = Output<WindowResult<u64, u64>>;

fn lateness() -> Lateness {
    Lateness { allowed: Duration::ZERO, accumulating: true }
}

fn panes(store: &mut Store, name: &str) -> thalweg_storage::Panes {
    store.panes(TableName::new("w", name), TableConfig::default()).unwrap()
}

fn timers(store: &mut Store, name: &str) -> Timers {
    Timers::new(store.timed(TableName::new("w", name), TableConfig::default()).unwrap())
}

/// Sends a record of each key at 1 and a watermark of 100, and steps the task until it has nothing more to do. Returns what each step sent.
fn firing(make: impl FnOnce(Inbox<u64>, Results, Output<u64>) -> Box<dyn Task>) -> Vec<Vec<u64>> {
    let ((mut tx, rx), (out, mut results), (late, _late)) =
        (lane::<u64>(400), lane::<WindowResult<u64, u64>>(4_000), lane::<u64>(4));
    let mut task = make(Inbox::new(vec![rx]), output(vec![out]), output(vec![late]));
    let records: Vec<Seen<u64>> = (0..KEYS).map(|key| Seen::Record(key, at(1))).collect();
    send(&mut tx, &records);
    send(&mut tx, &[Seen::Control(Control::Watermark(at(100)))]);
    let mut steps = Vec::new();
    let mut is_passed_on = false;
    while let Some(choice) = task.choose() {
        assert!(!is_passed_on, "the watermark comes last");
        step(&mut *task, choice, 50).unwrap();
        task.flush();
        let mut keys = Vec::new();
        for seen in receive(&mut results) {
            match seen {
                Seen::Record(result, _) => keys.push(result.key),
                Seen::Control(control) => {
                    assert_eq!(control, Control::Watermark(at(100)));
                    is_passed_on = true;
                }
            }
        }
        if choice == Choice::Slice || !keys.is_empty() {
            steps.push(keys);
        }
    }
    assert!(is_passed_on);
    steps
}

fn check(steps: &[Vec<u64>], first: usize, most: usize) {
    assert!(steps[0].len() <= first, "the first slice sends {}", steps[0].len());
    let longest = steps[1..].iter().map(Vec::len).max();
    assert!(longest.is_some_and(|longest| longest <= most), "a slice sends {longest:?}");
    let mut keys: Vec<u64> = steps.concat();
    keys.sort_unstable();
    assert_eq!(keys, (0..KEYS).collect::<Vec<_>>());
}

fn selector() -> Rc<ByValue<impl Fn(&Rec<u64>) -> u64 + 'static, u64>> {
    Rc::new(ByValue::new(|key: &Rec<u64>| key.to_native()))
}

#[test]
fn a_million_keys_of_an_aligned_window_would_not_stop_the_core() {
    for slices in [Slices::sliding(10, 10, 0), Slices::sliding(80, 10, 0)] {
        let steps = firing(|inbox, on_time, late| {
            let mut store = Store::default();
            let levels = 0..=levels_above(slices.most());
            let levels =
                levels.map(|level| SlicePanes::new(panes(&mut store, &format!("{level}"))));
            let state = AlignedState {
                tree: PaneTree::new(levels.collect()),
                late_firings: SlicePanes::new(panes(&mut store, "late")),
            };
            let count = Of::<u64>::new().count();
            let operator = AlignedWindows::new(
                (slices, lateness()),
                selector(),
                state,
                (count, Plain(PhantomData)),
                (on_time, late),
            );
            Box::new(OperatorTask::new("w".into(), operator, OnePort(inbox)))
        });
        let mut steps = steps;
        // Of the eight sliding windows that have ended each shows every key.
        if slices.most() > 1 {
            assert!(steps.iter().all(|step| step.len() <= 256));
            assert_eq!(steps.concat().len(), 8 * 1_000);
            continue;
        }
        check(&steps, 256, 50);
        steps.clear();
    }
}

#[test]
fn a_window_that_ends_before_it_begins_ends_the_job() {
    use crate::prelude::*;

    /// Hours that end where they begin.
    struct Empty;

    impl WindowAssigner<u64> for Empty {
        fn assign(&mut self, _: &Rec<u64>, at: EventTime, windows: &mut Vec<TimeWindow>) {
            windows.push(TimeWindow { start: at, end: at });
        }

        fn describe(&self) -> String {
            "nothing".into()
        }
    }

    let job = |t: &mut Topology| {
        let numbers = t.source("numbers", Items::of(vec![1_u64])).without_event_time();
        let timed = numbers.assign_time("time", |_| EventTime::from_secs(1), Monotonic);
        let windowed = timed
            .key_by_value(|n| n.to_native())
            .window("hourly", Empty)
            .aggregate_with(|of| of.count());
        windowed.on_time.drop_counted();
        windowed.late.drop_counted();
        Ok(())
    };
    let error = crate::rt::Sim::new(1, 1).run(job).unwrap_err();
    assert_eq!(
        crate::error::error_chain(&error),
        "operator \"hourly\" failed: the window assigner gave a window from 1970-01-01T00:00:01Z to 1970-01-01T00:00:01Z; \
         a window ends after its start"
    );
}

#[test]
fn nor_would_those_of_windows_kept_one_by_one_nor_sessions() {
    for merges in [false, true] {
        let steps = firing(|inbox, on_time, late| {
            let mut store = Store::default();
            let table = store.table(TableName::new("w", "panes"), TableConfig::default()).unwrap();
            let (timers, clock) = (timers(&mut store, "timers"), timers(&mut store, "clock"));
            let body = Aggregated::new(Of::<u64>::new().count(), Plain(PhantomData));
            let firing = Firing::new(AtWatermark, body, lateness(), on_time);
            if merges {
                let session = Session::gap(Duration::from_nanos(5));
                let panes = Merging::new(ValueTable::new(table), timers, clock);
                let windows = Windows::new(session, panes, firing);
                let operator = WindowOperator::new(selector(), windows, late);
                Box::new(OperatorTask::new("w".into(), operator, OnePort(inbox)))
            } else {
                let tumbling = Tumbling::of(Duration::from_nanos(10));
                let panes = Separate::new(ValueTable::new(table), timers, clock);
                let windows = Windows::new(tumbling, panes, firing);
                let operator = WindowOperator::new(selector(), windows, late);
                Box::new(OperatorTask::new("w".into(), operator, OnePort(inbox)))
            }
        });
        check(&steps, 256, 50);
    }
}
