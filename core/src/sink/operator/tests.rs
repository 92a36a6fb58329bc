//! When a writer is asked what, in a job that takes checkpoints.

mod asides;
mod questions;

use std::cell::RefCell;
use std::rc::Rc;

use super::*;
use crate::checkpoint::Contribution;
use crate::sink::Writers;
use crate::testing::World;

/// Notes what it is asked; what takes time is done at the third question.
#[derive(Clone)]
struct Slow {
    delivery: Delivery,
    calls: Rc<RefCell<Vec<String>>>,
    questions: u32,
}

impl Slow {
    fn new(delivery: Delivery) -> Self {
        Self { delivery, calls: Rc::default(), questions: 0 }
    }

    fn ask(&mut self, what: &str) -> bool {
        self.calls.borrow_mut().push(what.to_owned());
        self.questions += 1;
        self.questions.is_multiple_of(3)
    }

    fn calls(&self) -> Vec<String> {
        self.calls.take()
    }
}

impl Sink<u64> for Slow {
    type Writer = Self;

    fn writers(&self) -> Writers {
        Writers::PerWorker
    }

    fn open(&self, _: &OpenContext) -> Result<Self, OperatorFault> {
        Ok(self.clone())
    }

    fn delivery(&self) -> Delivery {
        self.delivery
    }
}

impl SinkWriter<u64> for Slow {
    fn write(&mut self, _: Records<'_, u64>) -> Result<(), OperatorFault> {
        Ok(())
    }

    fn poll_prepare(&mut self, epoch: u64) -> Result<Option<Prepared>, OperatorFault> {
        Ok(self.ask(&format!("prepare {epoch}")).then(|| Prepared::of(&epoch)))
    }

    fn commit(&mut self, epoch: u64) -> Result<(), OperatorFault> {
        self.calls.borrow_mut().push(format!("commit {epoch}"));
        Ok(())
    }

    fn poll_close(&mut self) -> Result<bool, OperatorFault> {
        if self.delivery == Delivery::ExactlyOnce && self.questions > 10 {
            return Err("no room".into());
        }
        Ok(self.ask("close"))
    }
}

fn operator(sink: &Slow) -> SinkOperator<u64, Slow> {
    let world = World::new(crate::rt::MemoryFiles::default(), crate::rt::MemoryStreams::default());
    let context = OpenContext { checkpoints: true, ..world.context(0, 1) };
    SinkOperator::new(sink.clone(), context, false, None)
}

fn freeze(operator: &mut SinkOperator<u64, Slow>, epoch: u64) -> Progress {
    let mut contribution = Contribution::default();
    operator.freeze(&mut contribution.freezing(epoch, "slow")).unwrap()
}

/// Freezes as a task does: again when the output is free.
fn freeze_whole(operator: &mut SinkOperator<u64, Slow>, epoch: u64) {
    for _ in 0..10 {
        if freeze(operator, epoch) == Progress::Done {
            return;
        }
        while !operator.outside.drain() {}
    }
    panic!("it never freezes");
}

#[test]
fn a_writer_that_prepares_holds_its_task_until_it_has() {
    let sink = Slow::new(Delivery::AtLeastOnce);
    let mut operator = operator(&sink);
    assert_eq!(freeze(&mut operator, 4), Progress::More);
    assert!(operator.outside.is_blocked() && operator.outside.waits_outside());
    assert!(!operator.outside.drain());
    // Asked by the drain, and kept until the task asks.
    assert!(operator.outside.drain());
    assert!(!operator.outside.is_blocked());
    assert!(operator.outside.drain());
    assert_eq!(freeze(&mut operator, 4), Progress::Done);
    assert_eq!(sink.calls(), ["prepare 4", "prepare 4", "prepare 4"]);
}

#[test]
fn exactly_once_is_closed_by_the_commit_of_its_last_records() {
    let sink = Slow::new(Delivery::ExactlyOnce);
    let mut operator = operator(&sink);
    freeze_whole(&mut operator, 1);
    assert_eq!(operator.end().unwrap(), Progress::Done);
    operator.commit(1).unwrap();
    // The epoch is given up: the next one has the end.
    freeze_whole(&mut operator, 2);
    freeze_whole(&mut operator, 3);
    operator.commit(2).unwrap();
    assert!(!operator.outside.is_blocked());
    sink.calls();
    operator.commit(3).unwrap();
    assert!(operator.outside.is_blocked() && operator.outside.waits_outside());
    assert!(!operator.outside.drain());
    // An error that nobody asked for waits for the worker's last question.
    assert!(operator.outside.drain());
    let error = operator.outside.end_step().unwrap_err();
    assert_eq!(error.to_string(), "no room");
    assert_eq!(sink.calls(), ["commit 3", "close", "close"]);
}

#[test]
fn what_a_closed_writer_had_prepared_last_is_in_later_checkpoints_too() {
    let sink = Slow::new(Delivery::ExactlyOnce);
    let mut operator = operator(&sink);
    operator.end().unwrap();
    freeze_whole(&mut operator, 5);
    operator.commit(5).unwrap();
    while !operator.outside.drain() {}
    assert!(operator.outside.state == State::Closed);
    sink.calls();
    for epoch in 6..8 {
        assert_eq!(operator.prepare(epoch).unwrap(), Some(Prepared::of(&5)));
    }
    assert!(sink.calls().is_empty());
}

#[test]
fn at_least_once_is_closed_by_the_end_and_has_nothing_to_prepare_then() {
    let sink = Slow::new(Delivery::AtLeastOnce);
    let mut operator = operator(&sink);
    assert_eq!(operator.end().unwrap(), Progress::More);
    // A barrier while it closes.
    freeze_whole(&mut operator, 1);
    operator.commit(1).unwrap();
    freeze_whole(&mut operator, 2);
    assert_eq!(sink.calls(), ["close", "close", "close"]);
}

#[test]
fn where_no_record_comes_nothing_is_opened() {
    let sink = Slow::new(Delivery::ExactlyOnce);
    let mut operator = SinkOperator { idle: true, ..operator(&sink) };
    assert_eq!(freeze(&mut operator, 1), Progress::Done);
    assert_eq!(operator.end().unwrap(), Progress::Done);
    operator.commit(1).unwrap();
    assert!(operator.outside.writer.is_none() && sink.calls().is_empty());
}
