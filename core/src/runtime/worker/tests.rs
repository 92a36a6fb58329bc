//! The clock as an input: alarms are choices of their own, due by the decided time alone, recorded and replayed.

use std::cell::RefCell;

use super::*;
use crate::config::JobConfig;
use crate::error::OperatorFault;
use crate::exchange::Records;
use crate::exchange::inbox::Inbox;
use crate::exchange::lane::{Lane, LaneRx};
use crate::metrics::Metrics;
use crate::operator::output::{AnyOutput, Output};
use crate::operator::rig::{Seen, Stopped, at, lane, output, receive, send, watermark};
use crate::operator::task::{OnePort, OperatorTask};
use crate::operator::{Input, Operator, Progress};
use crate::raw::page::Control;
use crate::time::EventTime;

/// When the wall clock of these tests began.
const ORIGIN: i64 = 1_000_000;

/// Sets an alarm at each record's value after the origin, and emits it when it goes off; a watermark takes one slice more.
struct Alarms {
    now: ProcessingTime,
    set: Vec<u64>,
    out: Output<u64>,
    seen: Rc<RefCell<Vec<ProcessingTime>>>,
}

impl Operator for Alarms {
    fn clock(&mut self, now: ProcessingTime) {
        self.now = now;
        self.seen.borrow_mut().push(now);
    }

    fn alarm(&self) -> Option<ProcessingTime> {
        self.set.iter().min().map(|&at| time(at))
    }

    fn on_alarm(&mut self, limit: usize) -> Result<(), OperatorFault> {
        self.set.sort_unstable();
        for _ in 0..limit {
            if self.set.first().is_none_or(|&at| time(at) > self.now) {
                break;
            }
            let due = self.set.remove(0);
            self.out.value(&due, EventTime::from_nanos(self.now.as_nanos()));
        }
        Ok(())
    }

    fn watermark(&mut self, _: EventTime) -> Result<Progress, OperatorFault> {
        Ok(Progress::More)
    }

    fn outputs(&mut self, each: &mut dyn FnMut(&mut dyn AnyOutput)) {
        each(&mut self.out);
    }
}

impl Input<u64, 0> for Alarms {
    fn records(&mut self, run: Records<'_, u64>) -> Result<(), OperatorFault> {
        self.set.extend(run.iter().map(|(record, _)| record.to_native()));
        Ok(())
    }
}

fn time(after_origin: u64) -> ProcessingTime {
    ProcessingTime::from_nanos(ORIGIN + i64::try_from(after_origin).unwrap())
}

struct Rig {
    lane: Lane<u64>,
    worker: Worker,
    rx: LaneRx<u64>,
    seen: Rc<RefCell<Vec<ProcessingTime>>>,
}

fn rig() -> Rig {
    let (lane, input) = lane(100);
    let (out, rx) = self::lane(100);
    let seen = Rc::default();
    let (now, set, out) = (ProcessingTime::MIN, Vec::new(), output(vec![out]));
    let operator = Alarms { now, set, out, seen: Rc::clone(&seen) };
    let task = OperatorTask::new("alarms".into(), operator, OnePort(Inbox::new(vec![input])));
    let cells = Metrics::new(["alarms".to_owned()].into_iter(), 1).worker(0);
    let config = JobConfig { slice_records: 2, ..JobConfig::default() };
    let worker = Worker::new(0, vec![Box::new(task)], Rc::new(Stopped), &config, cells, true);
    Rig { lane, worker, rx, seen }
}

fn records(values: &[u64]) -> Vec<Seen<u64>> {
    values.iter().map(|&value| Seen::Record(value, at(0))).collect()
}

fn turn_until_dry(worker: &mut Worker) {
    while worker.turn().unwrap() == Turn::Busy {}
}

fn choices(worker: &mut Worker) -> Vec<Choice> {
    let mut choices = Vec::new();
    worker.choices(&mut choices);
    choices.into_iter().map(|(_, choice)| choice).collect()
}

#[test]
fn an_alarm_goes_off_when_the_decided_clock_reaches_it() {
    let Rig { mut lane, mut worker, mut rx, seen } = rig();
    worker.step(Decision::ClockOrigin(ORIGIN)).unwrap();
    worker.step(Decision::Clock(5)).unwrap();
    assert_eq!(worker.next_alarm_ns(), None);
    send(&mut lane, &records(&[30, 10, 20]));
    turn_until_dry(&mut worker);
    assert_eq!(worker.next_alarm_ns(), Some(10));
    assert_eq!(seen.borrow().last(), Some(&time(5)), "a step sees the time of day");
    assert!(choices(&mut worker).is_empty() && !worker.has_pages());
    worker.step(Decision::Clock(10)).unwrap();
    assert!(choices(&mut worker) == [Choice::Alarm] && worker.has_pages());
    turn_until_dry(&mut worker);
    assert_eq!(worker.next_alarm_ns(), Some(20));
    worker.step(Decision::Clock(100)).unwrap();
    turn_until_dry(&mut worker);
    assert_eq!(worker.next_alarm_ns(), None);
    let gone = [(10, 10), (20, 100), (30, 100)];
    let gone = gone.map(|(due, now)| Seen::Record(due, at(ORIGIN + now)));
    assert_eq!(receive(&mut rx), gone);
}

#[test]
fn a_worker_that_had_nothing_to_do_sends_on_what_comes_next_in_the_turn_that_makes_it() {
    let Rig { mut lane, mut worker, mut rx, .. } = rig();
    worker.step(Decision::ClockOrigin(ORIGIN)).unwrap();
    worker.step(Decision::Clock(50)).unwrap();
    for due in 1..=3 {
        turn_until_dry(&mut worker);
        assert_eq!(worker.turn().unwrap(), Turn::Dry);
        send(&mut lane, &records(&[due]));
        assert_eq!(worker.turn().unwrap(), Turn::Busy, "the record is read");
        assert_eq!(worker.turn().unwrap(), Turn::Busy, "its alarm goes off");
        assert_eq!(receive(&mut rx), [Seen::Record(due, at(ORIGIN + 50))]);
    }
}

#[test]
fn many_alarms_at_once_go_off_in_slices_between_which_pages_are_read() {
    let Rig { mut lane, mut worker, mut rx, .. } = rig();
    worker.step(Decision::ClockOrigin(ORIGIN)).unwrap();
    send(&mut lane, &records(&[1, 2, 3, 4, 5]));
    turn_until_dry(&mut worker);
    worker.step(Decision::Clock(50)).unwrap();
    send(&mut lane, &records(&[40]));
    assert_eq!(choices(&mut worker), [Choice::Lane(0), Choice::Alarm]);
    worker.turn().unwrap();
    assert_eq!(worker.next_alarm_ns(), Some(3), "one slice of two");
    assert_eq!(choices(&mut worker), [Choice::Alarm], "and the page was read in the same turn");
    turn_until_dry(&mut worker);
    let gone = [1, 2, 3, 4, 5, 40].map(|due| Seen::Record(due, at(ORIGIN + 50)));
    assert_eq!(receive(&mut rx), gone);
}

#[test]
fn no_alarm_goes_off_while_a_watermark_is_worked_off_nor_after_the_end() {
    let Rig { mut lane, mut worker, .. } = rig();
    worker.step(Decision::ClockOrigin(ORIGIN)).unwrap();
    send(&mut lane, &records(&[1]));
    send(&mut lane, &[watermark(7)]);
    worker.step(Decision::Clock(9)).unwrap();
    for _ in 0..2 {
        worker.step(Decision::Lane { task: 0, lane: 0, elements: 1 }).unwrap();
    }
    assert_eq!((choices(&mut worker), worker.next_alarm_ns()), (vec![Choice::Slice], None));
    worker.step(Decision::Slice { task: 0, results: 1 }).unwrap();
    assert_eq!(worker.next_alarm_ns(), Some(1));
    send(&mut lane, &records(&[1_000]));
    send(&mut lane, &[Seen::Control(Control::End)]);
    turn_until_dry(&mut worker);
    assert_eq!(worker.turn().unwrap(), Turn::Finished);
    assert_eq!(worker.next_alarm_ns(), None, "what was still to come does not come");
}

#[test]
fn a_replay_of_the_decisions_gives_the_same_alarms() {
    let run = |decisions: Option<Vec<Decision>>| {
        let Rig { mut lane, mut worker, mut rx, seen } = rig();
        send(&mut lane, &records(&[1, 2, 3, 70]));
        match decisions {
            Some(decisions) => {
                for decision in decisions {
                    worker.replay(decision).unwrap();
                }
            }
            None => {
                worker.step(Decision::ClockOrigin(ORIGIN)).unwrap();
                for now_ns in [1, 2, 60, 80] {
                    worker.step(Decision::Clock(now_ns)).unwrap();
                    turn_until_dry(&mut worker);
                }
            }
        }
        let sent = receive(&mut rx);
        assert_eq!(sent.len(), 4);
        (sent, seen.take(), worker.into_parts().journal)
    };
    let (sent, seen, journal) = run(None);
    assert!(journal.contains(&Decision::Alarm { task: 0, results: 2 }));
    let (sent_again, seen_again, _) = run(Some(journal));
    assert_eq!((sent_again, seen_again), (sent, seen));
}

#[test]
fn a_panic_says_what_it_was_given_if_that_is_text() {
    assert_eq!(panic_message(&"in words"), "in words");
    assert_eq!(panic_message(&String::from("in a string")), "in a string");
    assert_eq!(panic_message(&17), "a panic without a message");
}
