//! Event time of several splits: those that are ahead wait, and those that are wrong about the time are not believed.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use thalweg::error::BuildError;
use thalweg::prelude::*;
use thalweg::rt::{MemoryFiles, Sim};
use thalweg_tests::oracle::{self, sorted, unordered};
use thalweg_tests::random::{bound, on, span};
use thalweg_tests::records::{Event, Summary, Totals};
use thalweg_tests::run::{On, source};
use thalweg_tests::scripted::{Act, Scripted};

fn event(id: u64, at_ms: i64) -> Event {
    let name = format!("k{}", id % 5).into();
    let (at, value, text) = (EventTime::from_millis(at_ms), 1, Str::default());
    Event { at, id, name, group: 0, value, text }
}

/// Bursts in order of event time, of splits of very different rates, with silences between them.
fn script(split: usize) -> impl Strategy<Value = Vec<Act>> {
    let burst = (1..300_usize, 0..3_u32);
    (vec(burst, 0..6), prop_oneof![Just(0), 1..3_i64, 20..200_i64]).prop_map(
        move |(bursts, step_ms)| {
            let (mut clock_ms, mut id) = (0, (split as u64) << 32);
            let acts = bursts.into_iter().flat_map(|(records, silence)| {
                let records = (0..records).map(|_| {
                    clock_ms += step_ms;
                    id += 1;
                    event(id, clock_ms)
                });
                [Act::Speak(records.collect()), Act::Silent(10_u32.pow(silence) - 1)]
            });
            acts.collect()
        },
    )
}

fn scripts() -> impl Strategy<Value = Vec<Vec<Act>>> {
    (1..6_usize).prop_flat_map(|count| (0..count).map(script).collect::<Vec<_>>())
}

/// Windows over scripted splits that are aligned.
#[derive(Debug, Clone)]
struct Aligned {
    source: Scripted,
    drift: Duration,
    idle_after: Option<Duration>,
    /// Two sources instead of one, and what aligns them.
    halves: Option<Option<&'static str>>,
    on_time: Collected<Summary>,
    late: Collected<Event>,
}

const WIDTH: Duration = Duration::from_millis(100);

impl Aligned {
    fn new(scripts: Vec<Vec<Act>>, drift: Duration, idle_after: Option<Duration>) -> Self {
        let checked = idle_after.is_none().then_some(drift);
        let source = Scripted::new(scripts, Duration::ZERO, checked);
        let (on_time, late) = (Collected::new(), Collected::new());
        Self { source, drift, idle_after, halves: None, on_time, late }
    }

    fn build(&self, t: &mut Topology) -> Result<()> {
        let strategy = Monotonic.aligned_within(self.drift);
        let strategy = match self.idle_after {
            Some(silence) => strategy.idle_after(silence),
            None => strategy.never_idle(),
        };
        let events = match self.halves {
            None => t.source("events", self.source.clone()).watermarks(strategy),
            Some(group) => {
                let strategy = group.map_or(strategy, |group| strategy.aligned_with(group));
                let [one, two] = self.source.halves();
                let one = t.source("one", one).watermarks(strategy);
                one.union(t.source("two", two).watermarks(strategy))
            }
        };
        let windowed = events
            .key_by(|e| e.name())
            .window("windows", Tumbling::of(WIDTH))
            .aggregate(|totals: &mut Totals, e| totals.add(e.id(), e.value()));
        windowed
            .on_time
            .map(|w| {
                let w = w.to_value();
                Summary { start: w.start, end: w.end, name: w.key, totals: w.value }
            })
            .sink("results", self.on_time.sink());
        windowed.late.sink("late", self.late.sink());
        Ok(())
    }

    fn run(&self, on: &On) -> (Vec<Summary>, BTreeSet<u64>) {
        let job = self.clone();
        on.run(move |t| job.build(t)).unwrap();
        self.source.take_read();
        (self.on_time.take(), self.late.take().iter().map(|event| event.id).collect())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(60) })]

    #[test]
    fn no_split_is_polled_while_it_is_ahead_of_another_by_more_than_the_drift(
        scripts in scripts(), drift in span(), seed: u64, workers in 1..=4_usize,
    ) {
        let job = Aligned::new(scripts, drift, None);
        let (on_time, late) = job.run(&On::Sim { seed, workers });
        prop_assert_eq!(job.source.violations(), 0);
        prop_assert!(late.is_empty());
        let expected = oracle::tumbling_of_all(&job.source.events(), WIDTH);
        prop_assert_eq!(unordered(&on_time), unordered(&expected));
    }

    #[test]
    fn sources_that_are_aligned_with_each_other_are_as_if_they_were_one(
        scripts in scripts(), drift in span(), seed: u64, workers in 1..=4_usize,
    ) {
        let job = Aligned { halves: Some(Some("events")), ..Aligned::new(scripts, drift, None) };
        let (on_time, late) = job.run(&On::Sim { seed, workers });
        // One of the halves may have no split: then there is nobody to wait for.
        prop_assert_eq!(job.source.violations(), 0);
        prop_assert!(late.is_empty());
        let expected = oracle::tumbling_of_all(&job.source.events(), WIDTH);
        prop_assert_eq!(unordered(&on_time), unordered(&expected));
    }

    #[test]
    fn aligned_sources_that_fall_silent_block_nobody(
        scripts in scripts(), drift in span(), on in on(), idle_us in 0..500_u64,
    ) {
        let idle_after = Some(Duration::from_micros(idle_us));
        let job = Aligned { halves: Some(Some("events")), ..Aligned::new(scripts, drift, idle_after) };
        let (on_time, late) = job.run(&on);
        let rest = job.source.events().into_iter().filter(|event| !late.contains(&event.id));
        let expected = oracle::tumbling_of_all(&rest.collect::<Vec<_>>(), WIDTH);
        prop_assert_eq!(unordered(&on_time), unordered(&expected));
    }

    #[test]
    fn aligned_splits_that_fall_silent_and_come_back_block_nobody_and_lose_nothing(
        scripts in scripts(), drift in span(), on in on(), idle_us in 0..500_u64,
    ) {
        let job = Aligned::new(scripts, drift, Some(Duration::from_micros(idle_us)));
        let (on_time, late) = job.run(&on);
        let rest = job.source.events().into_iter().filter(|event| !late.contains(&event.id));
        let expected = oracle::tumbling_of_all(&rest.collect::<Vec<_>>(), WIDTH);
        prop_assert_eq!(unordered(&on_time), unordered(&expected));
    }

    #[test]
    fn alignment_is_replayed(
        scripts in scripts(), drift in span(), seed: u64, workers in 1..=4_usize, idle_us in 0..500_u64,
    ) {
        let job = Aligned::new(scripts, drift, Some(Duration::from_micros(idle_us)));
        let running = job.clone();
        let report = Sim::new(seed, workers).run(move |t| running.build(t)).unwrap();
        let outputs = (job.on_time.take_per_worker(), job.late.take_per_worker());
        let running = job.clone();
        Sim::replay(&report.journal, MemoryFiles::default(), move |t| running.build(t)).unwrap();
        let replayed = (job.on_time.take_per_worker(), job.late.take_per_worker());
        prop_assert!(replayed == outputs, "the replay gave other outputs");
    }
}

/// Sources that are aligned each for itself do not wait for each other: else the test above would show nothing.
#[test]
fn without_a_group_sources_run_ahead_of_each_other() {
    let slow = (0..300).map(|n| event(n, i64::try_from(n).unwrap()));
    let fast = (0..300).map(|n| event(1 << 32 | n, 1_000 * i64::try_from(n).unwrap()));
    let scripts =
        || vec![vec![Act::Speak(slow.clone().collect())], vec![Act::Speak(fast.clone().collect())]];
    let violations = |group: Option<&'static str>| {
        let job = Aligned { halves: Some(group), ..Aligned::new(scripts(), WIDTH, None) };
        (0..5).for_each(|seed| drop(job.run(&On::Sim { seed, workers: 2 })));
        job.source.violations()
    };
    assert!(violations(None) > 0);
    assert_eq!(violations(Some("both")), 0);
}

/// What one split should give: who is believed, and of those who is late.
#[derive(Debug, Default, PartialEq)]
struct Judged {
    far: Vec<u64>,
    late: Vec<u64>,
    on_time: Vec<Event>,
}

/// The rule of `max_jump`, written down again: believed is what is near the latest that was believed before, and the first; a jump that sixteen
/// in a row agree on is believed by its least.
fn judge(split: &[Event], max_jump: Duration, bound: Duration, width: Duration) -> Judged {
    let mut judged = Judged::default();
    let (mut believed, mut doubted): (Vec<EventTime>, Vec<EventTime>) = (Vec::new(), Vec::new());
    let mut watermark = EventTime::MIN;
    for (index, event) in split.iter().enumerate() {
        if index % 64 == 0
            && let Some(latest) = believed.iter().max()
        {
            watermark = watermark.max(*latest - bound);
        }
        let is_near = |believed: &[EventTime]| {
            believed.iter().max().is_none_or(|latest| event.at <= *latest + max_jump)
        };
        let mut is_believed = is_near(&believed);
        if is_believed {
            doubted.clear();
        } else {
            doubted.push(event.at);
            if doubted.len() == 16 {
                believed.push(*doubted.iter().min().unwrap());
                doubted.clear();
                is_believed = is_near(&believed);
                if !is_believed {
                    doubted.push(event.at);
                }
            }
        }
        if !is_believed {
            judged.far.push(event.id);
            continue;
        }
        believed.push(event.at);
        let (_, end) = oracle::window(event.at, width);
        if end <= watermark {
            judged.late.push(event.id);
        } else {
            judged.on_time.push(event.clone());
        }
    }
    judged
}

/// A split with clocks that are wrong now and then, for one record or for many.
fn doubtful_split() -> impl Strategy<Value = Vec<Event>> {
    let step = (
        0..20_i64,
        prop_oneof![
            6 => Just(0_i64),
            1 => 1..2_000_i64,
            1 => 10_000..10_000_000_i64,
        ],
        prop_oneof![9 => 1..4_usize, 1 => 10..40_usize],
    );
    vec(step, 0..100).prop_map(|steps| {
        let (mut clock_ms, mut id) = (0, 0);
        let records = steps.into_iter().flat_map(|(step_ms, ahead_ms, records)| {
            let records: Vec<Event> = (0..records)
                .map(|_| {
                    clock_ms += step_ms;
                    id += 1;
                    event(id, clock_ms + ahead_ms)
                })
                .collect();
            records
        });
        records.collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(100) })]

    #[test]
    fn doubtful_records_go_aside_and_make_nothing_late(
        split in doubtful_split(), jump in span(), bound in bound(), width in span(), on in on(), later: bool,
    ) {
        let expected = judge(&split, jump, bound, width);
        let (far, late, on_time) = (Collected::new(), Collected::new(), Collected::new());
        let sinks = (far.clone(), late.clone(), on_time.clone());
        let splits = std::sync::Arc::new(vec![split]);
        let report = on.run(move |t| {
            let strategy = BoundedOutOfOrderness::of(bound).max_jump(jump);
            let events = source(t, "events", &splits);
            let FarFuture { stream, far_future } = match later {
                false => events.watermarks_and_far_future(strategy),
                true => events
                    .without_event_time()
                    .assign_time_and_far_future("time", |e| e.at(), strategy),
            };
            far_future.map(|e| e.id()).sink("far", sinks.0.sink());
            let windowed = stream
                .key_by(|e| e.name())
                .window("windows", Tumbling::of(width))
                .aggregate(|totals: &mut Totals, e| totals.add(e.id(), e.value()));
            windowed.late.map(|e| e.id()).sink("late", sinks.1.sink());
            windowed.on_time.map(|w| {
                let w = w.to_value();
                Summary { start: w.start, end: w.end, name: w.key, totals: w.value }
            }).sink("on time", sinks.2.sink());
            Ok(())
        }).unwrap();
        let judge = if later { "time" } else { "events" };
        prop_assert_eq!(report.operator(judge).unwrap().totals.far_future, expected.far.len() as u64);
        prop_assert_eq!(sorted(far.take()), expected.far);
        prop_assert_eq!(sorted(late.take()), sorted(expected.late));
        let windows = oracle::tumbling_of_all(&expected.on_time, width);
        prop_assert_eq!(unordered(&on_time.take()), unordered(&windows));
    }
}

fn refused(job: impl Fn(&mut Topology) + 'static) -> Vec<String> {
    let plan = Engine::builder().build().plan(move |t| {
        job(t);
        Ok(())
    });
    match plan {
        Err(JobError::Build(errors)) => errors.iter().map(BuildError::to_string).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn options_that_could_have_no_effect_are_refused() {
    let errors = refused(|t| {
        let source = t.source("events", Items::of(vec![event(1, 1)]));
        let FarFuture { stream, far_future } = source.watermarks_and_far_future(Monotonic);
        far_future.drop_counted();
        stream.sink("out", Blackhole);
    });
    let expected = "setting of \"events\": no record can be too far in the future: the strategy has no bound; call max_jump() or max_ahead_of_clock()";
    assert_eq!(errors, [expected]);
    let errors = refused(|t| {
        let stream = t.source("events", Items::of(vec![event(1, 1)])).watermarks(Monotonic);
        stream
            .assign_time("again", |e| e.at(), Monotonic.aligned_within(1.secs()))
            .sink("out", Blackhole);
    });
    let expected = "setting of \"again\": only a source can wait for others: set aligned_within() on the strategy of the source, which aligns by the event time that it reads";
    assert_eq!(errors, [expected]);
    let errors = refused(|t| {
        let stream = t.source("events", Items::of(vec![event(1, 1)])).watermarks(Monotonic);
        let FarFuture { stream, far_future } =
            stream.assign_time_and_far_future("again", |e| e.at(), Monotonic);
        far_future.drop_counted();
        stream.sink("out", Blackhole);
    });
    let expected = "setting of \"again\": no record can be too far in the future: the strategy has no bound; call max_jump() or max_ahead_of_clock()";
    assert_eq!(errors, [expected]);
    let errors = refused(|t| {
        let items = || Items::of(vec![event(1, 1)]);
        let alone = Monotonic.aligned_within(1.secs()).aligned_with("alone");
        t.source("one", items()).watermarks(alone).sink("out one", Blackhole);
        let unbound = Monotonic.never_idle().aligned_with("both");
        t.source("two", items()).watermarks(unbound).sink("out two", Blackhole);
        t.source("three", items())
            .watermarks(unbound.aligned_within(1.secs()))
            .sink("out three", Blackhole);
    });
    let expected = [
        "setting of \"two\": say how far it may be ahead of those it is aligned with: aligned_within()",
        "setting of \"one\": no other source of the job is aligned with \"alone\"; say the same name there, or leave aligned_with() out",
    ];
    assert_eq!(errors, expected);
}

#[test]
fn a_stream_of_doubtful_records_is_used_or_dropped_in_so_many_words() {
    let errors = refused(|t| {
        let source = t.source("events", Items::of(vec![event(1, 1)]));
        let strategy = Monotonic.max_jump(1.secs());
        source.watermarks_and_far_future(strategy).stream.sink("out", Blackhole);
    });
    let expected = "output `far_future` of operator \"events\" is not used; send it to a sink or call drop_counted()";
    assert_eq!(errors, [expected]);
}
