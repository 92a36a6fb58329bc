//! What a writer is asked, and when: with a writer that says what it is told to.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use super::*;
use crate::exchange::inbox::Inbox;
use crate::exchange::lane::Lane;
use crate::operator::rig::{Seen, Stopped, at, lane, send, step};
use crate::operator::task::{Choice, OnePort, OperatorTask, Task};
use crate::rt::{MemoryFiles, MemoryStreams};
use crate::sink::Writers;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    Ready,
    Write(usize),
    Flush,
    Close,
}

use Call::{Close, Flush, Ready, Write};

/// What the writer was asked, and what it is to answer; without more to say it says yes.
#[derive(Debug, Clone, Default)]
pub(super) struct Script {
    calls: Rc<RefCell<Vec<Call>>>,
    answers: Rc<RefCell<VecDeque<Result<bool, &'static str>>>>,
    holds_back: Rc<RefCell<bool>>,
    /// Says no to who asks whether it is ready, if nothing else is said.
    refuses: Rc<RefCell<bool>>,
    written: Rc<RefCell<Vec<u64>>>,
}

impl Script {
    fn answer(&self, call: Call) -> Result<bool, OperatorFault> {
        self.calls.borrow_mut().push(call);
        let otherwise = call != Ready || !*self.refuses.borrow();
        Ok(self.answers.borrow_mut().pop_front().unwrap_or(Ok(otherwise))?)
    }

    /// What it was asked since the last time.
    fn calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.calls.borrow_mut())
    }

    /// What it was given since the last time.
    pub(super) fn written(&self) -> Vec<u64> {
        std::mem::take(&mut self.written.borrow_mut())
    }

    pub(super) fn refuse(&self, refuses: bool) {
        *self.refuses.borrow_mut() = refuses;
    }

    pub(super) fn next(&self, answers: impl IntoIterator<Item = Result<bool, &'static str>>) {
        self.answers.borrow_mut().extend(answers);
    }
}

impl Sink<u64> for Script {
    type Writer = Self;

    fn writers(&self) -> Writers {
        Writers::PerWorker
    }

    fn open(&self, _: &OpenContext) -> Result<Self, OperatorFault> {
        Ok(self.clone())
    }
}

impl SinkWriter<u64> for Script {
    fn poll_ready(&mut self) -> Result<bool, OperatorFault> {
        self.answer(Ready)
    }

    fn write(&mut self, run: Records<'_, u64>) -> Result<(), OperatorFault> {
        self.written.borrow_mut().extend(run.iter().map(|(record, _)| record.to_value()));
        self.answer(Write(run.len())).map(drop)
    }

    fn holds_back(&self) -> bool {
        *self.holds_back.borrow()
    }

    fn poll_flush(&mut self) -> Result<bool, OperatorFault> {
        self.answer(Flush)
    }

    fn poll_close(&mut self) -> Result<bool, OperatorFault> {
        self.answer(Close)
    }
}

/// A sink's task, with a page of two numbers read already, so that its writer is open.
fn rig() -> (Script, Lane<u64>, Box<dyn Task>) {
    let script = Script::default();
    let (mut lane, input) = self::lane::<u64>(10);
    let context = OpenContext {
        worker: 0,
        workers: 1,
        operator: "sink".into(),
        files: Rc::new(MemoryFiles::default()),
        streams: MemoryStreams::shared(),
        clock: Rc::new(Stopped),
        checkpoints: false,
        restored: Rc::default(),
    };
    let operator = SinkOperator::new(script.clone(), context, false, None);
    let ports = OnePort(Inbox::new(vec![input]));
    let mut task: Box<dyn Task> = Box::new(OperatorTask::new("sink".into(), operator, ports));
    assert!(task.drain(), "who has no writer yet has room");
    page(&mut lane);
    step(&mut *task, Choice::Lane(0), 10).unwrap();
    assert_eq!(script.calls(), [Ready, Write(2)]);
    (script, lane, task)
}

fn page(lane: &mut Lane<u64>) {
    send(lane, &[Seen::Record(1, at(1)), Seen::Record(2, at(2))]);
}

#[test]
fn a_yes_holds_until_its_run_has_come() {
    let (script, mut lane, mut task) = rig();
    script.next([Ok(true)]);
    assert!((0..9).all(|_| task.drain()));
    assert_eq!(script.calls(), [Ready], "a yes is asked for once, however often the task looks");
    page(&mut lane);
    step(&mut *task, Choice::Lane(0), 10).unwrap();
    assert_eq!(script.calls(), [Write(2)]);
    assert!(task.drain() && task.drain());
    assert_eq!(script.calls(), [Ready], "the next run needs a yes of its own");
}

#[test]
fn a_no_is_asked_again_and_nothing_is_read_meanwhile() {
    let (script, _lane, mut task) = rig();
    script.next([Ok(false), Ok(false), Ok(true)]);
    assert!(!task.drain() && task.waits_outside() && task.counters().is_blocked);
    assert!(!task.drain());
    assert!(task.drain() && !task.waits_outside());
    assert_eq!(script.calls(), [Ready; 3]);
}

#[test]
fn a_flush_leaves_a_yes_as_it_is() {
    let (script, _lane, mut task) = rig();
    assert!(task.drain());
    *script.holds_back.borrow_mut() = true;
    script.next([Ok(false), Ok(true)]);
    assert!(task.has_open() && task.flush());
    assert!(task.drain());
    *script.holds_back.borrow_mut() = false;
    assert!(task.drain());
    assert_eq!(script.calls(), [Ready, Flush, Flush]);
}

#[test]
fn after_an_error_the_writer_is_not_called_again_and_the_next_step_says_it() {
    for fails_in in [Ready, Flush] {
        let (script, mut lane, mut task) = rig();
        script.next([Err("the disk is full")]);
        if fails_in == Flush {
            *script.holds_back.borrow_mut() = true;
            assert!(task.flush());
        }
        assert!((0..9).all(|_| task.drain()), "the task is free, so that it is told");
        assert_eq!(script.calls(), [fails_in]);
        page(&mut lane);
        let fault = step(&mut *task, Choice::Lane(0), 10).unwrap_err();
        assert_eq!(fault.to_string(), "the disk is full");
        assert_eq!(script.calls(), []);
    }
    let (script, mut lane, mut task) = rig();
    assert!(task.drain());
    script.next([Err("the disk is full")]);
    page(&mut lane);
    let fault = step(&mut *task, Choice::Lane(0), 10).unwrap_err();
    assert_eq!(fault.to_string(), "the disk is full");
    assert_eq!(script.calls(), [Ready, Write(2)]);
}

#[test]
fn a_close_is_asked_until_it_is_done() {
    let (script, mut lane, mut task) = rig();
    assert!(task.drain());
    send(&mut lane, &[Seen::Control(Control::Watermark(crate::time::EventTime::MAX))]);
    send(&mut lane, &[Seen::Control(Control::End)]);
    step(&mut *task, Choice::Lane(0), 10).unwrap();
    script.next([Ok(false), Ok(false), Ok(true)]);
    step(&mut *task, Choice::Lane(0), 10).unwrap();
    assert!(!task.drain() && task.drain());
    assert_eq!(script.calls(), [Ready, Close, Close, Close]);
    step(&mut *task, Choice::Slice, 1).unwrap();
    assert!(task.is_finished());
    assert_eq!(script.calls(), []);
}
