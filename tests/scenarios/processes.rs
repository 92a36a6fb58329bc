//! Process functions over one stream, two, and one with rules, against loops by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use thalweg::error::JobError;
use thalweg::prelude::*;
use thalweg::process::{
    BroadcastCx, BroadcastMap, CoCx, Cx, KeyedBroadcastProcess, KeyedCoProcess, KeyedProcess,
    NoSide, NoTimers, PlainCx, Process, Processed, Rules, Side, SideOutputs, Timers,
};
use thalweg::rt::{MemoryFiles, Sim};
use thalweg::source::{Emitter, OpenContext, Polled, Source, SplitReader};
use thalweg::state::{List, Map, NoState, State, Value};
use thalweg::time::ProcessingTime;
use thalweg_tests::oracle::{NEVER_LATE, sorted};
use thalweg_tests::processes::{Given, Handles, by_hand};
use thalweg_tests::random::{bound, on, one_split, some_splits, span};
use thalweg_tests::records::Event;
use thalweg_tests::run::{On, Settings, source};

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn state_timers_and_side_outputs_are_those_of_a_loop_by_hand(
        on in on(), splits in one_split(400), bound in bound(), gap in span()
    ) {
        let handles = Handles::default();
        let (attached, input) = (handles.clone(), Arc::clone(&splits));
        on.run(move |t| {
            let events = source(t, "events", &input).watermarks(BoundedOutOfOrderness::of(bound));
            attached.attach(events, gap);
            Ok(())
        }).unwrap();
        prop_assert_eq!(handles.take(), by_hand(&splits[0], bound, gap));
    }

    #[test]
    fn two_streams_share_what_a_key_remembers(
        on in on(), left in some_splits(150), right in some_splits(150)
    ) {
        let out = Collected::new();
        let (handle, inputs) = (out.clone(), (Arc::clone(&left), Arc::clone(&right)));
        on.run(move |t| {
            let bound = BoundedOutOfOrderness::of(NEVER_LATE);
            let right = source(t, "right", &inputs.1).watermarks(bound).key_by_value(|e| e.group());
            source(t, "left", &inputs.0)
                .watermarks(bound)
                .key_by_value(|e| e.group())
                .connect(right)
                .process("both", || Both)
                .sink("out", handle.sink());
            Ok(())
        }).unwrap();
        let mut expected = BTreeMap::<u32, (Vec<u64>, Vec<u64>)>::new();
        for e in left.iter().flatten() {
            expected.entry(e.group).or_default().0.push(e.id);
        }
        for e in right.iter().flatten() {
            expected.entry(e.group).or_default().1.push(e.id);
        }
        let expected: Vec<_> = expected.into_iter().map(|(k, (a, b))| (k, sorted(a), sorted(b))).collect();
        prop_assert_eq!(sorted(out.take()), expected);
    }

    #[test]
    fn every_worker_has_all_rules_in_the_end(
        on in on(), events in some_splits(200), rules in one_split(100)
    ) {
        let out = Collected::new();
        let (handle, inputs) = (out.clone(), (Arc::clone(&events), Arc::clone(&rules)));
        on.run(move |t| {
            let bound = BoundedOutOfOrderness::of(NEVER_LATE);
            let rules = source(t, "rules", &inputs.1).watermarks(bound).filter(|e| e.value() % 7 != 0);
            source(t, "events", &inputs.0)
                .watermarks(bound)
                .key_by(|e| e.name())
                .connect_broadcast(rules)
                .process("ruled", || Ruled)
                .sink("out", handle.sink());
            Ok(())
        }).unwrap();
        let mut in_force = BTreeMap::<Str, i64>::new();
        for rule in rules[0].iter().filter(|e| e.value % 7 != 0) {
            match rule.value % 3 {
                0 => drop(in_force.remove(&rule.name)),
                _ => drop(in_force.insert(rule.name.clone(), rule.value)),
            }
        }
        let names: BTreeSet<_> = events.iter().flatten().map(|e| e.name.clone()).collect();
        let in_force: Vec<_> = in_force.into_iter().collect();
        let expected: Vec<_> = names.into_iter().map(|name| (name, in_force.clone())).collect();
        prop_assert_eq!(sorted(out.take()), expected);
    }

    #[test]
    fn a_stream_without_keys_goes_to_several_outputs(on in on(), splits in some_splits(200)) {
        let (even, odd, all) = (Collected::new(), Collected::new(), Collected::new());
        let (handles, input) = ((even.clone(), odd.clone(), all.clone()), Arc::clone(&splits));
        on.run(move |t| {
            let Processed { main, side } =
                source(t, "events", &input).watermarks(Monotonic).process("parity", || Parity);
            main.sink("all", handles.2.sink());
            side.even.sink("even", handles.0.sink());
            side.odd.sink("odd", handles.1.sink());
            Ok(())
        }).unwrap();
        let events = sorted(splits.iter().flatten().cloned());
        let expected: Vec<_> = events.iter().filter(|e| e.value % 2 == 0).cloned().collect();
        prop_assert_eq!(sorted(even.take()), expected);
        let mut expected: Vec<_> = events.iter().filter(|e| e.value % 2 != 0).map(|e| e.id).collect();
        expected.sort_unstable();
        prop_assert_eq!(sorted(odd.take()), expected);
        prop_assert_eq!(all.take().len(), events.len());
    }

    #[test]
    fn processing_timers_fire_when_the_clock_has_come_to_them(seed: u64, workers in 1..=3usize) {
        let run = |journal: Option<&thalweg::runtime::Journal>| {
            let out = Collected::new();
            let handle = out.clone();
            let job = move |t: &mut Topology| {
                t.source("slow", Slow)
                    .without_event_time()
                    .key_by_value(|n| n.to_native() % 5)
                    .process("soon", || Soon)
                    .sink("out", handle.sink());
                Ok(())
            };
            let report = match journal {
                None => Sim::new(seed, workers).run(job),
                Some(journal) => Sim::replay(journal, MemoryFiles::default(), job),
            };
            (report.unwrap().journal, out.take_per_worker())
        };
        let (journal, given) = run(None);
        // Timers that are pending when the input ends do not fire; the last of 20 records come 5 ms and more after the others.
        let fired: Vec<_> = given.iter().flatten().map(|(_, fired)| fired).collect();
        prop_assert!(fired.len() >= 15, "{fired:?}");
        for (_, set, at, now) in &fired {
            prop_assert!(set < at && at <= now, "{set} {at} {now}");
        }
        prop_assert_eq!(run(Some(&journal)).1, given);
    }
}

/// Both sides' ids by group, when all has come.
struct Both;

#[derive(State)]
struct Sides {
    left: List<u64>,
    right: Map<u64, bool>,
}

#[derive(Timers)]
enum End {
    End,
}

impl KeyedCoProcess for Both {
    type Key = u32;
    type Left = Event;
    type Right = Event;
    type Out = (u32, Vec<u64>, Vec<u64>);
    type State = Sides;
    type Timer = End;
    type Side = NoSide;

    fn on_left(&mut self, cx: &mut CoCx<'_, Self>, e: &Rec<Event>) -> Result<(), OperatorFault> {
        cx.state.left.push(e.id());
        cx.event_timers.set(End::End, EventTime::MAX);
        Ok(())
    }

    fn on_right(&mut self, cx: &mut CoCx<'_, Self>, e: &Rec<Event>) -> Result<(), OperatorFault> {
        cx.state.right.insert(e.id(), true);
        cx.event_timers.set(End::End, EventTime::MAX);
        Ok(())
    }

    fn on_timer(
        &mut self,
        cx: &mut CoCx<'_, Self>,
        End::End: End,
        _: EventTime,
    ) -> Result<(), OperatorFault> {
        let left = sorted(cx.state.left.to_vec());
        let right = sorted(cx.state.right.iter().map(|(id, _)| id));
        let key = cx.key();
        cx.out.emit(&(key, left, right));
        Ok(())
    }
}

/// The rules that each key meets when all has come.
struct Ruled;

impl KeyedBroadcastProcess for Ruled {
    type Key = Str;
    type In = Event;
    type Broadcast = Event;
    type RuleKey = Str;
    type Rule = i64;
    type Out = (Str, Vec<(Str, i64)>);
    type State = NoState;
    type Timer = End;
    type Side = NoSide;

    fn on_event(
        &mut self,
        cx: &mut BroadcastCx<'_, Self>,
        rules: &mut Rules<'_, Str, i64>,
        e: &Rec<Event>,
    ) -> Result<(), OperatorFault> {
        assert!(rules.get(e.name()).is_none_or(|value| value % 3 != 0));
        cx.event_timers.set(End::End, EventTime::MAX);
        Ok(())
    }

    fn on_broadcast(
        &mut self,
        rules: &mut BroadcastMap<Str, i64>,
        rule: &Rec<Event>,
    ) -> Result<(), OperatorFault> {
        match rule.value() % 3 {
            0 => drop(rules.remove(rule.name())),
            _ => rules.insert(rule.name(), rule.value()),
        }
        Ok(())
    }

    fn on_timer(
        &mut self,
        cx: &mut BroadcastCx<'_, Self>,
        rules: &mut Rules<'_, Str, i64>,
        End::End: End,
        _: EventTime,
    ) -> Result<(), OperatorFault> {
        let in_force = sorted(rules.iter());
        let key = cx.key();
        cx.out.emit(&(key, in_force));
        Ok(())
    }
}

#[derive(SideOutputs)]
struct ByParity {
    even: Side<Event>,
    odd: Side<u64>,
}

struct Parity;

impl Process for Parity {
    type In = Event;
    type Out = EventTime;
    type Side = ByParity;

    fn on_event(
        &mut self,
        cx: &mut PlainCx<'_, Self>,
        e: &Rec<Event>,
    ) -> Result<(), OperatorFault> {
        match e.value() % 2 {
            0 => cx.side.even.forward(e),
            _ => cx.side.odd.emit(&e.id()),
        }
        let at = cx.event_time();
        cx.out.emit(&at);
        Ok(())
    }
}

/// Twenty numbers, after each of which it says a thousand times that there is nothing.
struct Slow;

struct SlowReader {
    next: u64,
    silence: u32,
}

impl Source for Slow {
    type Out = u64;
    type Split = ();
    type Reader = SlowReader;

    fn splits(&self, _: &dyn thalweg::io::Files) -> Result<Vec<()>, OperatorFault> {
        Ok(vec![()])
    }

    fn open(&self, (): &(), _: &OpenContext) -> Result<SlowReader, OperatorFault> {
        Ok(SlowReader { next: 0, silence: 0 })
    }
}

impl SplitReader<u64> for SlowReader {
    fn poll(&mut self, out: &mut Emitter<'_, u64>) -> Result<Polled, OperatorFault> {
        if self.silence > 0 {
            self.silence -= 1;
            return Ok(Polled::Dry);
        }
        if self.next == 20 {
            return Ok(Polled::End);
        }
        out.emit(&self.next);
        self.next += 1;
        self.silence = 4_000;
        Ok(Polled::Dry)
    }
}

#[derive(State)]
struct SetAt {
    at: Value<i64>,
}

#[derive(Timers)]
enum Alarm {
    Soon,
}

/// Says when a timer was set, when it was due, and when it fired.
struct Soon;

impl KeyedProcess for Soon {
    type Key = u64;
    type In = u64;
    type Out = (u64, i64, i64, i64);
    type State = SetAt;
    type Timer = Alarm;
    type Side = NoSide;

    fn on_event(&mut self, cx: &mut Cx<'_, Self>, n: &Rec<u64>) -> Result<(), OperatorFault> {
        let now = cx.processing_time();
        assert!(now > ProcessingTime::from_nanos(0), "the clock is a wall clock");
        cx.state.at.set(now.as_nanos());
        cx.processing_timers.set(Alarm::Soon, now + (n.to_native() + 1).micros());
        Ok(())
    }

    fn on_processing_timer(
        &mut self,
        cx: &mut Cx<'_, Self>,
        Alarm::Soon: Alarm,
        at: ProcessingTime,
    ) -> Result<(), OperatorFault> {
        let (set, now) = (cx.state.at.take().unwrap(), cx.processing_time().as_nanos());
        let key = cx.key();
        cx.out.emit(&(key, set, at.as_nanos(), now));
        Ok(())
    }
}

/// Timers of many keys that are all due at once.
struct Together;

impl KeyedProcess for Together {
    type Key = u64;
    type In = u64;
    type Out = u64;
    type State = NoState;
    type Timer = End;
    type Side = NoSide;

    fn on_event(&mut self, cx: &mut Cx<'_, Self>, _: &Rec<u64>) -> Result<(), OperatorFault> {
        cx.event_timers.set(End::End, EventTime::from_secs(1));
        Ok(())
    }

    fn on_timer(
        &mut self,
        cx: &mut Cx<'_, Self>,
        _: End,
        _: EventTime,
    ) -> Result<(), OperatorFault> {
        let key = cx.key();
        cx.out.emit(&key);
        Ok(())
    }
}

#[derive(SideOutputs)]
struct Late {
    late: Side<u64>,
}

/// Sends what is before the watermark to a side output.
struct Watchful;

impl Process for Watchful {
    type In = u64;
    type Out = u64;
    type Side = Late;

    fn on_event(&mut self, cx: &mut PlainCx<'_, Self>, n: &Rec<u64>) -> Result<(), OperatorFault> {
        if cx.event_time() < cx.watermark() {
            cx.side.late.forward(n);
        }
        cx.out.forward(n);
        Ok(())
    }
}

#[test]
fn no_watermark_is_ahead_of_timers_that_are_all_due_at_once() {
    let (count, late) = (Collected::new(), Collected::new());
    let handles = (count.clone(), late.clone());
    On::Plain(Settings { slice_records: 7, ..Settings::tight(3) })
        .run(move |t| {
            let Processed { main, side } = t
                .source("numbers", Items::of((0..100_000u64).collect::<Vec<_>>()))
                .without_event_time()
                .key_by_value(|n| n.to_native())
                .process("together", || Together)
                .process("watchful", || Watchful);
            main.sink("all", handles.0.sink());
            side.late.sink("late", handles.1.sink());
            Ok(())
        })
        .unwrap();
    assert_eq!(sorted(count.take()), (0..100_000).collect::<Vec<_>>());
    assert_eq!(late.take(), Vec::<u64>::new());
}

/// Sets a timer for which it has no method, or fails.
struct Wrong {
    fails: bool,
}

impl KeyedProcess for Wrong {
    type Key = u64;
    type In = u64;
    type Out = u64;
    type State = NoState;
    type Timer = End;
    type Side = NoSide;

    fn on_event(&mut self, cx: &mut Cx<'_, Self>, n: &Rec<u64>) -> Result<(), OperatorFault> {
        if self.fails {
            return Err(format!("cannot take {}", n.to_native()).into());
        }
        cx.event_timers.set(End::End, EventTime::from_secs(1));
        Ok(())
    }
}

fn message_of(fails: bool) -> String {
    let run = On::Plain(Settings::tight(2)).run(move |t| {
        t.source("numbers", Items::of([7u64]))
            .without_event_time()
            .key_by_value(|n| n.to_native())
            .process("wrong", || Wrong { fails })
            .sink("out", Blackhole);
        Ok(())
    });
    let Err(JobError::Operator { operator, source }) = run else { panic!("the job fails") };
    format!("{operator}: {source}")
}

#[test]
fn an_error_of_a_process_function_ends_the_job_and_names_it() {
    assert_eq!(message_of(true), "wrong: cannot take 7");
    assert_eq!(
        message_of(false),
        "wrong: timer `End` is due at 1970-01-01T00:00:01Z, but the process function has no `on_timer`"
    );
}

#[test]
fn a_side_output_that_nobody_reads_is_refused() {
    let error = Engine::builder().build().run("unread", |t| {
        let Processed { main, side } = t
            .source("numbers", Items::of([7u64]))
            .without_event_time()
            .process("watchful", || Watchful);
        main.drop_counted();
        drop(side);
        Ok(())
    });
    assert_eq!(
        error.unwrap_err().to_string(),
        "the job cannot be built\n  output `late` of operator \"watchful\" is not used; send it to a sink or call drop_counted()"
    );
}

#[test]
fn connected_streams_become_one() {
    let out = Collected::new();
    let handle = out.clone();
    On::Plain(Settings::tight(2))
        .run(move |t| {
            let texts =
                t.source("texts", Items::of([Str::from("a"), "bb".into()])).without_event_time();
            let numbers = t.source("numbers", Items::of([5u64, 6])).without_event_time();
            let mapped = numbers
                .clone()
                .connect(texts.clone())
                .map(|n| n.to_native(), |text| text.len() as u64);
            let twice = numbers
                .connect(texts)
                .flat_map(|n, out| (0..2).for_each(|_| out.emit(&n.to_native())), |_, _| {});
            mapped.union(twice).sink("out", handle.sink());
            Ok(())
        })
        .unwrap();
    assert_eq!(sorted(out.take()), [1, 2, 5, 5, 5, 6, 6, 6]);
}

/// No state, no timers, no side outputs: what is left is a `filter_map` that knows its key.
struct Least;

impl KeyedProcess for Least {
    type Key = u64;
    type In = u64;
    type Out = u64;
    type State = NoState;
    type Timer = NoTimers;
    type Side = NoSide;

    fn on_event(&mut self, cx: &mut Cx<'_, Self>, n: &Rec<u64>) -> Result<(), OperatorFault> {
        if cx.key() == n.to_native() % 3 {
            cx.out.forward(n);
        }
        Ok(())
    }
}

#[test]
fn a_process_function_needs_neither_state_nor_timers() {
    let out = Collected::new();
    let handle = out.clone();
    On::Plain(Settings::tight(3))
        .run(move |t| {
            t.source("numbers", Items::of((0..50u64).collect::<Vec<_>>()))
                .without_event_time()
                .key_by_value(|n| n.to_native() % 3)
                .process("least", || Least)
                .sink("out", handle.sink());
            Ok(())
        })
        .unwrap();
    assert_eq!(sorted(out.take()), (0..50).collect::<Vec<_>>());
}

#[test]
fn by_hand_gives_something_of_everything() {
    let at = EventTime::from_millis;
    let event = |index: u64, ms: i64| Event {
        at: at(ms),
        id: index,
        name: format!("k{}", index % 3).into(),
        group: 1,
        value: i64::try_from(index * 7 % 23).unwrap(),
        text: Str::default(),
    };
    let events: Vec<_> =
        (0..300u64).map(|i| event(i, i64::try_from(200 + i * 10 - i % 5 * 30).unwrap())).collect();
    let Given { main, late, fired } = by_hand(&events, 1.millis(), 30.millis());
    assert_eq!(main.len(), 300);
    assert!(!late.is_empty() && fired.len() == 3, "{late:?} {fired:?}");
}
