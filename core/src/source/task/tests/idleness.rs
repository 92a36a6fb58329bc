//! Splits that fall silent, and what of their silence counts.

use super::*;

#[test]
fn a_silent_split_becomes_idle_and_its_next_record_makes_it_active() {
    let strategy = Monotonic.idle_after(Duration::from_nanos(10));
    let script = vec![Part::Tick(5), Part::Dry, Part::Dry, Part::Dry, Part::Dry, Part::Tick(9)];
    let mut rig = rig(vec![script], strategy);
    let outcomes = [100, 101, 110, 111].map(|now_ns| rig.poll(0, 10, now_ns).outcome);
    use PollOutcome::{Dry, Idle};
    assert_eq!(outcomes, [Dry, Dry, Dry, Idle], "silent since 101");
    assert_eq!(rig.sent(), [tick(5), watermark(5), Seen::Control(Control::Idle)]);
    rig.poll(0, 1, 112);
    assert_eq!(rig.sent(), [Seen::Control(Control::Active), tick(9)], "active before its record");
}

#[test]
fn polls_of_an_idle_split_do_not_count_unless_event_time_follows_the_clock() {
    const MS: u64 = 1_000_000;
    let strategy = Monotonic.idle_after(Duration::from_nanos(10));
    let script =
        vec![Part::Tick(5), Part::Dry, Part::Dry, Part::Dry, Part::Dry, Part::Dry, Part::Dry];
    let mut rig = rig(vec![script], strategy);
    rig.poll(0, 10, 0);
    rig.poll(0, 10, 0);
    assert!(rig.poll(0, 10, 10).counts);
    rig.sent();
    assert!(!rig.poll(0, 10, 11).counts, "a worker could never sleep");
    assert!(rig.poll(0, 10, 10 + 10 * MS).counts);
    assert_eq!(rig.sent(), [watermark(5 + 10_000_000)]);
    assert!(!rig.poll(0, 10, 11 + 10 * MS).counts);
}

#[test]
fn a_source_that_never_had_a_record_holds_nobody_back_and_has_no_time_to_go_on_from() {
    const MS: u64 = 1_000_000;
    let strategy = Monotonic.idle_after(Duration::from_nanos(10));
    let mut rig = rig(vec![vec![Part::Dry; 9], vec![Part::Dry; 9]], strategy);
    for now_ns in [0, 10, 50 * MS] {
        rig.poll(0, 10, now_ns);
        rig.poll(1, 10, now_ns);
    }
    assert_eq!(rig.sent(), [Seen::Control(Control::Idle)]);
}

#[test]
fn the_time_in_which_the_output_is_blocked_is_not_silence() {
    let strategy = Monotonic.idle_after(Duration::from_nanos(100));
    let script = [vec![Part::Dry], ticks(0..40), vec![Part::Dry; 9]].concat();
    let (out, mut rx) = lane(1);
    let board = Arc::new(AlignmentBoard::new(1));
    let mut rig = rig_with(0, board, vec![script], strategy, (out, None));
    assert_eq!(rig.poll(0, 10, 0).outcome, PollOutcome::Dry);
    // A page of 256 bytes holds a few ticks; the rest waits for room.
    rig.poll(0, 40, 10);
    let task = &mut rig.task as &mut dyn Task;
    task.flush();
    assert!(!task.drain());
    assert_eq!(rig.poll(0, 10, 20).outcome, PollOutcome::Dry, "still blocked after it");
    let task = &mut rig.task as &mut dyn Task;
    let mut read = 0;
    while read < 40 {
        task.drain();
        task.flush();
        read += receive(&mut rx).iter().filter(|seen| matches!(seen, Seen::Record(..))).count();
    }
    task.drain();
    assert_eq!(rig.poll(0, 10, 500).outcome, PollOutcome::Dry, "of which it was blocked for 480");
    assert_eq!(rig.poll(0, 10, 599).outcome, PollOutcome::Dry);
    assert_eq!(rig.poll(0, 10, 600).outcome, PollOutcome::Idle);
}
