//! Records that claim to lie far in the future do not move the watermark.

use super::*;

fn script() -> Vec<Part> {
    [5, 900, 6, 17, 8].into_iter().map(Part::Tick).chain([Part::Dry]).collect()
}

fn strategy() -> crate::time::WithOptions<Monotonic> {
    Monotonic.max_jump(Duration::from_nanos(10))
}

#[test]
fn they_go_on_and_are_counted() {
    let mut rig = rig(vec![script()], strategy());
    rig.poll(0, 10, 1);
    assert_eq!(rig.sent(), [tick(5), tick(900), tick(6), tick(17), tick(8), watermark(8)]);
    assert_eq!(rig.task.counters().far_future, 2);
}

#[test]
fn they_go_to_a_stream_of_their_own_which_is_told_of_event_time_too() {
    let ((out, mut rx), (far, mut far_rx)) = (lane(1_000), lane(1_000));
    let board = Arc::new(AlignmentBoard::new(1));
    let idle = strategy().idle_after(Duration::ZERO);
    let script = [script(), vec![Part::Dry, Part::Tick(9)]].concat();
    let mut rig = rig_with(0, board, vec![script], idle, (out, Some(far)));
    for _ in 0..3 {
        rig.poll(0, 10, 1);
    }
    (&mut rig.task as &mut dyn Task).flush();
    let idle = [Control::Idle, Control::Active].map(Seen::Control);
    let mut expected = vec![tick(5), tick(6), tick(8), watermark(8)];
    expected.extend(idle.clone());
    expected.push(tick(9));
    expected.extend(end());
    assert_eq!(receive(&mut rx), expected);
    let mut expected = vec![tick(900), tick(17), watermark(8)];
    expected.extend(idle);
    expected.extend(end());
    assert_eq!(receive(&mut far_rx), expected);
    let counters = rig.task.counters();
    assert_eq!((counters.records_in, counters.records_out, counters.far_future), (6, 6, 2));
}

#[test]
fn a_generator_that_reads_records_does_not_see_them() {
    use crate::raw::view::Rec;
    let strategy = crate::time::Punctuated::by(|record: &Rec<Tick>| Some(record.at()));
    let mut rig = rig(vec![script()], strategy.max_jump(Duration::from_nanos(10)));
    rig.poll(0, 10, 1);
    assert_eq!(rig.sent().last(), Some(&watermark(8)));
}
