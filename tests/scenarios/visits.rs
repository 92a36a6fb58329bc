//! Rules that visit all keys: whichever stream is ahead, each key is visited once by each, and long visits are worked off in slices.

use std::sync::Arc;

use proptest::prelude::*;
use thalweg::control::InlineEngine;
use thalweg::error::JobError;
use thalweg::prelude::*;
use thalweg::process::{
    BroadcastCx, BroadcastMap, KeyedBroadcastProcess, NoSide, NoTimers, Rules, Visit,
};
use thalweg::rt::{MemoryFiles, Sim};
use thalweg::state::{NoState, State, Value};
use thalweg_tests::random::{on, one_split, some_splits};
use thalweg_tests::run::{source, watched};
use thalweg_tests::visits::{Visited, check};

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn each_rule_visits_each_key_once_and_each_key_has_its_random_numbers(
        on in on(), events in some_splits(120), rules in one_split(40)
    ) {
        let out = Collected::new();
        let (handle, inputs) = (out.clone(), (Arc::clone(&events), Arc::clone(&rules)));
        on.run(move |t| {
            let rules = source(t, "rules", &inputs.1).watermarks(Monotonic);
            source(t, "events", &inputs.0)
                .watermarks(Monotonic)
                .key_by(|e| e.name())
                .connect_broadcast(rules)
                .process("visited", || Visited)
                .sink("out", handle.sink());
            Ok(())
        }).unwrap();
        let given: Vec<Vec<_>> = out.take_per_worker().into_iter()
            .map(|steps| steps.into_iter().map(|(_, step)| step).collect())
            .collect();
        prop_assert_eq!(check(&given, "visited", &events.concat(), &rules[0]), Ok(()));
    }
}

#[derive(State)]
struct Sum {
    sum: Value<u64>,
}

/// Each rule multiplies the sums of all keys, and sends them.
struct Multiplied;

impl KeyedBroadcastProcess for Multiplied {
    type Key = u64;
    type In = u64;
    type Broadcast = u64;
    type RuleKey = u64;
    type Rule = u64;
    type Out = (u64, u64);
    type State = Sum;
    type Timer = NoTimers;
    type Side = NoSide;

    fn on_event(
        &mut self,
        cx: &mut BroadcastCx<'_, Self>,
        _: &mut Rules<'_, u64, u64>,
        n: &Rec<u64>,
    ) -> Result<(), OperatorFault> {
        cx.state.sum.update(|sum| *sum += n.to_native());
        Ok(())
    }

    fn on_broadcast(
        &mut self,
        _: &mut BroadcastMap<u64, u64>,
        _: &Rec<u64>,
    ) -> Result<(), OperatorFault> {
        Ok(())
    }

    fn visits(&mut self, _: &Rec<u64>) -> Visit<Sum> {
        Visit::all_keys(|state| &state.sum)
    }

    fn on_visit(
        &mut self,
        cx: &mut BroadcastCx<'_, Self>,
        _: &mut Rules<'_, u64, u64>,
        factor: &Rec<u64>,
    ) -> Result<(), OperatorFault> {
        let sum = cx.state.sum.update(|sum| {
            *sum *= factor.to_native();
            *sum
        });
        let key = cx.key();
        cx.out.emit(&(key, sum));
        Ok(())
    }
}

fn multiplied(t: &mut Topology) -> Result<()> {
    let factors = t.input::<u64>("factors").without_event_time();
    t.input::<u64>("numbers")
        .without_event_time()
        .key_by_value(|n| n.to_native())
        .connect_broadcast(factors)
        .process("multiplied", || Multiplied)
        .output("sums");
    Ok(())
}

fn turn(engine: &mut InlineEngine, output: &mut OutputHandle<(u64, u64)>) -> Vec<(u64, u64)> {
    let mut received = Vec::new();
    while engine.turn() {
        // An error is the end.
        let _ = output.drain(|record, _| received.push(record.to_value()));
    }
    received
}

#[test]
fn a_visit_of_many_keys_is_worked_off_in_slices_before_the_next_record_is_read_and_replayed() {
    const KEYS: u64 = 20_000;
    watched(|| {
        let settings = Engine::builder().slice_records(100).record_decisions();
        let mut engine = settings.build_inline().unwrap();
        let job = engine.deploy("multiplied", multiplied).unwrap();
        let mut numbers = job.input::<u64>("numbers").unwrap();
        let mut factors = job.input::<u64>("factors").unwrap();
        let mut output = job.output::<(u64, u64)>("sums").unwrap();
        for n in 0..KEYS {
            while numbers.try_send(&n).is_err() {
                engine.turn();
            }
        }
        assert_eq!(turn(&mut engine, &mut output), []);
        // Both, and two records more, are there at once: each waits for what the one before has to visit.
        factors.push(&2).unwrap();
        factors.push(&3).unwrap();
        factors.flush();
        let mut turns = 0;
        let mut received = Vec::new();
        while engine.turn() {
            turns += 1;
            let before = received.len();
            let _ = output.drain(|record, _| received.push(record.to_value()));
            assert!(received.len() - before <= 2_000, "a turn does a bounded piece");
        }
        assert!(turns > 2 * 100, "{turns}");
        let times = |factor| (0..KEYS).map(move |n| (n, n * factor));
        assert_eq!(received, times(2).chain(times(6)).collect::<Vec<_>>(), "in order of insertion");
        numbers.close();
        factors.close();
        while !job.is_ended() {
            assert_eq!(turn(&mut engine, &mut output), []);
        }
        let (_, journal) = job.join_recorded().unwrap();
        let replayed = Sim::replay(&journal, MemoryFiles::default(), multiplied).unwrap();
        let replayed = replayed.output::<(u64, u64)>("sums");
        assert_eq!(replayed.into_iter().map(|(_, sum)| sum).collect::<Vec<_>>(), received);
    });
}

/// Visits, but does not say what is done then.
struct Mute;

impl KeyedBroadcastProcess for Mute {
    type Key = u64;
    type In = u64;
    type Broadcast = u64;
    type RuleKey = u64;
    type Rule = u64;
    type Out = u64;
    type State = Sum;
    type Timer = NoTimers;
    type Side = NoSide;

    fn on_event(
        &mut self,
        cx: &mut BroadcastCx<'_, Self>,
        _: &mut Rules<'_, u64, u64>,
        n: &Rec<u64>,
    ) -> Result<(), OperatorFault> {
        cx.state.sum.set(n.to_native());
        Ok(())
    }

    fn on_broadcast(
        &mut self,
        _: &mut BroadcastMap<u64, u64>,
        _: &Rec<u64>,
    ) -> Result<(), OperatorFault> {
        Ok(())
    }

    fn visits(&mut self, _: &Rec<u64>) -> Visit<Sum> {
        Visit::all_keys(|state| &state.sum)
    }
}

#[test]
fn a_visit_that_nobody_handles_ends_the_job_and_says_so() {
    watched(|| {
        let mut engine = Engine::builder().build_inline().unwrap();
        let job = engine.deploy("mute", |t| {
            let rules = t.input::<u64>("rules").without_event_time();
            t.input::<u64>("numbers")
                .without_event_time()
                .key_by_value(|n| n.to_native())
                .connect_broadcast(rules)
                .process("mute", || Mute)
                .sink("out", Blackhole);
            Ok(())
        });
        let job = job.unwrap();
        let mut numbers = job.input::<u64>("numbers").unwrap();
        let mut rules = job.input::<u64>("rules").unwrap();
        // No key: nothing to visit.
        rules.try_send(&1).unwrap();
        while engine.turn() {}
        numbers.try_send(&1).unwrap();
        while engine.turn() {}
        assert!(!job.is_ended());
        rules.try_send(&2).unwrap();
        let error = engine.join(job).unwrap_err();
        assert!(matches!(error, JobError::Operator { .. }));
        let chain = std::error::Error::source(&error).map(ToString::to_string);
        assert_eq!(
            (error.to_string().as_str(), chain.as_deref()),
            (
                "operator \"mute\" failed",
                Some("a broadcast record visits keys, but the process function has no `on_visit`")
            )
        );
    });
}

/// A process function without state has no keys to visit, and need not say anything.
#[test]
fn who_visits_nothing_says_nothing() {
    assert!(format!("{:?}", Visit::<NoState>::none()).contains("false"));
}
