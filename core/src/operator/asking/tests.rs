//! Records, replies and the clock, step by step.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use thalweg_storage::{Store, TableConfig, TableName};

use super::*;
use crate::exchange::RecordedInput;
use crate::exchange::inbox::Inbox;
use crate::exchange::lane::{Lane, LaneRx};
use crate::operator::policy::{ONCE, Then};
use crate::operator::rig::{Seen, at, lane, output, receive, send, step_at, watermark};
use crate::operator::task::{Choice, OnePort, OperatorTask, PolledTask, Task};
use crate::state::TimedRecords;

/// Promises by number; the last one asked for.
type Promises = Rc<RefCell<BTreeMap<u64, Promise<u64>>>>;

struct Rig {
    lane: Lane<u64>,
    task: Box<dyn Task>,
    out: LaneRx<u64>,
    promises: Promises,
    now: u64,
}

fn rig(is_ordered: bool, capacity: u32, attempts: u32) -> Rig {
    let ((lane, input), (out, rx)) = (self::lane::<u64>(10), self::lane::<u64>(10));
    let promises = Promises::default();
    let asked = Rc::clone(&promises);
    let call = move |n: &Rec<u64>| {
        let (promise, reply) = promise();
        asked.borrow_mut().insert(n.to_native(), promise);
        reply
    };
    let mut store = Store::default();
    let records = store.table(TableName::new("op", "asked"), TableConfig::default()).unwrap();
    let delays = Delays { first: Duration::from_nanos(50), most: Duration::from_nanos(50) };
    let terms = Terms { timeout: Duration::from_nanos(1_000), attempts, delays: Some(delays) };
    let wakes = Wakes::new(capacity, None);
    let operator = Ask::new(
        (call, terms, Guard::new(ONCE, Then::Skip)),
        InFlight::new(TimedRecords::new(records), (0, 1)),
        (Slots::new(capacity, wakes), Order::new(is_ordered), Replies::new(true)),
        output(vec![out]),
    );
    let task = OperatorTask::new("op".into(), operator, OnePort(Inbox::new(vec![input])));
    let task = Box::new(PolledTask::new(task, 0));
    Rig { lane, task, out: rx, promises, now: 100 }
}

impl Rig {
    /// Everything that follows from these elements, and from replies that are there.
    fn read(&mut self, elements: &[Seen<u64>]) -> Vec<Seen<u64>> {
        send(&mut self.lane, elements);
        self.go_on()
    }

    fn go_on(&mut self) -> Vec<Seen<u64>> {
        while let Some(choice) = self.task.choose() {
            step_at(&mut *self.task, choice, 100, self.now).unwrap();
        }
        self.task.flush();
        receive(&mut self.out)
    }

    fn reply(&mut self, n: u64) -> Vec<Seen<u64>> {
        self.promises.borrow_mut().remove(&n).expect("it was asked about").keep(n);
        self.go_on()
    }

    fn fail(&mut self, n: u64) -> Vec<Seen<u64>> {
        self.promises.borrow_mut().remove(&n).expect("it was asked about").fail("no");
        self.go_on()
    }

    /// Everything that the clock brings about.
    fn alarm(&mut self, now: u64) -> Vec<Seen<u64>> {
        self.now = now;
        step_at(&mut *self.task, Choice::Alarm, 100, now).unwrap();
        self.go_on()
    }

    fn asked(&self) -> Vec<u64> {
        self.promises.borrow().keys().copied().collect()
    }
}

fn record(n: u64) -> Seen<u64> {
    Seen::Record(n, at(i64::try_from(n).unwrap()))
}

#[test]
fn a_watermark_waits_for_the_records_before_it_and_order_is_kept_if_it_was_asked_for() {
    for is_ordered in [true, false] {
        let mut rig = rig(is_ordered, 10, 1);
        assert_eq!(rig.read(&[watermark(1), record(2), record(3), watermark(3)]), [watermark(1)]);
        assert_eq!(rig.read(&[record(4), Seen::Control(Control::Idle)]), []);
        assert_eq!(rig.reply(4), []);
        let early = rig.reply(3);
        assert_eq!(early, if is_ordered { vec![] } else { vec![record(3)] });
        let mut rest = vec![record(2), record(3), watermark(3), record(4)];
        rest.push(Seen::Control(Control::Idle));
        rest.retain(|element| is_ordered || *element != record(3));
        assert_eq!(rig.reply(2), rest);
    }
}

#[test]
fn while_no_slot_is_free_nothing_is_read_and_there_is_nothing_to_do() {
    let mut rig = rig(true, 2, 1);
    assert_eq!(rig.read(&[record(1), record(2), record(3), record(4)]), []);
    assert_eq!((rig.asked(), rig.task.choose()), (vec![1, 2], None));
    // The second is done, but its place is before the first's result.
    assert_eq!(rig.reply(2), []);
    assert_eq!(rig.asked(), [1]);
    assert_eq!(rig.reply(1), [record(1), record(2)]);
    assert_eq!(rig.asked(), [3, 4]);
    assert_eq!(rig.read(&[Seen::Control(Control::End)]), []);
    assert_eq!(rig.reply(3), [record(3)]);
    assert!(!rig.task.is_finished());
    let end = [Control::Watermark(EventTime::MAX), Control::End].map(Seen::Control);
    assert_eq!(rig.reply(4), [record(4)].into_iter().chain(end).collect::<Vec<_>>());
    assert!(rig.task.is_finished());
}

#[test]
fn attempts_are_apart_and_a_reply_that_does_not_come_is_a_failure_also_at_the_end() {
    let mut rig = rig(false, 4, 2);
    assert_eq!(rig.read(&[record(1), record(2), Seen::Control(Control::End)]), []);
    assert_eq!(rig.fail(1), []);
    assert_eq!((rig.asked(), rig.task.alarm()), (vec![2], Some(ProcessingTime::from_nanos(150))));
    assert_eq!(rig.alarm(150), []);
    assert_eq!(rig.asked(), [1, 2]);
    assert_eq!(rig.reply(1), [record(1)]);
    assert_eq!(rig.task.alarm(), Some(ProcessingTime::from_nanos(1_100)));
    // Too late, and once more; nobody listens to the first promise any more.
    let first = rig.promises.borrow_mut().remove(&2).unwrap();
    assert_eq!(rig.alarm(1_100), []);
    assert!(first.is_given_up());
    assert_eq!(rig.alarm(1_150), []);
    assert_eq!(rig.task.alarm(), Some(ProcessingTime::from_nanos(2_150)));
    let end = [Control::Watermark(EventTime::MAX), Control::End].map(Seen::Control);
    assert_eq!(rig.alarm(2_150), end);
    assert!(rig.task.is_finished());
    let counters = rig.task.counters();
    assert_eq!((counters.retried, counters.skipped, counters.records_out), (2, 1, 1));
}

#[test]
fn what_was_told_is_told_again_to_a_replay_which_asks_nobody() {
    let mut original = rig(true, 4, 1);
    original.read(&[record(1), record(2), record(3)]);
    original.fail(2);
    original.reply(3);
    original.reply(1);
    let recorded: Vec<RecordedInput> = original.task.take_recorded();
    assert_eq!(recorded.iter().map(RecordedInput::elements).collect::<Vec<_>>(), [3]);
    let mut replay = rig(true, 4, 1);
    replay.task.replay_inputs(&recorded);
    assert_eq!(replay.read(&[record(1), record(2), record(3)]), []);
    assert!(replay.asked().is_empty());
    step_at(&mut *replay.task, Choice::Poll(0), 2, 100).unwrap();
    assert_eq!(replay.go_on(), []);
    step_at(&mut *replay.task, Choice::Poll(0), 1, 100).unwrap();
    assert_eq!(replay.go_on(), [record(1), record(3)]);
    assert!(replay.task.counters().skipped == 1);
}

#[test]
fn what_a_sweep_leaves_is_found_by_the_next() {
    let wakes = Wakes::new(200, None);
    let slots =
        Slots::<std::future::Ready<Result<u64, OperatorFault>>, u64>::new(200, Arc::clone(&wakes));
    for slot in [3, 64, 130, 199] {
        wakes.set(slot);
    }
    let mut found = Vec::new();
    for _ in 0..4 {
        assert!(slots.has_woken());
        let mut sweep = slots.sweep();
        found.extend(slots.next_woken(&mut sweep));
        slots.end_sweep(sweep);
    }
    assert_eq!((found, slots.has_woken()), (vec![3, 64, 130, 199], false));
}
