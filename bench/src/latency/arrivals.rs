//! The sink's clock: when results arrive, against when what caused them was due.

use std::sync::{Arc, Mutex, PoisonError};

use thalweg::api::Stream;
use thalweg::operator::Chain;
use thalweg::prelude::*;
use thalweg::record::Record;
use thalweg::rt::now_ns;

use super::schedule::Schedule;
use crate::load::histogram::LatencyHistogram;

/// Latencies of all workers.
#[derive(Debug, Clone)]
pub struct Arrivals {
    schedule: Schedule,
    all: Arc<Mutex<LatencyHistogram>>,
}

impl Arrivals {
    /// Of results on that schedule.
    #[must_use]
    pub fn of(schedule: Schedule) -> Self {
        Self { schedule, all: Arc::new(Mutex::new(LatencyHistogram::new())) }
    }

    /// Notes the records of a stream as they arrive.
    pub fn sink<T: Record, C: Chain<Out = T>>(&self, stream: Stream<T, C>) {
        let arrivals = self.clone();
        let sink = ForEach::new(move |_| {
            let mut worker =
                Worker { latency: LatencyHistogram::new(), arrivals: arrivals.clone() };
            move |_: &Rec<T>, at| worker.note(at)
        });
        stream.sink("result", sink);
    }

    /// What was noted, once the job has ended.
    #[must_use]
    pub fn latency(&self) -> LatencyHistogram {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// One worker's histogram; added to the others' when the worker ends.
struct Worker {
    latency: LatencyHistogram,
    arrivals: Arrivals,
}

impl Worker {
    #[inline]
    fn note(&mut self, at: EventTime) {
        let now_ns = now_ns();
        // At the end of the events windows are closed that nothing was due for yet.
        let due_ns = self.arrivals.schedule.due_ns_of(at).filter(|&due_ns| due_ns <= now_ns);
        if let Some(due_ns) = due_ns {
            self.latency.record_ns(now_ns - due_ns);
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.arrivals.all.lock().unwrap_or_else(PoisonError::into_inner).merge(&self.latency);
    }
}
