//! A process function whose rules visit all keys, and what the trace of a key has to look like, whichever of the two streams was ahead.

use std::collections::BTreeMap;

use thalweg::prelude::*;
use thalweg::process::{
    BroadcastCx, BroadcastMap, KeyedBroadcastProcess, NoSide, Rules, Timers, Visit,
};
use thalweg::record::{KeyHash, KeyRef};
use thalweg::state::{Random, State, Value};

use crate::records::Event;

/// What a key remembers.
#[derive(Debug, State)]
pub struct Remembered {
    seen: Value<u64>,
    /// Which keys are visited. It grows, so that its entry moves.
    text: Value<Str>,
    dice: Random,
}

/// Timers of a key.
#[derive(Debug, Clone, Copy, Timers)]
pub enum Timer {
    /// At the end of all.
    End,
}

/// What has happened to a key.
#[record]
#[derive(PartialOrd, Ord, Eq)]
pub struct Step {
    /// The key.
    pub key: Str,
    /// 0: a record; 1: a visit; 2: the end.
    pub kind: u8,
    /// The record's id, or the rule's.
    pub id: u64,
    /// Records of the key so far.
    pub seen: u64,
    /// A random number.
    pub drawn: u64,
}

/// The process function.
#[derive(Debug)]
pub struct Visited;

fn step(cx: &mut BroadcastCx<'_, Visited>, kind: u8, id: u64) {
    let (seen, drawn) = (cx.state.seen.get_or_default(), cx.state.dice.next_u64());
    let key = cx.key();
    cx.out.emit(&Step { key, kind, id, seen, drawn });
}

/// Whether a rule visits keys, lets their text grow, or takes it away.
fn visits(rule: i64) -> bool {
    rule.rem_euclid(3) != 0
}

fn grows(rule: i64) -> bool {
    rule.rem_euclid(2) == 0
}

fn clears(rule: i64) -> bool {
    rule.rem_euclid(5) == 0
}

impl KeyedBroadcastProcess for Visited {
    type Key = Str;
    type In = Event;
    type Broadcast = Event;
    type RuleKey = u64;
    type Rule = i64;
    type Out = Step;
    type State = Remembered;
    type Timer = Timer;
    type Side = NoSide;

    fn on_event(
        &mut self,
        cx: &mut BroadcastCx<'_, Self>,
        _: &mut Rules<'_, u64, i64>,
        e: &Rec<Event>,
    ) -> Result<(), OperatorFault> {
        cx.state.seen.update(|seen| *seen += 1);
        cx.state.text.update(|text| text.push('e'));
        cx.event_timers.set(Timer::End, EventTime::MAX);
        step(cx, 0, e.id());
        Ok(())
    }

    fn on_broadcast(
        &mut self,
        rules: &mut BroadcastMap<u64, i64>,
        rule: &Rec<Event>,
    ) -> Result<(), OperatorFault> {
        rules.insert(rule.id(), rule.value());
        Ok(())
    }

    fn visits(&mut self, rule: &Rec<Event>) -> Visit<Remembered> {
        match visits(rule.value()) {
            true => Visit::all_keys(|state| &state.text),
            false => Visit::none(),
        }
    }

    fn on_visit(
        &mut self,
        cx: &mut BroadcastCx<'_, Self>,
        rules: &mut Rules<'_, u64, i64>,
        rule: &Rec<Event>,
    ) -> Result<(), OperatorFault> {
        assert_eq!(rules.get(rule.id()), Some(rule.value()), "it was seen before");
        assert!(cx.state.text.is_set());
        if clears(rule.value()) {
            cx.state.text.clear();
        } else if grows(rule.value()) {
            cx.state.text.update(|text| text.push_str(&"v".repeat(40)));
        }
        step(cx, 1, rule.id());
        Ok(())
    }

    fn on_timer(
        &mut self,
        cx: &mut BroadcastCx<'_, Self>,
        _: &mut Rules<'_, u64, i64>,
        Timer::End: Timer,
        _: EventTime,
    ) -> Result<(), OperatorFault> {
        step(cx, 2, 0);
        Ok(())
    }
}

/// The numbers of a key, as whoever knows the names can tell them.
fn numbers(key: &Str, operator: &str) -> impl Iterator<Item = u64> {
    let salt = KeyHash::of_bytes(format!("{operator}\0dice").as_bytes()).0;
    let seed = KeyHash::of_int(key.as_str().hash().0 ^ salt).0;
    (0u64..)
        .map(move |n| KeyHash::of_int(seed.wrapping_add(n.wrapping_mul(0x9e37_79b9_7f4a_7c15))).0)
}

/// Looks through what each worker gave, in order.
///
/// # Errors
///
/// What cannot be.
pub fn check(
    given: &[Vec<Step>],
    operator: &str,
    events: &[Event],
    rules: &[Event],
) -> Result<(), String> {
    let mut traces = BTreeMap::<&Str, Vec<&Step>>::new();
    given.iter().flatten().for_each(|step| traces.entry(&step.key).or_default().push(step));
    let mut ids = BTreeMap::<&Str, Vec<u64>>::new();
    events.iter().for_each(|e| ids.entry(&e.name).or_default().push(e.id));
    if !traces.keys().eq(ids.keys()) {
        return Err("other keys have steps than have records".into());
    }
    for (key, trace) in traces {
        let mut own: Vec<_> = trace.iter().filter(|s| s.kind == 0).map(|s| s.id).collect();
        own.sort_unstable();
        let mut expected = ids.remove(key).unwrap_or_default();
        expected.sort_unstable();
        if own != expected {
            return Err(format!("key {key:?} has records {own:?}, expected {expected:?}"));
        }
        check_trace(&trace, operator, rules).map_err(|error| format!("key {key:?}: {error}"))?;
    }
    Ok(())
}

fn check_trace(trace: &[&Step], operator: &str, rules: &[Event]) -> Result<(), String> {
    let visiting: Vec<_> = rules.iter().filter(|rule| visits(rule.value)).collect();
    // Rules before this one were dealt with.
    let mut next = 0;
    let (mut seen, mut may_skip) = (0, true);
    for (place, (step, drawn)) in trace.iter().zip(numbers(&trace[0].key, operator)).enumerate() {
        seen += u64::from(step.kind == 0);
        if (step.seen, step.drawn) != (seen, drawn) {
            return Err(format!("step {place} is {step:?}, expected {seen} seen, {drawn} drawn"));
        }
        match step.kind {
            1 => {
                let found = visiting[next..].iter().position(|rule| rule.id == step.id);
                let skipped = found.ok_or(format!("rule {} visits twice, or late", step.id))?;
                if skipped > 0 && !may_skip {
                    return Err(format!("{skipped} rules before {} have not visited", step.id));
                }
                next += skipped + 1;
                may_skip = clears(visiting[next - 1].value);
            }
            2 if place + 1 != trace.len() => return Err("something came behind the end".into()),
            2 if next < visiting.len() && !may_skip => {
                return Err(format!("{} rules have not visited", visiting.len() - next));
            }
            _ => {}
        }
    }
    match trace.last() {
        Some(step) if step.kind == 2 => Ok(()),
        _ => Err("the end has not come".into()),
    }
}
