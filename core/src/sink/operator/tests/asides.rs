//! What becomes of records for which a writer has no room while a barrier is on its way.

use super::questions::Script;
use super::*;
use crate::checkpoint::Restored;
use crate::exchange::inbox::Inbox;
use crate::exchange::lane::Lane;
use crate::operator::rig::{Seen, at, lane, send, step};
use crate::operator::task::{OnePort, OperatorTask, Task};
use crate::raw::page::Control;
use crate::state::TimedLists;
use thalweg_storage::{Store, TableConfig, TableName};

struct Rig {
    script: Script,
    lane: Lane<u64>,
    task: Box<dyn Task>,
}

/// A sink whose writer takes nothing.
fn rig() -> Rig {
    let script = Script::default();
    script.refuse(true);
    let (lane, input) = self::lane::<u64>(10);
    let world = World::new(crate::rt::MemoryFiles::default(), crate::rt::MemoryStreams::default());
    let context = OpenContext { checkpoints: true, ..world.context(0, 1) };
    let mut store = Store::default();
    let table = store.table(TableName::new("sink", "aside"), TableConfig::default()).unwrap();
    let in_flight = InFlight::new(TimedLists::new(table), (0, 1));
    let operator = SinkOperator::new(script.clone(), context, false, Some(in_flight));
    let ports = OnePort(Inbox::new(vec![input]));
    let mut task: Box<dyn Task> = Box::new(OperatorTask::new("sink".into(), operator, ports));
    task.resume(&Restored::default()).unwrap();
    Rig { script, lane, task }
}

impl Rig {
    /// Sends numbers, and a barrier if there is to be one.
    fn send(&mut self, numbers: std::ops::Range<u64>, barrier: Option<u64>) {
        let mut elements: Vec<_> = numbers.map(|n| Seen::Record(n, at(1))).collect();
        elements.extend(barrier.map(|epoch| Seen::Control(Control::Barrier(epoch))));
        send(&mut self.lane, &elements);
    }

    /// As a worker does: while the task is free it does what it can.
    fn turn(&mut self) {
        self.lane.drain();
        while self.task.drain()
            && let Some(choice) = self.task.choose()
        {
            step(&mut *self.task, choice, 100).unwrap();
            self.lane.drain();
        }
    }

    fn decide(&mut self, epoch: u64) {
        crate::operator::rig::barrier(&mut *self.task, epoch).unwrap();
    }
}

#[test]
fn what_comes_before_the_barrier_is_laid_aside_and_written_first() {
    let mut rig = rig();
    rig.send(0..3, None);
    rig.turn();
    assert!(rig.script.written().is_empty(), "the first run was read before the writer was open");
    rig.send(3..5, None);
    rig.turn();
    rig.send(5..90, Some(1));
    rig.send(90..95, None);
    assert!(rig.task.counters().records_in == 3 && rig.task.counters().is_blocked);
    rig.decide(1);
    assert!(!rig.task.counters().is_blocked);
    rig.turn();
    // The barrier has come, and nobody reads on.
    assert_eq!(rig.task.counters().records_in, 90);
    assert!(rig.task.counters().is_blocked);
    assert!(rig.script.written().is_empty());
    rig.script.refuse(false);
    rig.turn();
    assert_eq!(rig.script.written(), (0..95).collect::<Vec<_>>());
}

#[test]
fn no_more_is_laid_aside_than_there_is_room_for_and_then_the_barrier_waits() {
    let mut rig = rig();
    rig.send(0..1, None);
    rig.turn();
    rig.decide(1);
    rig.send(1..50_000, Some(1));
    rig.turn();
    let read = rig.task.counters().records_in;
    assert!((5_000..20_000).contains(&read) && rig.task.counters().is_blocked, "{read}");
    rig.script.refuse(false);
    rig.turn();
    assert_eq!(rig.script.written(), (0..50_000).collect::<Vec<_>>());
    assert_eq!(rig.task.counters().records_in, 50_000);
}

#[test]
fn while_something_lies_aside_what_comes_is_laid_behind_it() {
    let mut rig = rig();
    rig.send(0..1, None);
    rig.turn();
    rig.send(1..40, None);
    rig.decide(7);
    rig.turn();
    assert_eq!(rig.task.counters().records_in, 40);
    // It takes one run, and no more.
    rig.script.next([Ok(true), Ok(true), Ok(false)]);
    rig.send(40..42, Some(7));
    rig.turn();
    rig.script.refuse(false);
    rig.turn();
    assert_eq!(rig.script.written(), (0..42).collect::<Vec<_>>());
}

#[test]
fn the_end_waits_for_what_lies_aside() {
    let mut rig = rig();
    rig.send(0..1, None);
    rig.turn();
    rig.send(1..4, None);
    rig.decide(1);
    rig.turn();
    send(&mut rig.lane, &[Seen::Control(Control::End)]);
    rig.turn();
    assert!(!rig.task.is_finished() && rig.task.counters().is_blocked);
    assert!(rig.script.written().is_empty());
    rig.script.refuse(false);
    rig.turn();
    assert_eq!(rig.script.written(), [0, 1, 2, 3]);
    assert!(rig.task.is_finished());
}

#[test]
fn a_barrier_that_was_here_before_it_was_decided_is_not_waited_for() {
    let mut rig = rig();
    rig.script.refuse(false);
    rig.send(0..1, Some(3));
    rig.turn();
    rig.script.refuse(true);
    rig.decide(3);
    rig.send(1..50, None);
    rig.turn();
    // A page at most: the yes from before holds.
    assert!(rig.task.counters().records_in < 20);
    rig.decide(4);
    rig.turn();
    assert_eq!(rig.task.counters().records_in, 50);
}

/// Takes nothing, with one writer or more.
struct Stubborn(Writers);

impl Sink<u64> for Stubborn {
    type Writer = Self;

    fn writers(&self) -> Writers {
        self.0
    }

    fn open(&self, _: &OpenContext) -> Result<Self, OperatorFault> {
        Ok(Self(self.0))
    }
}

impl SinkWriter<u64> for Stubborn {
    fn poll_ready(&mut self) -> Result<bool, OperatorFault> {
        Ok(false)
    }

    fn write(&mut self, _: Records<'_, u64>) -> Result<(), OperatorFault> {
        unreachable!("it had said no")
    }
}

#[test]
fn what_lies_aside_where_no_writer_is_any_more_is_an_error_in_words() {
    use crate::prelude::*;
    use crate::rt::{Sim, SimDisk};

    let job = |writers: Writers| {
        move |t: &mut Topology| {
            let numbers = Items::per_split(2, |_| 0..100_u64);
            t.source("numbers", numbers).without_event_time().sink("out", Stubborn(writers));
            Ok(())
        }
    };
    let errors = (0..40).filter_map(|seed| {
        let disk = SimDisk::default();
        let sim = |seed| Sim::new(seed, 2).checkpoints(&disk).crash_after(2_000);
        assert!(sim(seed).run(job(Writers::PerWorker)).unwrap().crashed);
        sim(seed).run(job(Writers::One)).err()
    });
    let said: Vec<_> = errors.map(|error| crate::error::error_chain(&error)).collect();
    assert!(!said.is_empty(), "no checkpoint had records of the second worker");
    for said in said {
        assert_eq!(
            said,
            "operator \"out\" failed: the checkpoint has records for this sink that had a writer on each worker, and it has but one now; \
             let the sink take them first, or leave it as it was"
        );
    }
}
