//! Tasks with an operator that takes its time: what may be done when, and in which order things leave.

mod barriers;

use std::cell::RefCell;

use super::*;
use crate::config::JobConfig;
use crate::exchange::Records;
use crate::exchange::inbox::Inbox;
use crate::exchange::lane::{Lane, LaneRx};
use crate::metrics::Metrics;
use crate::operator::output::Output;
use crate::operator::rig::{Seen, Stopped, at, lane, output, receive, send, step, watermark};
use crate::operator::{Input, Operator, Progress};
use crate::raw::page::Control;
use crate::runtime::worker::{Turn, Worker};
use crate::time::EventTime;

#[derive(Debug, PartialEq)]
enum Call {
    Record(u64),
    Watermark(EventTime),
    Slice,
    End,
}

type Calls = Rc<RefCell<Vec<Call>>>;

/// Passes records on; each watermark, and the end, takes `slices` slices more.
struct Slow {
    slices: u32,
    left: u32,
    calls: Calls,
    out: Output<u64>,
}

impl Slow {
    fn begin(&mut self, call: Call) -> Progress {
        self.calls.borrow_mut().push(call);
        self.left = self.slices;
        if self.left == 0 { Progress::Done } else { Progress::More }
    }
}

impl Operator for Slow {
    fn watermark(&mut self, at: EventTime) -> Result<Progress, OperatorFault> {
        Ok(self.begin(Call::Watermark(at)))
    }

    fn slice(&mut self, _: usize) -> Result<Progress, OperatorFault> {
        self.calls.borrow_mut().push(Call::Slice);
        self.left -= 1;
        Ok(if self.left == 0 { Progress::Done } else { Progress::More })
    }

    fn end(&mut self) -> Result<Progress, OperatorFault> {
        Ok(self.begin(Call::End))
    }

    fn outputs(&mut self, each: &mut dyn FnMut(&mut dyn AnyOutput)) {
        each(&mut self.out);
    }
}

impl Input<u64, 0> for Slow {
    fn records(&mut self, run: Records<'_, u64>) -> Result<(), OperatorFault> {
        for (record, at) in run.iter() {
            if record.to_native() == 13 {
                return Err("unlucky".into());
            }
            self.calls.borrow_mut().push(Call::Record(record.to_native()));
            self.out.record(record, at);
        }
        Ok(())
    }
}

struct Rig {
    lane: Lane<u64>,
    task: OperatorTask<Slow, OnePort<u64>>,
    rx: LaneRx<u64>,
    calls: Calls,
}

/// A slow task whose output ring has `pages` pages.
fn rig(slices: u32, pages: usize) -> Rig {
    let (lane, input) = self::lane(1_000);
    let (out, rx) = self::lane(pages);
    let calls = Calls::default();
    let slow = Slow { slices, left: 0, calls: Rc::clone(&calls), out: output(vec![out]) };
    let task = OperatorTask::new("slow".into(), slow, OnePort(Inbox::new(vec![input])));
    Rig { lane, task, rx, calls }
}

fn choices(task: &mut dyn Task) -> Vec<Choice> {
    let mut choices = Vec::new();
    task.choices(&mut choices);
    choices
}

fn record(value: u64) -> Seen<u64> {
    Seen::Record(value, at(i64::try_from(value).unwrap()))
}

fn input() -> Vec<Seen<u64>> {
    vec![
        record(1),
        watermark(10),
        record(20),
        Seen::Control(Control::Idle),
        Seen::Control(Control::Active),
        record(21),
        watermark(20),
        Seen::Control(Control::End),
    ]
}

#[test]
fn while_a_watermark_is_worked_off_nothing_is_read() {
    let Rig { mut lane, mut task, mut rx, calls } = rig(3, 10);
    send(&mut lane, &input());
    assert_eq!(choices(&mut task), [Choice::Lane(0)]);
    let done = step(&mut task, Choice::Lane(0), 100).unwrap();
    assert_eq!(done.amount, 2, "the record and the watermark; what comes after stays after");
    for left in [3, 2, 1] {
        assert_eq!(choices(&mut task), [Choice::Slice], "{left} slices are left");
        assert_eq!(task.choose(), Some(Choice::Slice));
        (&mut task as &mut dyn Task).flush();
        let sent = receive(&mut rx);
        assert!(!sent.contains(&watermark(10)), "the watermark is not ahead of what it fires");
        step(&mut task, Choice::Slice, 100).unwrap();
    }
    assert_eq!(choices(&mut task), [Choice::Lane(0)]);
    (&mut task as &mut dyn Task).flush();
    assert_eq!(receive(&mut rx), [watermark(10)]);
    let expected =
        [Call::Record(1), Call::Watermark(at(10)), Call::Slice, Call::Slice, Call::Slice];
    assert_eq!(*calls.borrow(), expected);
}

#[test]
fn what_leaves_does_not_depend_on_limits_nor_on_slices() {
    let mut expected = input();
    let end = expected.pop().unwrap();
    expected.extend([Seen::Control(Control::Watermark(EventTime::MAX)), end]);
    for slices in 0..3 {
        for limit in [1, 2, 3, 100] {
            let Rig { mut lane, mut task, mut rx, .. } = rig(slices, 10);
            send(&mut lane, &input());
            crate::operator::rig::run(&mut task, limit);
            assert_eq!(receive(&mut rx), expected, "{slices} slices, limit {limit}");
            assert!(task.is_finished());
            let counters = task.counters();
            assert_eq!((counters.records_in, counters.records_out), (3, 3));
            assert_eq!(counters.watermark_ns, i64::MAX);
        }
    }
}

#[test]
fn a_task_is_not_finished_while_something_of_it_waits() {
    let Rig { mut lane, mut task, mut rx, .. } = rig(0, 1);
    send(&mut lane, &[record(1), Seen::Control(Control::End)]);
    assert!(!task.is_finished());
    step(&mut task, Choice::Lane(0), 10).unwrap();
    assert!(!task.is_finished(), "the end lies in an open page");
    (&mut task as &mut dyn Task).flush();
    assert!(task.is_finished());
    assert_eq!(receive(&mut rx).len(), 3);
}

#[test]
fn a_lane_of_a_task_has_its_turn() {
    let (mut first, a) = lane::<u64>(10);
    let (mut second, b) = lane::<u64>(10);
    let (out, _rx) = lane(10);
    let slow = Slow { slices: 0, left: 0, calls: Calls::default(), out: output(vec![out]) };
    let mut task = OperatorTask::new("slow".into(), slow, OnePort(Inbox::new(vec![a, b])));
    for _ in 0..3 {
        send(&mut first, &[record(1)]);
        send(&mut second, &[record(2)]);
    }
    for turn in 0..6 {
        let choice = task.choose().unwrap();
        assert_eq!(choice, Choice::Lane(turn % 2));
        step(&mut task, choice, 10).unwrap();
    }
    assert_eq!(task.choose(), None);
}

#[test]
fn an_error_of_the_operator_ends_the_step() {
    let Rig { mut lane, mut task, .. } = rig(0, 10);
    send(&mut lane, &[record(1), record(13), record(2)]);
    assert_eq!(step(&mut task, Choice::Lane(0), 10).unwrap_err().to_string(), "unlucky");
}

#[test]
fn a_worker_has_no_choices_for_a_task_whose_output_waits() {
    let Rig { mut lane, task, mut rx, .. } = rig(0, 1);
    let values: Vec<_> = (100..160).map(record).collect();
    send(&mut lane, &values);
    let cells = Metrics::new(["slow".to_owned()].into_iter(), 1).worker(0);
    let config = JobConfig::default();
    let mut worker = Worker::new(0, vec![Box::new(task)], Rc::new(Stopped), &config, cells, false);
    let choices = |worker: &mut Worker| {
        let mut choices = Vec::new();
        worker.choices(&mut choices);
        choices
    };
    assert_eq!(choices(&mut worker), [(0, Choice::Lane(0))]);
    let mut received = Vec::new();
    let mut blocked = 0;
    while received.len() < values.len() {
        // Until the ring is full and nothing is left to be flushed.
        while worker.turn().unwrap() == Turn::Busy {}
        blocked += usize::from(choices(&mut worker).is_empty());
        assert!(!worker.has_pages() || received.len() == values.len());
        let page = receive(&mut rx);
        assert!(!page.is_empty(), "a worker that is dry has sent what it has");
        received.extend(page);
    }
    assert_eq!(received, values);
    assert!(blocked > 3, "a ring of one page was full again and again: {blocked}");
}
