//! The text is read back by a small parser of the format.

use std::collections::{BTreeMap, BTreeSet};

use crate::metrics::{
    LaneOrigin, LatencyHistogram, Metrics, Shape, SplitCounters, SplitState, TaskCounters,
    TaskShape, WorkerTime,
};

/// Samples by name and labels; panics where the text does not follow the format.
fn parse(text: &str) -> BTreeMap<(String, Vec<(String, String)>), f64> {
    let (mut families, mut samples) = (BTreeMap::new(), BTreeMap::new());
    let mut helped = BTreeSet::new();
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let words: Vec<&str> = comment.splitn(3, ' ').collect();
            match words[0] {
                "HELP" => assert!(helped.insert(words[1].to_owned()), "one help a family: {line}"),
                "TYPE" => {
                    assert!(["counter", "gauge", "summary"].contains(&words[2]), "{line}");
                    assert!(families.insert(words[1].to_owned(), words[2].to_owned()).is_none());
                }
                _ => panic!("neither help nor type: {line}"),
            }
            continue;
        }
        let (name, rest) = line.split_once('{').unwrap();
        let family = ["_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
        let family = family.filter(|family| families.contains_key(*family)).unwrap_or(name);
        assert!(families.contains_key(family) && helped.contains(family), "{line}");
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{line}");
        if families[family] == "counter" {
            assert!(name.ends_with("_total"), "a counter's name says so: {line}");
        }
        let (labels, value) = labels(rest);
        let value = value.trim().parse().unwrap();
        assert!(samples.insert((name.to_owned(), labels), value).is_none(), "twice: {line}");
    }
    samples
}

/// The labels up to the closing brace, unescaped, and what follows it.
fn labels(mut rest: &str) -> (Vec<(String, String)>, &str) {
    let mut labels = Vec::new();
    loop {
        let (label, tail) = rest.split_once("=\"").unwrap();
        let (mut value, mut chars) = (String::new(), tail.char_indices());
        let end = loop {
            match chars.next().unwrap() {
                (_, '\\') => value.push(match chars.next().unwrap().1 {
                    'n' => '\n',
                    escaped => escaped,
                }),
                (index, '"') => break index,
                (_, plain) => value.push(plain),
            }
        };
        labels.push((label.trim_start_matches(',').to_owned(), value));
        rest = &tail[end + 1..];
        if let Some(value) = rest.strip_prefix('}') {
            return (labels, value);
        }
    }
}

#[test]
fn what_is_written_can_be_read_back() {
    let name = "a \"quoted\\\" name\nof two lines";
    let lane = LaneOrigin { edge: 0, task: 0, worker: 0 };
    let tasks = vec![
        TaskShape { name: name.into(), splits: vec!["x=1,y}".into()], lanes: vec![vec![]] },
        TaskShape { name: "b".into(), splits: vec![], lanes: vec![vec![lane]] },
    ];
    let metrics = Metrics::of(Shape { tasks, edges: vec![(0, 1)] }, 1);
    let worker = metrics.worker(0);
    let counters = TaskCounters {
        records_in: 7,
        records_out: 8,
        bytes_out: 900,
        late: 1,
        far_future: 2,
        skipped: 3,
        dead_lettered: 4,
        retried: 5,
        watermark_ns: 1_500_000_000,
        busy_ns: 250_000_000,
        ..TaskCounters::default()
    };
    let mut latency = LatencyHistogram::default();
    latency.record(1_000, 4);
    worker.tasks[0].publish(&counters, &mut latency);
    let end = TaskCounters { watermark_ns: i64::MAX, ..counters };
    worker.tasks[1].publish(&end, &mut LatencyHistogram::default());
    worker.tasks[1].publish_queue(0, 3);
    let (watermark_ns, moved_ns, state) = (-2_000_000_000, 0, SplitState::Open);
    worker.tasks[0].publish_split(0, SplitCounters { watermark_ns, moved_ns, state });
    worker.publish_time(WorkerTime {
        elapsed_ns: 1_000_000_000,
        busy_ns: 400_000_000,
        idle_ns: 600_000_000,
    });

    let samples = parse(&metrics.snapshot().to_prometheus());
    let find = |name: &str, labels: &[(&str, &str)]| {
        let labels = labels.iter().map(|(label, value)| ((*label).into(), (*value).into()));
        samples.get(&(format!("thalweg_{name}"), labels.collect())).copied()
    };
    let of_a = [("operator", name), ("worker", "0")];
    assert_eq!(find("operator_records_in_total", &of_a), Some(7.0));
    assert_eq!(find("operator_bytes_out_total", &of_a), Some(900.0));
    assert_eq!(find("operator_far_future_total", &of_a), Some(2.0));
    assert_eq!(find("operator_skipped_total", &of_a), Some(3.0));
    assert_eq!(find("operator_dead_lettered_total", &of_a), Some(4.0));
    assert_eq!(find("operator_retried_total", &of_a), Some(5.0));
    assert_eq!(find("operator_busy_seconds_total", &of_a), Some(0.25));
    assert_eq!(find("operator_idle_seconds_total", &of_a), Some(0.75));
    assert_eq!(find("operator_watermark_seconds", &of_a), Some(1.5));
    let of_b = [("operator", "b"), ("worker", "0")];
    assert_eq!(find("operator_watermark_seconds", &of_b), None, "the end of time");
    let p99 = find("operator_latency_seconds", &[("operator", name), ("quantile", "0.99")]);
    assert!(p99.is_some_and(|p99| (1.0e-6..1.04e-6).contains(&p99)), "{p99:?}");
    assert_eq!(find("operator_latency_seconds_count", &[("operator", name)]), Some(4.0));
    let split = [("operator", name), ("split", "x=1,y}"), ("worker", "0")];
    assert_eq!(find("split_watermark_seconds", &split), Some(-2.0));
    let edge = [("from", name), ("to", "b"), ("worker", "0")];
    assert_eq!(find("edge_queued_pages", &edge), Some(3.0));
    assert_eq!(find("worker_busy_seconds_total", &[("worker", "0")]), Some(0.4));
}
