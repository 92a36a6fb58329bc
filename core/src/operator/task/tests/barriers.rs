//! Barriers: what is frozen when, and what is read meanwhile.

use thalweg_storage::Store;

use super::*;
use crate::checkpoint::{Contribution, Freezing};
use crate::operator::task::StepContext;
use crate::time::ProcessingTime;

/// Adds numbers up, and says at each barrier what they came to; freezing takes `slices` slices more.
struct Adder {
    sum: u64,
    slices: u32,
    left: Option<u32>,
    frozen: Rc<RefCell<Vec<(u64, u64)>>>,
    out: Output<u64>,
}

impl Operator for Adder {
    fn freeze(&mut self, into: &mut Freezing<'_>) -> Result<Progress, OperatorFault> {
        let left = self.left.get_or_insert(self.slices);
        if *left > 0 {
            *left -= 1;
            return Ok(Progress::More);
        }
        self.left = None;
        self.frozen.borrow_mut().push((into.epoch(), self.sum));
        Ok(Progress::Done)
    }

    fn outputs(&mut self, each: &mut dyn FnMut(&mut dyn AnyOutput)) {
        each(&mut self.out);
    }
}

impl Input<u64, 0> for Adder {
    fn records(&mut self, run: Records<'_, u64>) -> Result<(), OperatorFault> {
        for (record, at) in run.iter() {
            self.sum += record.to_native();
            self.out.record(record, at);
        }
        Ok(())
    }
}

struct Rig {
    lanes: Vec<Lane<u64>>,
    task: OperatorTask<Adder, OnePort<u64>>,
    rx: LaneRx<u64>,
    frozen: Rc<RefCell<Vec<(u64, u64)>>>,
    contribution: RefCell<Contribution>,
}

impl Rig {
    fn new(lanes: usize, slices: u32) -> Self {
        let (lanes, inputs) = (0..lanes).map(|_| lane(1_000)).unzip();
        let (out, rx) = lane(1_000);
        let frozen = Rc::default();
        let out = output(vec![out]);
        let adder = Adder { sum: 0, slices, left: None, frozen: Rc::clone(&frozen), out };
        let task = OperatorTask::new("adder".into(), adder, OnePort(Inbox::new(inputs)));
        Self {
            lanes,
            task,
            rx,
            frozen,
            contribution: RefCell::new(Contribution::new(1, Store::default())),
        }
    }

    fn step(&mut self, choice: Choice, limit: u32) {
        let now = ProcessingTime::from_nanos(1);
        let context =
            StepContext { now_ns: 1, now, clock: &Stopped, contribution: &self.contribution };
        self.task.step(Work { choice, limit, replay: None }, context).unwrap();
    }

    fn run(&mut self, limit: u32) -> Vec<Seen<u64>> {
        while let Some(choice) = self.task.choose() {
            self.step(choice, limit);
        }
        (&mut self.task as &mut dyn Task).flush();
        receive(&mut self.rx)
    }

    fn decide(&mut self, epoch: u64) {
        self.contribution.borrow_mut().decide(epoch);
        let now = ProcessingTime::from_nanos(1);
        let context =
            StepContext { now_ns: 1, now, clock: &Stopped, contribution: &self.contribution };
        self.task.barrier(epoch, context).unwrap();
    }
}

fn barrier(epoch: u64) -> Seen<u64> {
    Seen::Control(Control::Barrier(epoch))
}

const END: Seen<u64> = Seen::Control(Control::End);

#[test]
fn what_lies_behind_a_barrier_is_read_when_the_barrier_has_come_of_all_inputs() {
    for (limit, slices) in [(1, 0), (100, 0), (1, 2), (100, 2)] {
        let mut rig = Rig::new(2, slices);
        send(&mut rig.lanes[0], &[record(1), barrier(1), record(10)]);
        send(&mut rig.lanes[1], &[record(2)]);
        assert_eq!(rig.run(limit).len(), 2, "the record behind the barrier waits");
        assert_eq!(choices(&mut rig.task), []);
        send(&mut rig.lanes[1], &[record(4), barrier(1), record(20)]);
        let sent = rig.run(limit);
        assert_eq!(sent[..2], [record(4), barrier(1)]);
        assert_eq!(sent.len(), 4);
        assert_eq!(*rig.frozen.borrow(), [(1, 7)]);
    }
}

#[test]
fn while_an_operator_freezes_nothing_is_read_and_the_barrier_has_not_left() {
    let mut rig = Rig::new(1, 3);
    send(&mut rig.lanes[0], &[record(1), barrier(1), record(2)]);
    rig.step(Choice::Lane(0), 100);
    for _ in 0..3 {
        assert_eq!(choices(&mut rig.task), [Choice::Slice]);
        assert!(rig.frozen.borrow().is_empty());
        rig.step(Choice::Slice, 100);
    }
    assert_eq!(*rig.frozen.borrow(), [(1, 1)]);
    assert_eq!(rig.run(100), [record(1), barrier(1), record(2)]);
}

#[test]
fn a_barrier_waits_for_the_firing_before_it() {
    let super::Rig { mut lane, mut task, mut rx, calls } = rig(2, 10);
    send(&mut lane, &[record(1), watermark(5), barrier(1), record(2)]);
    crate::operator::rig::run(&mut task, 100);
    assert_eq!(receive(&mut rx), [record(1), watermark(5), barrier(1), record(2)]);
    let calls = calls.borrow();
    assert_eq!(calls[..4], [Call::Record(1), Call::Watermark(at(5)), Call::Slice, Call::Slice]);
}

#[test]
fn an_input_that_ends_is_not_waited_for_and_what_its_end_means_comes_first() {
    let mut rig = Rig::new(2, 0);
    send(&mut rig.lanes[0], &[watermark(7), barrier(1)]);
    send(&mut rig.lanes[1], &[record(2), END]);
    assert_eq!(rig.run(100), [record(2), watermark(7), barrier(1)]);
    assert_eq!(*rig.frozen.borrow(), [(1, 2)]);
}

#[test]
fn a_task_that_has_ended_freezes_when_its_worker_decides_and_once_an_epoch() {
    let mut rig = Rig::new(1, 1);
    send(&mut rig.lanes[0], &[record(3), END]);
    assert_eq!(rig.run(100).len(), 3);
    assert!(rig.task.is_finished());
    for epoch in [1, 2] {
        rig.decide(epoch);
        assert!(!rig.task.is_finished(), "it freezes still");
        assert_eq!(rig.run(100), [], "nobody waits for a barrier behind the end");
        assert!(rig.task.is_finished());
        assert_eq!(rig.frozen.borrow().last(), Some(&(epoch, 3)));
        assert_eq!(rig.contribution.borrow_mut().take().unwrap().epoch, epoch);
        rig.decide(epoch);
    }
    assert_eq!(rig.frozen.borrow().len(), 2);
}

#[test]
fn a_task_that_ends_while_an_epoch_is_under_way_belongs_to_it() {
    let mut rig = Rig::new(1, 0);
    rig.decide(1);
    assert!(rig.frozen.borrow().is_empty());
    assert!(rig.contribution.borrow_mut().take().is_none());
    send(&mut rig.lanes[0], &[record(3), END]);
    rig.run(100);
    assert_eq!(*rig.frozen.borrow(), [(1, 3)]);
    let part = rig.contribution.borrow_mut().take().unwrap();
    assert_eq!((part.epoch, part.blobs.len(), part.stalls.len()), (1, 1, 1));
}

#[test]
fn a_part_is_whole_only_when_its_worker_has_decided() {
    let mut rig = Rig::new(1, 0);
    send(&mut rig.lanes[0], &[record(3), barrier(4)]);
    rig.run(100);
    assert!(rig.contribution.borrow_mut().take().is_none(), "its sources have said nothing yet");
    rig.decide(4);
    assert_eq!(rig.contribution.borrow_mut().take().unwrap().epoch, 4);
}

#[test]
fn an_epoch_that_was_given_up_while_an_operator_froze_takes_nothing() {
    let mut rig = Rig::new(1, 1);
    rig.decide(1);
    send(&mut rig.lanes[0], &[barrier(1), record(5), barrier(2)]);
    rig.step(Choice::Lane(0), 100);
    rig.decide(2);
    assert_eq!(rig.run(100), [barrier(1), record(5), barrier(2)]);
    assert_eq!(*rig.frozen.borrow(), [(1, 0), (2, 5)]);
    let part = rig.contribution.borrow_mut().take().unwrap();
    assert_eq!((part.epoch, part.blobs.len()), (2, 1));
}
