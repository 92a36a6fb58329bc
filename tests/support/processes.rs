//! A process function that uses all there is, and the same by hand: a loop over one split with maps.

use std::collections::BTreeMap;
use std::time::Duration;

use thalweg::agg::Count;
use thalweg::prelude::*;
use thalweg::process::{Aggregating, Cx, KeyedProcess, Processed, Side, SideOutputs, Timers};
use thalweg::state::{List, Map, Reducing, State, Value};
use thalweg::time::WATERMARK_STRIDE;

use crate::records::{Event, Totals};

/// What a key remembers.
#[derive(Debug, State)]
pub struct Remembered {
    totals: Value<Totals>,
    #[state(ttl = "200ms")]
    recent: Value<u64>,
    #[state(ttl = "50ms", refresh = "read_write")]
    groups: Map<u32, i64>,
    #[state(ttl = "100ms")]
    values: List<i64>,
    #[state(aggregate = Count, ttl = "80ms")]
    seen: Aggregating<Event, Count>,
    #[state(reduce = |greatest, next| *greatest = next.max(*greatest))]
    greatest: Reducing<i64>,
}

/// Timers of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Timers)]
pub enum Timer {
    /// Is put off again and again.
    Silent,
    /// Comes soon.
    Soon,
}

/// Further outputs.
#[derive(Debug, SideOutputs)]
pub struct Sides {
    late: Side<Event>,
    fired: Side<(Str, EventTime, u64)>,
}

/// The process function.
#[derive(Debug)]
pub struct Everything {
    /// After so long a key is silent.
    pub gap: Duration,
}

/// Folds a number into totals.
fn note(totals: &mut Totals, number: impl TryInto<i64>) {
    let number = number.try_into().unwrap_or(-1);
    totals.digest = totals.digest.wrapping_mul(31).wrapping_add(number.cast_unsigned());
}

impl KeyedProcess for Everything {
    type Key = Str;
    type In = Event;
    type Out = (u64, Totals);
    type State = Remembered;
    type Timer = Timer;
    type Side = Sides;

    fn on_event(&mut self, cx: &mut Cx<'_, Self>, e: &Rec<Event>) -> Result<(), OperatorFault> {
        if e.at() < cx.watermark() {
            cx.side.late.forward(e);
        }
        let recent = cx.state.recent.update(|n| {
            *n += 1;
            *n
        });
        let group = cx.state.groups.get(e.group()).unwrap_or(-7);
        cx.state.groups.update_or(e.group(), || 1, |sum| *sum = sum.wrapping_add(e.value()));
        cx.state.values.push(e.value());
        cx.state.greatest.add(e.value());
        cx.state.seen.add(e);
        let mut totals = cx.state.totals.get_or_default();
        totals.add(e.id(), e.value());
        note(&mut totals, recent);
        note(&mut totals, group);
        note(&mut totals, cx.state.groups.len());
        cx.state.values.for_each(|value| note(&mut totals, value.to_native()));
        note(&mut totals, cx.state.greatest.get().unwrap_or(-1));
        note(&mut totals, cx.state.seen.get().unwrap_or(0));
        match e.value().rem_euclid(8) {
            0..4 => drop(cx.event_timers.set(Timer::Silent, e.at() + self.gap)),
            4 => note(
                &mut totals,
                cx.event_timers.cancel(Timer::Silent).map_or(3, EventTime::as_nanos),
            ),
            5 => note(&mut totals, cx.event_timers.get(Timer::Soon).map_or(5, EventTime::as_nanos)),
            _ => drop(cx.event_timers.set(Timer::Soon, e.at() + self.gap / 3)),
        }
        cx.state.totals.set(totals.clone());
        cx.out.emit(&(e.id(), totals));
        Ok(())
    }

    fn on_timer(
        &mut self,
        cx: &mut Cx<'_, Self>,
        timer: Timer,
        at: EventTime,
    ) -> Result<(), OperatorFault> {
        let mut totals = cx.state.totals.take().unwrap_or_default();
        note(&mut totals, timer as u8);
        note(&mut totals, at.as_nanos());
        note(&mut totals, cx.state.recent.get().unwrap_or(99));
        note(&mut totals, cx.state.values.len());
        match totals.digest % 4 {
            // Due at once, in this firing; the count sees to it that this ends.
            0 if totals.count > 0 => {
                totals.count -= 1;
                cx.event_timers.set(Timer::Soon, at);
            }
            1 if totals.count > 0 => {
                totals.count -= 1;
                cx.event_timers.set(Timer::Silent, at + 1.nanos());
            }
            _ => {}
        }
        cx.side.fired.emit(&(cx.key(), at, totals.digest));
        if !totals.digest.is_multiple_of(5) {
            cx.state.totals.set(totals);
        }
        Ok(())
    }
}

/// What the process function gives.
#[derive(Debug, Default, PartialEq)]
pub struct Given {
    /// The main output.
    pub main: Vec<(u64, Totals)>,
    /// Records before the watermark, by their ids.
    pub late: Vec<u64>,
    /// Timers, those of each key in order.
    pub fired: BTreeMap<Str, Vec<(EventTime, u64)>>,
}

/// What one key remembers, with the times until which it lives.
#[derive(Default)]
struct Key {
    totals: Option<Totals>,
    recent: (u64, Option<EventTime>),
    groups: BTreeMap<u32, (i64, EventTime)>,
    values: Vec<(i64, EventTime)>,
    greatest: Option<i64>,
    seen: (u64, Option<EventTime>),
    timers: BTreeMap<Timer, EventTime>,
}

impl Key {
    /// Forgets what has expired at `now`.
    fn expire(&mut self, now: EventTime) {
        if self.recent.1.is_some_and(|until| until <= now) {
            self.recent = (0, None);
        }
        if self.seen.1.is_some_and(|until| until <= now) {
            self.seen = (0, None);
        }
        self.groups.retain(|_, (_, until)| *until > now);
        self.values.retain(|(_, until)| *until > now);
    }

    fn on_event(&mut self, e: &Event, now: EventTime, gap: Duration) -> Totals {
        let (count, lives) = self.recent;
        let count = lives.filter(|until| *until > now).map_or(0, |_| count);
        self.recent = (count + 1, lives.max(Some(now + 200.millis())));
        let until =
            |before: Option<EventTime>| before.unwrap_or(EventTime::MIN).max(now + 50.millis());
        let before = self.groups.get(&e.group).copied().filter(|(_, until)| *until > now);
        let sum = before.map_or(1, |(sum, _)| sum).wrapping_add(e.value);
        self.groups.insert(e.group, (sum, until(before.map(|(_, until)| until))));
        self.values.push((e.value, now + 100.millis()));
        self.greatest = self.greatest.max(Some(e.value));
        let mut totals = self.totals.clone().unwrap_or_default();
        totals.add(e.id, e.value);
        note(&mut totals, self.recent.0);
        note(&mut totals, before.map_or(-7, |(sum, _)| sum));
        note(&mut totals, self.groups.values().filter(|(_, until)| *until > now).count());
        let alive = self.values.iter().filter(|(_, until)| *until > now);
        alive.for_each(|(value, _)| note(&mut totals, *value));
        let seen = self.seen.1.filter(|until| *until > now).map_or(0, |_| self.seen.0) + 1;
        self.seen = (seen, self.seen.1.max(Some(now + 80.millis())));
        note(&mut totals, self.greatest.unwrap_or(-1));
        note(&mut totals, seen);
        match e.value.rem_euclid(8) {
            0..4 => drop(self.timers.insert(Timer::Silent, e.at + gap)),
            4 => {
                note(&mut totals, self.timers.remove(&Timer::Silent).map_or(3, EventTime::as_nanos))
            }
            5 => note(&mut totals, self.timers.get(&Timer::Soon).map_or(5, |at| at.as_nanos())),
            _ => drop(self.timers.insert(Timer::Soon, e.at + gap / 3)),
        }
        self.totals = Some(totals.clone());
        totals
    }

    /// Fires what is due at `watermark`, which follows `before`.
    fn fire(&mut self, before: EventTime, watermark: EventTime) -> Vec<(EventTime, u64)> {
        let mut fired = Vec::new();
        loop {
            let due = self.timers.iter().map(|(timer, at)| (*at, *timer)).min();
            let Some((at, timer)) = due.filter(|(at, _)| *at <= watermark) else { return fired };
            self.timers.remove(&timer);
            let mut totals = self.totals.take().unwrap_or_default();
            note(&mut totals, timer as u8);
            note(&mut totals, at.as_nanos());
            let alive = |until: &EventTime| *until > at.max(before);
            note(&mut totals, self.recent.1.filter(alive).map_or(99, |_| self.recent.0));
            note(&mut totals, self.values.iter().filter(|(_, until)| alive(until)).count());
            match totals.digest % 4 {
                0 if totals.count > 0 => {
                    totals.count -= 1;
                    self.timers.insert(Timer::Soon, at);
                }
                1 if totals.count > 0 => {
                    totals.count -= 1;
                    self.timers.insert(Timer::Silent, at + 1.nanos());
                }
                _ => {}
            }
            fired.push((at, totals.digest));
            if !totals.digest.is_multiple_of(5) {
                self.totals = Some(totals);
            }
        }
    }
}

/// What one split should give, record by record, with the watermarks that it makes.
pub fn by_hand(split: &[Event], bound: Duration, gap: Duration) -> Given {
    let (mut keys, mut given) = (BTreeMap::<Str, Key>::new(), Given::default());
    let (mut greatest, mut watermark) = (EventTime::MIN, EventTime::MIN);
    let stride = usize::try_from(WATERMARK_STRIDE).expect("small");
    let fire = |keys: &mut BTreeMap<Str, Key>, before, watermark, given: &mut Given| {
        for (name, key) in keys {
            let fired = key.fire(before, watermark);
            if !fired.is_empty() {
                given.fired.entry(name.clone()).or_default().extend(fired);
            }
            if watermark < EventTime::MAX {
                key.expire(watermark);
            }
        }
    };
    for (index, e) in split.iter().enumerate() {
        given.late.extend((e.at < watermark).then_some(e.id));
        let key = keys.entry(e.name.clone()).or_default();
        given.main.push((e.id, key.on_event(e, e.at.max(watermark), gap)));
        greatest = greatest.max(e.at);
        if (index + 1) % stride == 0 && greatest - bound > watermark {
            let before = std::mem::replace(&mut watermark, greatest - bound);
            fire(&mut keys, before, watermark, &mut given);
        }
    }
    fire(&mut keys, watermark, EventTime::MAX, &mut given);
    given.main.sort();
    given.late.sort_unstable();
    given
}

/// Handles of what a run gives.
#[derive(Debug, Clone, Default)]
pub struct Handles {
    main: Collected<(u64, Totals)>,
    late: Collected<Event>,
    fired: Collected<(Str, EventTime, u64)>,
}

impl Handles {
    /// Writes the job down: the process function over a keyed stream.
    pub fn attach(&self, events: Stream<Event>, gap: Duration) {
        let Processed { main, side } =
            events.key_by(|e| e.name()).process("everything", || Everything { gap });
        main.sink("main", self.main.sink());
        side.late.sink("late", self.late.sink());
        side.fired.sink("fired", self.fired.sink());
    }

    /// What the run gave, worker by worker.
    pub fn take_per_worker(&self) -> Raw {
        (self.main.take_per_worker(), self.late.take_per_worker(), self.fired.take_per_worker())
    }

    /// What the run gave, sorted where order is not given.
    pub fn take(&self) -> Given {
        Given::of(&self.take_per_worker())
    }
}

/// Of each worker what it gave, with event times.
type PerWorker<T> = Vec<Vec<(EventTime, T)>>;

/// What a run gave, worker by worker.
pub type Raw = (PerWorker<(u64, Totals)>, PerWorker<Event>, PerWorker<(Str, EventTime, u64)>);

impl Given {
    /// Sorted where order is not given.
    pub fn of((main, late, fired): &Raw) -> Self {
        let mut given = Self::default();
        given.main.extend(main.iter().flatten().map(|(_, record)| record.clone()));
        given.main.sort();
        given.late.extend(late.iter().flatten().map(|(_, e)| e.id));
        given.late.sort_unstable();
        for (_, (name, at, digest)) in fired.iter().flatten() {
            given.fired.entry(name.clone()).or_default().push((*at, *digest));
        }
        given
    }
}
