//! A snapshot as text that Prometheus reads.
//!
//! The text exposition format, version 0.0.4: one family after the other, each with its help and its type. A pure function: who serves it, and where, is
//! the program's business.

use std::fmt::{Display, Write as _};
use std::time::Duration;

use super::snapshot::{OperatorSnapshot, Snapshot, TaskSnapshot, WorkerSnapshot};

/// A name, its help, and the value of a thing.
type Family<S, V> = (&'static str, &'static str, fn(&S) -> V);

/// Quantiles of each latency.
const QUANTILES: [f64; 5] = [0.5, 0.9, 0.99, 0.999, 0.9999];

impl Snapshot {
    /// The snapshot in Prometheus's text format, its series labelled with operator, worker, split or edge.
    ///
    /// Durations are in seconds, watermarks in seconds since the Unix epoch; a watermark that is not there yet, or at the end of time, is left out.
    pub fn to_prometheus(&self) -> String {
        let mut text = Text::default();
        self.write_tasks(&mut text);
        self.write_latency(&mut text);
        self.write_splits(&mut text);
        text.family("edge_queued_pages", "gauge", "Pages that wait in front of an operator.");
        for edge in &self.edges {
            for (worker, pages) in edge.queued_pages.iter().enumerate() {
                let labels =
                    [("from", &*edge.from), ("to", &*edge.to), ("worker", &*worker.to_string())];
                text.sample("edge_queued_pages", &labels, pages);
            }
        }
        let times: [Family<WorkerSnapshot, Duration>; 2] = [
            ("worker_busy_seconds_total", "Time of a worker in operators.", |worker| worker.busy),
            ("worker_idle_seconds_total", "Time of a worker without work.", |worker| worker.idle),
        ];
        for (name, help, of) in times {
            text.family(name, "counter", help);
            for (index, worker) in self.workers.iter().enumerate() {
                text.sample(name, &[("worker", &*index.to_string())], of(worker).as_secs_f64());
            }
        }
        text.0
    }

    fn write_tasks(&self, text: &mut Text) {
        let counts: [Family<TaskSnapshot, u64>; 10] = [
            ("records_in_total", "Records read, or polled by a source.", |task| task.records_in),
            ("records_out_total", "Records emitted.", |task| task.records_out),
            ("bytes_in_total", "Bytes of pages read.", |task| task.bytes_in),
            ("bytes_out_total", "Bytes of pages emitted.", |task| task.bytes_out),
            ("late_total", "Records that came after their window had closed.", |task| task.late),
            ("rejected_total", "Records that could not be decoded.", |task| task.rejected),
            ("far_future_total", "Records too far in the future.", |task| task.far_future),
            ("skipped_total", "Records left out because of errors.", |task| task.skipped),
            ("dead_lettered_total", "Records sent on as dead letters.", |task| task.dead_lettered),
            ("retried_total", "Calls after one that failed.", |task| task.retried),
        ];
        for (name, help, of) in counts {
            self.write_each_task(text, (name, "counter", help), |task| Some(of(task)));
        }
        let sizes: [Family<TaskSnapshot, u64>; 2] = [
            ("state_bytes", "Memory of the operator's state.", |task| task.state_bytes),
            ("state_keys", "Keys in the operator's state.", |task| task.state_keys),
        ];
        for (name, help, of) in sizes {
            self.write_each_task(text, (name, "gauge", help), |task| Some(of(task)));
        }
        let times: [Family<TaskSnapshot, Duration>; 3] = [
            ("busy_seconds_total", "Time in the operator.", |task| task.busy),
            ("idle_seconds_total", "Time without work for the operator.", |task| task.idle),
            ("backpressured_seconds_total", "Time without room.", |task| task.backpressured),
        ];
        for (name, help, of) in times {
            let seconds = |task: &TaskSnapshot| Some(of(task).as_secs_f64());
            self.write_each_task(text, (name, "counter", help), seconds);
        }
        let help = "The watermark that was last passed on.";
        self.write_each_task(text, ("watermark_seconds", "gauge", help), |task| {
            task.watermark.and_then(seconds_of)
        });
    }

    fn write_each_task<V: Display>(
        &self,
        text: &mut Text,
        (name, kind, help): (&str, &str, &str),
        of: impl Fn(&TaskSnapshot) -> Option<V>,
    ) {
        let name = format!("operator_{name}");
        text.family(&name, kind, help);
        for OperatorSnapshot { name: operator, workers, .. } in &self.operators {
            for (worker, task) in workers.iter().enumerate() {
                if let Some(value) = of(task) {
                    let labels = [("operator", &**operator), ("worker", &*worker.to_string())];
                    text.sample(&name, &labels, value);
                }
            }
        }
    }

    fn write_latency(&self, text: &mut Text) {
        let name = "operator_latency_seconds";
        text.family(
            name,
            "summary",
            "From the entry of a record to the end of the operator's step.",
        );
        for OperatorSnapshot { name: operator, latency, .. } in &self.operators {
            let label = ("operator", &**operator);
            for quantile in QUANTILES {
                if let Some(found) = latency.percentile(quantile) {
                    let labels = [label, ("quantile", &*quantile.to_string())];
                    text.sample(name, &labels, found.as_secs_f64());
                }
            }
            text.sample(&format!("{name}_sum"), &[label], latency.sum().as_secs_f64());
            text.sample(&format!("{name}_count"), &[label], latency.count());
        }
    }

    fn write_splits(&self, text: &mut Text) {
        let name = "split_watermark_seconds";
        text.family(name, "gauge", "The watermark of a split.");
        for operator in &self.operators {
            for split in &operator.splits {
                let Some(seconds) = split.watermark.and_then(seconds_of) else { continue };
                let worker = split.worker.to_string();
                let labels =
                    [("operator", &*operator.name), ("split", &*split.name), ("worker", &*worker)];
                text.sample(name, &labels, seconds);
            }
        }
    }
}

/// The end of time is no time to draw.
fn seconds_of(at: crate::time::EventTime) -> Option<f64> {
    (at < crate::time::EventTime::MAX).then(|| at.as_nanos() as f64 / 1e9)
}

#[derive(Default)]
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        writeln!(self.0, "# HELP thalweg_{name} {help}\n# TYPE thalweg_{name} {kind}")
            .expect("invariant: memory");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        write!(self.0, "thalweg_{name}{{").expect("invariant: memory");
        for (index, (label, value)) in labels.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            write!(self.0, "{comma}{label}=\"{value}\"").expect("invariant: memory");
        }
        writeln!(self.0, "}} {value}").expect("invariant: memory");
    }
}

#[cfg(test)]
mod tests;
