//! Handles and the task behind them, without threads.

use std::sync::Arc;

use super::*;
use crate::error::HandleError;
use crate::exchange::host::{Direction, HostPorts, PortConfig, RecordType};
use crate::exchange::lane::LaneRx;
use crate::operator::rig::{Seen, at, lane, output, receive, run, watermark};
use crate::operator::task::Task as _;
use crate::raw::doorbell::Doorbell;
use crate::record::Str;
use crate::time::OnlyAtEnd;

struct Rig<T: Record> {
    handles: Vec<InputHandle<T>>,
    gate: GateTask<T>,
    rx: LaneRx<T>,
    outcome: Arc<Outcome>,
}

/// An input with rings of `pages` pages, on one worker.
fn rig<T: Record>(handles: usize, pages: usize) -> Rig<T> {
    let outcome = Arc::<Outcome>::default();
    let ringers = [Doorbell::spinning().ringer()];
    let config = PortConfig {
        workers: 1,
        input_pages: pages,
        input_page_bytes: 256,
        ring_pages: 1,
        page_bytes: 256,
        ringers: &ringers,
        outcome: &outcome,
    };
    let mut made = input_port::<T>("in", handles)(&config);
    let ends = made.workers.remove(0).downcast::<InputEnds<T>>().unwrap();
    let mut host = HostPorts(vec![made.host]);
    let record = RecordType::of::<T>();
    let mut take = || host.take(Direction::Input, "in", record).unwrap();
    let taken = (0..handles).map(|_| take()).collect();
    let none = host.take::<InputHandle<T>>(Direction::Input, "in", record).unwrap_err();
    assert!(matches!(none, HandleError::Taken { .. }));
    let (out, rx) = lane(1_000);
    let gate = GateTask::new("in".into(), *ends, &OnlyAtEnd, output(vec![out]), true);
    Rig { handles: taken, gate, rx, outcome }
}

#[test]
fn what_leaves_does_not_depend_on_how_many_elements_a_step_reads() {
    for limit in [1, 2, 3, 100] {
        let Rig { mut handles, mut gate, mut rx, .. } = rig::<u64>(2, 100);
        let [one, two] = &mut handles[..] else { unreachable!("two were made") };
        for n in 0..3 {
            one.send_at(&n, at(i64::try_from(n).unwrap())).unwrap();
        }
        one.watermark(at(5)).unwrap();
        one.push(&7).unwrap();
        one.flush();
        two.idle().unwrap();
        run(&mut gate, limit);
        drop(handles);
        run(&mut gate, limit);
        assert!(gate.is_finished());
        let mut seen = receive(&mut rx);
        // The second handle is read between the pages of the first: where time moves depends on that, what is sent does not.
        let marks: Vec<_> = seen.extract_if(.., |seen| matches!(seen, Seen::Control(_))).collect();
        assert_eq!(marks.first(), Some(&watermark(5)), "limit {limit}");
        assert_eq!(marks.last(), Some(&Seen::Control(Control::End)));
        let records = [(0, at(0)), (1, at(1)), (2, at(2)), (7, EventTime::MIN)];
        assert_eq!(seen, records.map(|(n, at)| Seen::Record(n, at)));
        let recorded = gate.take_recorded();
        assert_eq!(recorded.iter().map(|input| input.elements()).collect::<Vec<_>>(), [5, 1]);
    }
}

#[test]
fn a_record_larger_than_a_page_keeps_its_place() {
    let Rig { mut handles, mut gate, mut rx, .. } = rig::<Str>(1, 100);
    let values: Vec<Str> = [3, 900, 0, 5_000, 10].map(|n| "x".repeat(n).into()).to_vec();
    handles[0].send_all(&values).unwrap();
    run(&mut gate, 100);
    let expected = values.into_iter().map(|value| Seen::Record(value, EventTime::MIN));
    assert_eq!(receive(&mut rx), expected.collect::<Vec<_>>());
}

#[test]
fn a_full_ring_takes_nothing_and_what_was_taken_is_all_there() {
    let Rig { mut handles, mut gate, mut rx, .. } = rig::<u64>(1, 2);
    let handle = &mut handles[0];
    assert_eq!((handle.try_send(&1), handle.try_send(&2)), (Ok(()), Ok(())));
    let full = handle.try_send(&3).unwrap_err();
    assert_eq!(
        full.to_string(),
        "the job is behind: its input is full; try again, or send() and wait"
    );
    assert_eq!(handle.try_watermark(at(9)), Err(SendError::Full));
    run(&mut gate, 100);
    assert_eq!(receive(&mut rx), [1, 2].map(|n| Seen::Record(n, EventTime::MIN)));
    assert_eq!(handle.try_send(&3), Ok(()));
}

#[test]
fn pushed_records_share_a_page_and_leave_with_a_flush_or_the_handle() {
    let Rig { mut handles, mut gate, mut rx, .. } = rig::<u64>(2, 8);
    for handle in &mut handles {
        // The first leaves at once, since nothing else is there to be read; the others wait for it.
        (1..=3).for_each(|n| handle.push(&n).unwrap());
    }
    run(&mut gate, 100);
    assert_eq!(receive(&mut rx).len(), 2);
    handles[0].flush();
    drop(handles.pop());
    run(&mut gate, 100);
    let records = receive(&mut rx).into_iter().filter(|seen| matches!(seen, Seen::Record(..)));
    assert_eq!(records.count(), 4);
}

#[test]
fn a_handle_whose_job_is_gone_says_why() {
    let Rig { mut handles, gate, outcome, .. } = rig::<u64>(1, 8);
    drop(gate);
    assert_eq!(handles[0].try_send(&1), Err(SendError::Ended));
    outcome.fail("it broke".into());
    outcome.end();
    assert_eq!(handles[0].send(&1).unwrap_err().to_string(), "it broke");
}

#[test]
fn a_gate_that_is_stopped_lets_go_of_its_rings() {
    let Rig { mut handles, mut gate, mut rx, .. } = rig::<u64>(1, 8);
    handles[0].send(&1).unwrap();
    gate.stop(Control::Halt, 5).unwrap();
    assert!(gate.choose().is_none());
    assert_eq!(handles[0].try_send(&1), Err(SendError::Ended));
    (&mut gate as &mut dyn crate::operator::task::Task).flush();
    assert_eq!(receive(&mut rx), [Seen::Control(Control::Halt)]);
    assert!(gate.is_finished());
}
