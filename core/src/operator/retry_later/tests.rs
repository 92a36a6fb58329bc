//! Attempts and event time, step by step.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use thalweg_storage::{Store, TableConfig, TableName};

use super::*;
use crate::exchange::inbox::Inbox;
use crate::exchange::lane::{Lane, LaneRx};
use crate::operator::TryMap;
use crate::operator::policy::{ONCE, Then};
use crate::operator::rig::{Seen, at, lane, output, receive, send, step_at, watermark};
use crate::operator::task::{Choice, OnePort, OperatorTask, Task};
use crate::raw::view::Rec;

/// How often a record still fails.
type Failures = Rc<RefCell<BTreeMap<u64, u32>>>;

struct Rig {
    lane: Lane<u64>,
    task: Box<dyn Task>,
    out: LaneRx<u64>,
    failures: Failures,
}

fn rig(attempts: u32, delays: Delays) -> Rig {
    rig_with_room(usize::MAX, attempts, delays)
}

fn rig_with_room(room: usize, attempts: u32, delays: Delays) -> Rig {
    let ((lane, input), (out, rx)) = (self::lane::<u64>(10), self::lane::<u64>(10));
    let failures = Failures::default();
    let left = Rc::clone(&failures);
    let call = move |n: &Rec<u64>| match left.borrow_mut().get_mut(&n.to_native()) {
        Some(left) if *left > 0 => {
            *left -= 1;
            Err("not yet".into())
        }
        _ => Ok(n.to_native()),
    };
    let mut store = Store::default();
    let records = store.table(TableName::new("op", "parked"), TableConfig::default()).unwrap();
    let due = store.timed(TableName::new("op", "parked.due"), TableConfig::default()).unwrap();
    let operator = RetryLater::new(
        (TryMap::new(call), attempts, delays),
        Guard::new(ONCE, Then::Skip),
        (TimedLists::new(records), due),
        ((0, 1), room),
        output(vec![out]),
    );
    let task = OperatorTask::new("op".into(), operator, OnePort(Inbox::new(vec![input])));
    Rig { lane, task: Box::new(task), out: rx, failures }
}

impl Rig {
    /// Everything that follows from these elements when the clock is at `now`.
    fn read(&mut self, elements: &[Seen<u64>], now: u64) -> Vec<Seen<u64>> {
        send(&mut self.lane, elements);
        while let Some(choice) = self.task.choose() {
            step_at(&mut *self.task, choice, 100, now).unwrap();
        }
        self.task.flush();
        receive(&mut self.out)
    }

    /// Everything that the clock brings about.
    fn alarm(&mut self, now: u64) -> Vec<Seen<u64>> {
        step_at(&mut *self.task, Choice::Alarm, 100, now).unwrap();
        self.task.flush();
        receive(&mut self.out)
    }
}

fn record(n: u64) -> Seen<u64> {
    Seen::Record(n, at(i64::try_from(n).unwrap()))
}

fn nanos(first: u64, most: u64) -> Delays {
    Delays { first: Duration::from_nanos(first), most: Duration::from_nanos(most) }
}

#[test]
fn delays_double_up_to_the_most() {
    let delays = Delays { first: Duration::from_millis(100), most: Duration::from_secs(1) };
    let millis = |attempts| delays.after(attempts).as_millis();
    let expected = [100, 200, 400, 800, 1_000, 1_000, 1_000];
    assert_eq!([1, 2, 3, 4, 5, 40, 4_000_000_000].map(millis), expected);
}

#[test]
fn event_time_waits_for_what_is_parked_and_other_records_go_on() {
    let mut rig = rig(5, nanos(100, 400));
    rig.failures.borrow_mut().extend([(11, 2), (21, 1)]);
    let seen = rig.read(&[watermark(10), record(11), record(12)], 1_000);
    assert_eq!(seen, [watermark(10), record(12)]);
    let alarm = rig.task.alarm();
    assert!(alarm.is_some_and(|at| at <= ProcessingTime::from_nanos(1_100)), "{alarm:?}");
    // 11 came when event time was 10, 21 when it was 20.
    assert_eq!(rig.read(&[watermark(20), record(21), record(22)], 1_050), [record(22)]);
    assert_eq!(rig.read(&[watermark(30)], 1_050), []);
    assert_eq!(rig.alarm(1_099), []);
    // 21 is due later, and done sooner.
    assert_eq!(rig.alarm(1_100), []);
    assert_eq!(rig.alarm(1_150), [record(21)]);
    assert_eq!(rig.alarm(1_299), []);
    assert_eq!(rig.alarm(1_300), [record(11), watermark(30)]);
    assert_eq!((rig.task.alarm(), rig.task.counters().retried), (None, 3));
    assert_eq!(rig.read(&[watermark(40)], 1_300), [watermark(40)]);
}

#[test]
fn nothing_is_read_while_there_is_no_room() {
    let mut rig = rig_with_room(2, 9, nanos(100, 100));
    rig.failures.borrow_mut().extend([(1, 1), (2, 1), (3, 1), (4, 1)]);
    let elements = [record(1), watermark(1), record(2), record(3), watermark(3), record(4)];
    // The run of 2 and 3 is parked whole; what comes behind it waits, the clock is still heeded.
    assert_eq!(rig.read(&elements, 0), []);
    assert_eq!(rig.task.choose(), None);
    assert_eq!(rig.task.counters().records_in, 3);
    assert!(rig.task.alarm().is_some());
    assert_eq!(rig.alarm(100), [record(1), record(2), record(3), watermark(1)]);
    // There is room again.
    assert_eq!(rig.read(&[], 100), [watermark(3)]);
    assert_eq!(rig.alarm(200), [record(4)]);
}

#[test]
fn what_is_parked_first_lets_event_time_go_as_far_as_the_next() {
    let mut rig = rig(9, nanos(10, 10));
    rig.failures.borrow_mut().extend([(1, 1), (2, 9), (3, 9)]);
    let elements = [watermark(1), record(1), watermark(2), record(2), record(3), watermark(3)];
    assert_eq!(rig.read(&elements, 0), [watermark(1)]);
    assert_eq!(rig.alarm(10), [record(1), watermark(2)]);
    rig.failures.borrow_mut().remove(&2);
    assert_eq!(rig.alarm(20), [record(2)]);
    rig.failures.borrow_mut().remove(&3);
    assert_eq!(rig.alarm(30), [record(3), watermark(3)]);
}

#[test]
fn a_record_whose_attempts_are_used_up_holds_nothing_back() {
    let mut rig = rig(3, nanos(10, 10));
    rig.failures.borrow_mut().insert(5, 100);
    assert_eq!(rig.read(&[record(5), watermark(9)], 0), []);
    assert_eq!(rig.alarm(10), []);
    assert_eq!(rig.alarm(20), [watermark(9)]);
    let counters = rig.task.counters();
    assert_eq!((counters.skipped, counters.retried, rig.failures.borrow()[&5]), (1, 2, 97));
}

#[test]
fn at_the_end_of_event_time_nothing_waits_and_when_the_job_is_stopped_nothing_is_tried() {
    let end = [Seen::Control(Control::Watermark(EventTime::MAX)), Seen::Control(Control::End)];
    let mut rig = rig(3, nanos(10, 10));
    rig.failures.borrow_mut().extend([(5, 1), (6, 2), (7, 3)]);
    assert_eq!(rig.read(&[record(5), record(6), record(7), watermark(9)], 0), []);
    let expected = [&[record(5), record(6)], &end[..]].concat();
    assert_eq!(rig.read(&end, 1), expected);
    assert!(rig.task.is_finished());
    assert_eq!((rig.task.counters().skipped, rig.task.counters().retried), (1, 5));

    let mut stopped = self::rig(3, nanos(10, 10));
    stopped.failures.borrow_mut().insert(5, 1);
    let halt = Seen::Control(Control::Halt);
    assert_eq!(stopped.read(&[record(5), watermark(9), halt.clone()], 0), [halt]);
    assert_eq!(stopped.failures.borrow()[&5], 0);
}
