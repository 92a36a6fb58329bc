//! A source of three splits on two workers, a window behind an exchange, and a sink.

use super::*;
use crate::metrics::{LaneOrigin, LatencyHistogram, Shape, SplitCounters, TaskShape};

fn metrics() -> Metrics {
    let lane = |edge, task, worker| LaneOrigin { edge, task, worker };
    let window = |_| vec![lane(0, 0, 0), lane(0, 0, 1)];
    let task = |name: &str, splits: &[&str], lanes| TaskShape {
        name: name.into(),
        splits: splits.iter().map(|split| (*split).to_owned()).collect(),
        lanes,
    };
    let tasks = vec![
        task("departures", &["jan.csv", "feb.csv", "mar.csv"], vec![vec![], vec![]]),
        task("hourly", &[], (0..2).map(window).collect()),
        task("out", &[], vec![vec![lane(1, 1, 0)], vec![lane(1, 1, 1)]]),
    ];
    Metrics::of(Shape { tasks, edges: vec![(0, 1), (1, 2)] }, 2)
}

fn publish(metrics: &Metrics, task: usize, worker: usize, counters: TaskCounters) {
    let mut latency = LatencyHistogram::default();
    metrics.worker(worker).tasks[task].publish(&counters, &mut latency);
}

fn at(watermark_ns: i64, held_by: u64) -> TaskCounters {
    TaskCounters { watermark_ns, held_by: Some(held_by), moved_ns: 1_000, ..Default::default() }
}

/// Everything at five o'clock; the split `feb.csv` on worker 1 has been there for 3.2 s.
fn waiting(state: SplitState) -> Metrics {
    let metrics = metrics();
    let five: EventTime = "2013-01-02T05:00:00Z".parse().unwrap();
    let five_ns = five.as_nanos();
    publish(&metrics, 0, 0, at(five_ns + 9, 2));
    publish(&metrics, 0, 1, at(five_ns, 1));
    for worker in 0..2 {
        publish(&metrics, 1, worker, at(five_ns, 1));
        publish(&metrics, 2, worker, at(five_ns, 0));
    }
    let split = SplitCounters { watermark_ns: five_ns, moved_ns: 1_000, state };
    metrics.worker(1).tasks[0].publish_split(1, split);
    metrics
}

fn sentence(metrics: &Metrics, task: usize) -> String {
    metrics.explain_watermark(3_200_001_000)[task].to_string()
}

#[test]
fn every_operator_names_the_source_the_split_the_worker_and_since_when() {
    let metrics = waiting(SplitState::Open);
    let holds = metrics.explain_watermark(3_200_001_000);
    let waits = "waits at 2013-01-02T05:00:00Z for source `departures`, split `feb.csv` on worker 1, for 3.2 s";
    for (hold, name) in holds.iter().zip(["departures", "hourly", "out"]) {
        assert_eq!(hold.to_string(), format!("`{name}` {waits}"));
    }
    let path: Vec<_> = holds[2].path.iter().map(|hop| (&*hop.operator, hop.worker)).collect();
    assert_eq!(path, [("out", 0), ("hourly", 0), ("departures", 1)]);
    let split = "feb.csv".to_owned();
    assert_eq!(holds[1].cause, HoldCause::Split { split, state: SplitState::Open });
}

#[test]
fn alignment_and_backpressure_are_mentioned() {
    assert!(
        sentence(&waiting(SplitState::Held), 1).contains("worker 1 (held back by alignment), for")
    );
    let metrics = waiting(SplitState::Open);
    let five_ns = metrics.counters(0, 1).watermark_ns;
    publish(&metrics, 0, 1, TaskCounters { is_blocked: true, ..at(five_ns, 1) });
    let expected = "worker 1 (`departures` on worker 1 is backpressured), for 3.2 s";
    assert!(sentence(&metrics, 2).ends_with(expected), "{}", sentence(&metrics, 2));
}

#[test]
fn the_cause_may_lie_before_the_source() {
    let metrics = waiting(SplitState::Open);
    let five_ns = metrics.counters(0, 1).watermark_ns;
    publish(&metrics, 0, 1, at(five_ns + 7, 1));
    metrics.worker(0).tasks[1].publish_queue(1, 2);
    let expected = "`out` waits at 2013-01-02T05:00:00Z for `hourly` on worker 0 to read 2 pages of `departures`, for 3.2 s";
    assert_eq!(sentence(&metrics, 2), expected);
    publish(&metrics, 1, 0, TaskCounters { is_firing: true, ..at(five_ns, 1) });
    let expected = "`hourly` waits at 2013-01-02T05:00:00Z for `hourly` on worker 0, which still works off what is due, for 3.2 s";
    assert_eq!(sentence(&metrics, 1), expected);
}

#[test]
fn idle_stopped_and_ended_sources_are_said_to_be() {
    let metrics = waiting(SplitState::Idle);
    let five_ns = metrics.counters(0, 1).watermark_ns;
    let idle = TaskCounters { is_idle: true, held_by: None, ..at(five_ns, 0) };
    publish(&metrics, 0, 1, idle);
    let expected = "source `departures` on worker 1, all of whose splits are idle, for 3.2 s";
    assert!(sentence(&metrics, 1).ends_with(expected));
    publish(&metrics, 0, 1, TaskCounters { is_halted: true, ..idle });
    let expected = "source `departures` on worker 1, which was stopped, for 3.2 s";
    assert!(sentence(&metrics, 1).ends_with(expected));
    for worker in 0..2 {
        publish(&metrics, 0, worker, TaskCounters { held_by: None, ..at(i64::MAX, 0) });
    }
    assert_eq!(sentence(&metrics, 0), "`departures` is at the end of event time");
    assert_eq!(sentence(&metrics, 1), "`hourly` is about to come to the end of event time");
}

#[test]
fn before_the_first_watermark_the_first_split_is_waited_for() {
    let expected = "`hourly` waits for its first watermark from source `departures`, split `jan.csv` on worker 0, for 5 ms";
    assert_eq!(metrics().explain_watermark(5_000_000)[1].to_string(), expected);
}
