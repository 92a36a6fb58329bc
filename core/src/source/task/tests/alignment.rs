//! Splits that are ahead of the others wait for them: of their own worker and of others.

use std::cell::RefCell;

use super::*;

const NONE: [u16; 0] = [];

fn dry_after(times: &[i64]) -> Vec<Part> {
    times.iter().flat_map(|nanos| [Part::Tick(*nanos), Part::Dry]).collect()
}

fn within(nanos: u64) -> crate::time::WithOptions<Monotonic> {
    Monotonic.aligned_within(Duration::from_nanos(nanos)).idle_after(Duration::from_nanos(100))
}

#[test]
fn a_split_that_is_ahead_waits_for_the_slowest_of_its_worker() {
    let mut rig = rig(vec![dry_after(&[5, 16, 30]), dry_after(&[1, 20])], within(10));
    rig.poll(0, 1, 1);
    rig.poll(0, 1, 1);
    assert_eq!(rig.pollable(), [1], "the other has not begun");
    rig.poll(1, 2, 1);
    assert_eq!(rig.pollable(), [0, 1], "5 is not more than 10 ahead of 1");
    rig.poll(0, 2, 1);
    assert_eq!(rig.pollable(), [1], "16 is");
    assert_eq!(rig.task.choose(), Some(Choice::Poll(1)));
    assert_eq!(rig.task.choose(), Some(Choice::Poll(1)));
    rig.poll(1, 2, 1);
    assert_eq!(rig.pollable(), [0, 1]);
}

#[test]
fn a_poll_ends_where_its_split_has_come_too_far() {
    let mut rig = rig(vec![ticks(0..300), ticks(0..300)], within(70));
    let done = rig.poll(0, 300, 1);
    assert_eq!((done.amount, done.outcome), (64, PollOutcome::Full), "the other has not begun");
    assert_eq!(rig.poll(1, 10, 1).amount, 10);
    assert_eq!(rig.poll(1, 64, 1).amount, 64);
    assert_eq!(rig.poll(0, 300, 1).amount, 128, "127 is not more than 70 ahead of 63, 191 is");
    let work = Work { choice: Choice::Poll(1), limit: 226, replay: Some(PollOutcome::Full) };
    let now = crate::time::ProcessingTime::default();
    let contribution = RefCell::default();
    let context = StepContext { now_ns: 1, now, clock: &Stopped, contribution: &contribution };
    assert_eq!(rig.task.step(work, context).unwrap().amount, 226, "a replay goes as far as it was");
}

#[test]
fn splits_of_other_workers_are_waited_for_unless_they_are_idle_or_have_ended() {
    let board = Arc::new(AlignmentBoard::new(2));
    let mut fast = rig_on(0, Arc::clone(&board), vec![dry_after(&[50, 60, 70, 80])], within(10));
    let script = [dry_after(&[1, 45]), vec![Part::Dry; 2], dry_after(&[46])].concat();
    let mut slow = rig_on(1, board, vec![script], within(10));
    fast.poll(0, 2, 1);
    assert_eq!(fast.pollable(), NONE);
    assert!(fast.task.choose().is_none() && fast.task.must_be_polled());
    slow.poll(0, 2, 1);
    assert_eq!(fast.pollable(), NONE, "it is at 1");
    slow.poll(0, 2, 1);
    assert_eq!(fast.pollable(), [0], "it is at 45");
    fast.poll(0, 2, 1);
    assert_eq!(fast.pollable(), NONE);
    slow.poll(0, 2, 1);
    slow.poll(0, 2, 200);
    assert_eq!(fast.pollable(), [0], "it is idle");
    fast.poll(0, 2, 1);
    assert_eq!(fast.pollable(), [0]);
    assert_eq!(slow.poll(0, 1, 201).amount, 1, "it is back");
    assert_eq!(fast.pollable(), [0], "which is not known yet");
    fast.poll(0, 2, 1);
    assert_eq!(fast.pollable(), NONE);
    assert_eq!(slow.poll(0, 2, 1).outcome, PollOutcome::Dry);
    assert_eq!(slow.poll(0, 2, 1).outcome, PollOutcome::End);
    assert_eq!(fast.pollable(), [0], "it has ended");
}

#[test]
fn a_split_that_was_held_is_not_called_idle_for_it() {
    let slow = [vec![Part::Dry, Part::Tick(1)], vec![Part::Dry; 9]].concat();
    let fast = [vec![Part::Tick(9)], vec![Part::Dry; 9]].concat();
    let mut rig = rig(vec![slow, fast], within(5));
    rig.poll(0, 1, 0);
    rig.poll(0, 1, 100);
    rig.poll(1, 2, 100);
    assert_eq!(rig.poll(1, 1, 110).outcome, PollOutcome::Dry, "silent since 110");
    rig.poll(0, 2, 120);
    assert_eq!(rig.pollable(), [0], "the slow one is back");
    assert_eq!(rig.poll(0, 1, 121).outcome, PollOutcome::Dry);
    assert_eq!(rig.poll(0, 1, 221).outcome, PollOutcome::Idle);
    assert_eq!(rig.pollable(), [0, 1]);
    assert_eq!(rig.poll(1, 1, 222).outcome, PollOutcome::Dry, "silent since 222");
    assert_eq!(rig.poll(1, 1, 321).outcome, PollOutcome::Dry);
    assert_eq!(rig.poll(1, 1, 322).outcome, PollOutcome::Idle);
}
