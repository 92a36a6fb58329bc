//! For tests of operators: lanes to feed a task, and lanes to read what it sends.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::mpsc;

use super::chain::Direct;
use super::output::{Outlets, Output};
use super::task::{Choice, Done, StepContext, Task, Work};
use crate::error::OperatorFault;
use crate::exchange::lane::{Lane, LaneRx};
use crate::exchange::partition::Forward;
use crate::operator::outlet::ChainOutlet;
use crate::raw::page::{Control, Element, page_ring};
use crate::record::{KeyHash, Record};
use crate::time::{Clock, EventTime, ProcessingTime};

/// An element that a task has sent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Seen<T> {
    Record(T, EventTime),
    Control(Control),
}

pub(crate) fn at(nanos: i64) -> EventTime {
    EventTime::from_nanos(nanos)
}

pub(crate) fn watermark<T>(nanos: i64) -> Seen<T> {
    Seen::Control(Control::Watermark(at(nanos)))
}

/// Both ends of a lane over a ring of `pages` small pages.
pub(crate) fn lane<T: Record>(pages: usize) -> (Lane<T>, LaneRx<T>) {
    let (tx, rx) = page_ring(pages, 256);
    let (large, large_rx) = mpsc::channel();
    (Lane::new(tx, large, None, 256), LaneRx { pages: rx, large: large_rx, sender: None })
}

/// An output into `lanes`, each of which gets everything.
pub(crate) fn output<T: Record>(lanes: Vec<Lane<T>>) -> Output<T> {
    let outlets: Outlets<T> = Rc::new(RefCell::new(Vec::new()));
    for lane in lanes {
        let outlet = ChainOutlet::new(Direct::default(), Forward, vec![lane]);
        outlets.borrow_mut().push(Box::new(outlet));
    }
    Output::new(256, outlets)
}

/// Sends elements, each record with hash 0.
pub(crate) fn send<T: Record>(lane: &mut Lane<T>, elements: &[Seen<T>]) {
    for element in elements {
        match element {
            Seen::Record(value, at) => lane.push_value(value, *at, KeyHash(0)),
            Seen::Control(control) => lane.push_control(*control),
        }
    }
    lane.flush();
}

/// Everything that has arrived.
pub(crate) fn receive<T: Record>(rx: &mut LaneRx<T>) -> Vec<Seen<T>> {
    let mut seen = Vec::new();
    while let Some(page) = rx.pages.front() {
        for index in 0..page.len() {
            seen.push(match page.element(index) {
                Element::Record(record, at, _) => Seen::Record(record.to_value(), at),
                Element::Large(at, _) => {
                    let large = rx.large.try_recv().expect("sent before its mark");
                    Seen::Record(large.view().record(0).to_value(), at)
                }
                Element::Control(control) => Seen::Control(control),
            });
        }
        rx.release();
    }
    seen
}

/// A clock that stands.
pub(crate) struct Stopped;

impl Clock for Stopped {
    fn now_ns(&self) -> u64 {
        1
    }
}

/// One step of a task.
pub(crate) fn step(task: &mut dyn Task, choice: Choice, limit: u32) -> Result<Done, OperatorFault> {
    step_at(task, choice, limit, 1)
}

/// One step of a task, `now_ns` after the epoch.
pub(crate) fn step_at(
    task: &mut dyn Task,
    choice: Choice,
    limit: u32,
    now_ns: u64,
) -> Result<Done, OperatorFault> {
    let now = ProcessingTime::from_nanos(i64::try_from(now_ns).unwrap());
    let contribution = RefCell::default();
    let context = StepContext { now_ns, now, clock: &Stopped, contribution: &contribution };
    task.step(Work { choice, limit, replay: None }, context)
}

/// The worker decides a barrier that takes no state.
pub(crate) fn barrier(task: &mut dyn Task, epoch: u64) -> Result<(), OperatorFault> {
    let contribution = RefCell::default();
    let now = ProcessingTime::from_nanos(1);
    let context = StepContext { now_ns: 1, now, clock: &Stopped, contribution: &contribution };
    task.barrier(epoch, context)
}

/// Steps a task, each time with `limit`, until it has nothing more to do; its pages are flushed.
pub(crate) fn run(task: &mut dyn Task, limit: u32) {
    while let Some(choice) = task.choose() {
        step(task, choice, limit).expect("the step succeeds");
        assert!(task.drain(), "the test's rings are wide enough");
    }
    task.flush();
}
