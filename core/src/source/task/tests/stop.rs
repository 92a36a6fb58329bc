//! Sources that are cut off before their end.

use super::*;

#[test]
fn a_source_that_is_stopped_leaves_event_time_where_it_was() {
    let mut rig = rig(vec![ticks(0..70), ticks(0..90)], Monotonic);
    rig.poll(0, 64, 1);
    rig.poll(1, 64, 1);
    rig.poll(1, 3, 1);
    rig.sent();
    assert!(rig.task.stop(Control::Halt, 1).unwrap());
    assert_eq!(rig.sent(), [Seen::Control(Control::Halt)]);
    assert!(rig.task.is_finished() && rig.task.choose().is_none() && !rig.task.must_be_polled());
    let counters = rig.task.counters();
    assert_eq!((counters.records_in, counters.watermark_ns), (131, 63));
    assert!(counters.is_halted);
}

#[test]
fn a_source_that_is_drained_ends_as_if_its_input_did() {
    let mut rig = rig(vec![ticks(0..70)], Monotonic);
    rig.poll(0, 3, 1);
    rig.task.stop(Control::End, 1).unwrap();
    assert_eq!(rig.sent()[3..], end());
    assert!(rig.task.is_finished());
    assert!(!rig.task.stop(Control::Halt, 1).unwrap());
    assert_eq!(rig.sent(), [], "it has ended");
}

#[test]
fn a_source_that_has_not_begun_can_be_cut_off() {
    for last in [Control::Halt, Control::End] {
        let mut rig = rig(vec![ticks(0..70)], Monotonic);
        rig.task.stop(last, 1).unwrap();
        assert_eq!(rig.sent().last(), Some(&Seen::Control(last)));
        assert!(rig.task.is_finished());
    }
}
