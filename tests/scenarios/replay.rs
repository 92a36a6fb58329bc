//! Decisions recorded on threads, taken again on the simulator: the same outputs, worker by worker, in order.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use thalweg::prelude::*;
use thalweg::rt::{MemoryFiles, Sim};
use thalweg_tests::random::{Splits, bound, settings, some_splits, span};
use thalweg_tests::records::{Event, Totals};
use thalweg_tests::run::{Settings, source, watched};

type PerWorker<T> = Vec<Vec<(EventTime, T)>>;
type Outputs = (PerWorker<(u32, u64, i64, u64)>, PerWorker<Event>, PerWorker<(u64, u64)>);

/// Three stages, two exchanges, and every output kept.
#[derive(Clone)]
struct Job {
    splits: Splits,
    bound: Duration,
    width: Duration,
    results: Collected<(u32, u64, i64, u64)>,
    late: Collected<Event>,
    counts: Collected<(u64, u64)>,
}

impl Job {
    fn build(&self, t: &mut Topology) -> Result<()> {
        let events = source(t, "events", &self.splits)
            .watermarks(BoundedOutOfOrderness::of(self.bound))
            .key_by(|e| e.name())
            .filter_map_with_state("totals", |totals: &mut Totals, e| {
                totals.add(e.id(), e.value());
                (!totals.digest.is_multiple_of(7)).then(|| e.to_value())
            });
        events
            .clone()
            .key_by_value(|e| e.group())
            .filter_map_with_state("counts", |n: &mut u64, e: &Rec<Event>| {
                *n += 1;
                Some((e.id(), *n))
            })
            .sink("counts by group", self.counts.sink());
        let windowed = events
            .key_by_value(|e| e.group())
            .window("windows", Tumbling::of(self.width))
            .aggregate(|totals: &mut Totals, e| totals.add(e.id(), e.value()));
        windowed
            .on_time
            .map(|w| {
                let w = w.to_value();
                (w.key, w.value.count, w.value.sum, w.value.digest)
            })
            .sink("results", self.results.sink());
        windowed.late.sink("late", self.late.sink());
        Ok(())
    }

    fn take(&self) -> Outputs {
        (self.results.take_per_worker(), self.late.take_per_worker(), self.counts.take_per_worker())
    }
}

/// Runs the job on threads and replays it.
fn record_and_replay(
    driver: Driver,
    settings: Settings,
    splits: &Splits,
    bound: Duration,
    width: Duration,
) {
    let job = Job {
        splits: Arc::clone(splits),
        bound,
        width,
        results: Collected::new(),
        late: Collected::new(),
        counts: Collected::new(),
    };
    let running = job.clone();
    let engine = settings.engine().driver(driver).record_decisions().build();
    let (_, journal) = watched(move || {
        engine.start("recorded", move |t| running.build(t)).and_then(|job| job.join_recorded())
    })
    .expect("the job runs");
    let outputs = job.take();
    let running = job.clone();
    Sim::replay(&journal, MemoryFiles::default(), move |t| running.build(t)).expect("the job runs");
    assert!(job.take() == outputs, "the replay of a run with {settings:?} gave other outputs");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(40) })]

    #[test]
    fn run_on_threads_is_replayed_bit_for_bit(
        splits in some_splits(300), bound in bound(), span in span(), settings in settings(),
    ) {
        record_and_replay(Driver::Plain, settings, &splits, bound, span);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(6) })]

    /// Where io_uring is not permitted there is no glommio; the other drivers are tested anyway.
    #[test]
    fn run_on_glommio_is_replayed_bit_for_bit(
        splits in some_splits(300), bound in bound(), span in span(), settings in settings(),
    ) {
        let settings = Settings { workers: settings.workers.min(3), ..settings };
        if has_glommio() {
            record_and_replay(Driver::Glommio, settings, &splits, bound, span);
        }
    }
}

/// Asks the engine which driver it takes when it may choose.
fn has_glommio() -> bool {
    let report = Engine::builder().build().run("probe", |t| {
        t.source("nothing", Items::of(Vec::<u64>::new()))
            .without_event_time()
            .sink("nowhere", Blackhole);
        Ok(())
    });
    report.expect("the job runs").driver == "glommio"
}
